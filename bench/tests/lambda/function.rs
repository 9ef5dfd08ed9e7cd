//! What the tests run in the place of a function: it does what its event says.

fn main() {}

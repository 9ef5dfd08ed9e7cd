//! What is fed with made-up inputs.

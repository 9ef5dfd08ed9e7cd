//! The session protocol as a model.

//! reef-embedded.

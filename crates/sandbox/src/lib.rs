//! reef-sandbox.

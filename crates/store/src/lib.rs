//! reef-store.

//! reef-service.

//! reef-domain.

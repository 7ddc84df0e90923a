//! reef-outbound.

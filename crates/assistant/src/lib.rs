//! reef-assistant.

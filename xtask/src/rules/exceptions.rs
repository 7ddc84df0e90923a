//! The places where a rule does not hold.

/// The rule, the file, and the reason.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("json", "crates/service/src/assistants/activate.rs", "validates the bodies of Reef's own API"),
    ("json", "crates/service/src/error.rs", "writes the `details` of Reef's own errors"),
    ("json", "crates/service/src/idempotency/outcome.rs", "keeps the `details` of Reef's own errors"),
    ("store", "server/src/compose.rs", "opens the store for the service"),
];

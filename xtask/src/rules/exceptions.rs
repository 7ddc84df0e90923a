//! The places where a rule does not hold, each with its rule.

/// Exceptions that stay, each with the reason.
pub const PERMANENT: &[(&str, &str, &str)] = &[
    ("json", "crates/service/src/assistants/activate.rs", "validates the bodies of Reef's own API"),
    ("json", "crates/service/src/error.rs", "writes the `details` of Reef's own errors"),
    ("json", "crates/service/src/idempotency/outcome.rs", "keeps the `details` of Reef's own errors"),
    ("store", "server/src/compose.rs", "opens the store for the service"),
];

/// Exceptions until the tree is rearranged. A cycle has all its files.
pub const OPEN: &[(&str, &[&str])] = &[
    (
        "cycle",
        &[
            "frontend/src/browser/form_state.rs",
            "frontend/src/browser/forms.rs",
            "frontend/src/browser/refresh.rs",
        ],
    ),
    (
        "cycle",
        &["app/src/components/error_page.rs", "app/src/components/page.rs", "app/src/pages/not_found.rs"],
    ),
    (
        "cycle",
        &["app/src/device_cookie.rs", "app/src/error.rs", "app/src/server.rs", "app/src/session/mod.rs"],
    ),
    ("cycle", &["crates/sandbox/src/faults.rs", "crates/sandbox/src/requests.rs"]),
    ("cycle", &["crates/sandbox/src/models/openrouter.rs", "crates/sandbox/src/models/openrouter_keys.rs"]),
    (
        "cycle",
        &[
            "crates/sandbox/src/polar/cards.rs",
            "crates/sandbox/src/polar/endpoints.rs",
            "crates/sandbox/src/polar/events.rs",
            "crates/sandbox/src/polar/lifecycle.rs",
            "crates/sandbox/src/polar/pauses.rs",
            "crates/sandbox/src/polar/webhooks.rs",
        ],
    ),
    (
        "cycle",
        &[
            "crates/sandbox/src/telegram/methods.rs",
            "crates/sandbox/src/telegram/pictures.rs",
            "crates/sandbox/src/telegram/send.rs",
            "crates/sandbox/src/telegram/updates.rs",
        ],
    ),
];

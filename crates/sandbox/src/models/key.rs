//! How the text of a model key or a model id decides what a provider does with it.

/// How a provider treats a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Good,
    /// The provider does not know the key.
    Refused,
    /// The key can list models and has no credit for completions.
    Broke,
}

impl KeyKind {
    pub fn of(key: &str) -> Self {
        if key.contains("refused") {
            Self::Refused
        } else if key.contains("broke") {
            Self::Broke
        } else {
            Self::Good
        }
    }
}

/// Whether no provider has this model.
pub(super) fn is_unknown_model(id: &str) -> bool {
    id.contains("unknown") || id.contains("nonexistent")
}

//! How the text of a model key or a model id decides what a provider does with it.

/// How a provider treats a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Valid,
    /// The provider does not know the key.
    Rejected,
    /// The key can list models and has no credit for completions.
    OutOfCredit,
}

impl KeyKind {
    pub fn of(key: &str) -> Self {
        if key.contains("refused") {
            Self::Rejected
        } else if key.contains("broke") {
            Self::OutOfCredit
        } else {
            Self::Valid
        }
    }
}

/// Whether no provider has this model.
pub(super) fn is_unknown_model(id: &str) -> bool {
    id.contains("unknown") || id.contains("nonexistent")
}

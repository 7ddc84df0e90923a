//! What a model key's text makes of it.

/// How a vendor takes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Good,
    /// Not a key of this vendor's.
    Refused,
    /// Good for listings; there is no credit for answers.
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

/// Whether a model id is one that no vendor has.
pub(super) fn is_unknown_model(id: &str) -> bool {
    id.contains("unknown") || id.contains("nonexistent")
}

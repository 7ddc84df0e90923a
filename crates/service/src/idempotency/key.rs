//! What a request is repeated under, and how that is stored. The forms cannot collide: a key of the API contains no spaces, and
//! an id is none of the words.

use std::fmt;

use reef_domain::ids::{AssistantId, GrantId};

use crate::error::Error;

/// The longest token of a form, in bytes.
const TOKEN_MAX: usize = 64;

/// The key of a request that runs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestKey {
    /// The `Idempotency-Key` of a request to the API. An API key that is limited to selected assistants must not see
    /// responses to other keys, so its grant is part of the idempotency key.
    Api { grant: Option<GrantId>, key: String },
    /// A form of the dashboard, by what distinguishes its content and by the token it was rendered with.
    Form { content: String, token: String },
    /// A new checkout of an order, in place of an earlier one if there was one.
    Checkout { order: AssistantId, replaced: Option<String> },
}

impl RequestKey {
    /// The key of a form.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] without a token that a form can have.
    pub(crate) fn of_form(content: &str, token: &str) -> Result<Self, Error> {
        if token.is_empty() || token.len() > TOKEN_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid_field("", "required", "This page changed. Reload it to continue."));
        }
        Ok(Self::Form { content: content.to_owned(), token: token.to_owned() })
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api { grant: None, key } => f.write_str(key),
            Self::Api { grant: Some(grant), key } => write!(f, "{grant} {key}"),
            Self::Form { content, token } => write!(f, "form {content} {token}"),
            Self::Checkout { order, replaced } => {
                write!(f, "checkout {order} after {}", replaced.as_deref().unwrap_or("none"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_two_kinds_of_request_share_a_key() {
        let (key, order) = ("form".to_owned(), AssistantId::new(Uuid::from_u128(1)));
        let keys = [
            RequestKey::Api { grant: None, key: key.clone() },
            RequestKey::Api { grant: Some(GrantId::new(Uuid::from_u128(1))), key },
            RequestKey::of_form("byok", "t0").unwrap(),
            RequestKey::Checkout { order, replaced: None },
            RequestKey::Checkout { order, replaced: Some("t0".to_owned()) },
        ];
        assert_eq!(keys.iter().map(ToString::to_string).collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn form_requires_a_token_without_spaces() {
        for token in ["", "a b", "ä", &"t".repeat(TOKEN_MAX + 1)] {
            assert!(matches!(RequestKey::of_form("byok", token), Err(Error::InvalidRequest(_))), "{token}");
        }
        assert!(RequestKey::of_form("byok", &"t".repeat(TOKEN_MAX)).is_ok());
    }
}

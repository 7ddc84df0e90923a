//! Who asks.

use reef_domain::ids::{ApiKeyId, GrantId, UserId};
use reef_domain::wire::Scope;

use crate::error::Error;

/// How the caller has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Signed in to the dashboard.
    Session {
        /// Whether the password was given within the last ten minutes, or the operator speaks for the account: what could
        /// take the account away from its owner asks for it.
        password_given: bool,
    },
    /// With an API key.
    Key {
        /// Which.
        id: ApiKeyId,
        /// May look.
        read: bool,
        /// May change.
        write: bool,
        /// The assistants it is limited to, if it is.
        grant: Option<GrantId>,
    },
}

/// Said where the password is to be given again.
pub(crate) fn password_required() -> Error {
    Error::invalid_field("password", "required", "Enter your password to continue.")
}

/// An account, and how it was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose things may be seen and changed.
    pub user_id: UserId,
    /// How that is known.
    pub via: Via,
}

impl Caller {
    /// A person in the dashboard who has just given the password, or for whom the operator speaks.
    #[must_use]
    pub const fn session(user_id: UserId) -> Self {
        Self { user_id, via: Via::Session { password_given: true } }
    }

    /// A person in the dashboard who has signed in at some time.
    #[must_use]
    pub const fn browsing(user_id: UserId) -> Self {
        Self { user_id, via: Via::Session { password_given: false } }
    }

    /// Whether what could take the account away may be done without asking for the password again.
    #[must_use]
    pub const fn has_given_password(&self) -> bool {
        matches!(self.via, Via::Session { password_given: true })
    }

    /// Passes when the password was given a short while ago.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks; [`Error::InvalidRequest`] about `password` otherwise.
    pub(crate) fn require_password(&self) -> Result<(), Error> {
        match self.via {
            Via::Key { .. } => Err(Error::Forbidden { needed: Scope::Write }),
            Via::Session { password_given: true } => Ok(()),
            Via::Session { password_given: false } => Err(password_required()),
        }
    }

    /// The assistants that the caller is limited to; `None` for who may touch all of their own.
    #[must_use]
    pub const fn grant(&self) -> Option<GrantId> {
        match self.via {
            Via::Session { .. } => None,
            Via::Key { grant, .. } => grant,
        }
    }

    /// Passes when the caller may do things of this scope.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the key lacks it.
    pub const fn require(&self, scope: Scope) -> Result<(), Error> {
        let allowed = match (self.via, scope) {
            (Via::Session { .. }, _) => true,
            (Via::Key { read, .. }, Scope::Read) => read,
            (Via::Key { write, .. }, Scope::Write) => write,
        };
        if allowed { Ok(()) } else { Err(Error::Forbidden { needed: scope }) }
    }

    /// As [`Self::require`], for what concerns all of the account's assistants together.
    ///
    /// # Errors
    /// [`Error::Forbidden`] also for a key that is limited to single assistants.
    pub const fn require_for_all(&self, scope: Scope) -> Result<(), Error> {
        if self.grant().is_some() {
            return Err(Error::Forbidden { needed: scope });
        }
        self.require(scope)
    }
}

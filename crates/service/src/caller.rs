//! Who asks.

use reef_domain::ids::{ApiKeyId, GrantId, UserId};
use reef_domain::wire::Scope;

use crate::error::Error;

/// How the caller has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Signed in to the dashboard.
    Session,
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

/// An account, and how it was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose things may be seen and changed.
    pub user_id: UserId,
    /// How that is known.
    pub via: Via,
}

impl Caller {
    /// A person in the dashboard.
    #[must_use]
    pub const fn session(user_id: UserId) -> Self {
        Self { user_id, via: Via::Session }
    }

    /// The assistants that the caller is limited to; `None` for who may touch all of their own.
    #[must_use]
    pub const fn grant(&self) -> Option<GrantId> {
        match self.via {
            Via::Session => None,
            Via::Key { grant, .. } => grant,
        }
    }

    /// Passes when the caller may do things of this scope.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the key lacks it.
    pub const fn require(&self, scope: Scope) -> Result<(), Error> {
        let allowed = match (self.via, scope) {
            (Via::Session, _) => true,
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

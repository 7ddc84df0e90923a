//! Who asks.

use std::fmt;

use reef_domain::ids::{ApiKeyId, GrantId, UserId};
use reef_domain::wire::Scope;
use reef_store::UserRow;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// How the caller has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Signed in to the dashboard.
    Session {
        /// What the session has shown a short while ago: what could take the account away from its owner asks for it.
        proof: SessionProof,
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

/// What a session has shown beyond having signed in at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionProof {
    /// Nothing.
    None,
    /// The account's password, within the last ten minutes. Another password since then makes it worthless.
    Password(PasswordStamp),
    /// The operator speaks for the account.
    Operator,
}

/// Which password an account had, so that a change shows; nothing can be learned about the password.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordStamp(u64);

impl PasswordStamp {
    pub(crate) fn of(user: &UserRow) -> Self {
        let hash = Sha256::digest(format!("reef password stamp {}", user.password_hash));
        Self(hash[..8].iter().fold(0, |stamp, byte| (stamp << 8) | u64::from(*byte)))
    }
}

impl fmt::Debug for PasswordStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordStamp")
    }
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
    /// The operator acting for a person: no password is required.
    #[must_use]
    pub const fn session(user_id: UserId) -> Self {
        Self { user_id, via: Via::Session { proof: SessionProof::Operator } }
    }

    /// A person in the dashboard who has signed in at some time.
    #[must_use]
    pub const fn browsing(user_id: UserId) -> Self {
        Self { user_id, via: Via::Session { proof: SessionProof::None } }
    }

    /// A person in the dashboard who has given the password a short while ago.
    #[must_use]
    pub const fn with_password(user_id: UserId, stamp: PasswordStamp) -> Self {
        Self { user_id, via: Via::Session { proof: SessionProof::Password(stamp) } }
    }

    /// Whether what could take the account away may be done without asking for the password again.
    #[must_use]
    pub const fn has_given_password(&self) -> bool {
        matches!(self.via, Via::Session { proof: SessionProof::Password(_) | SessionProof::Operator })
    }

    /// Which password was given, if one was.
    #[must_use]
    pub const fn password_stamp(&self) -> Option<PasswordStamp> {
        match self.via {
            Via::Session { proof: SessionProof::Password(stamp) } => Some(stamp),
            _ => None,
        }
    }

    /// Passes when a password was given a short while ago. Whether it still is the account's shows in the transaction of the
    /// change: `Work::require_password`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks; [`Error::InvalidRequest`] about `password` otherwise.
    pub(crate) fn require_password(&self) -> Result<(), Error> {
        match self.via {
            Via::Key { .. } => Err(Error::Forbidden { needed: Scope::Write }),
            Via::Session { .. } if self.has_given_password() => Ok(()),
            Via::Session { .. } => Err(password_required()),
        }
    }

    /// As [`Self::require_password`], for the account as it is now.
    pub(crate) fn require_password_of(&self, user: &UserRow) -> Result<(), Error> {
        self.require_password()?;
        match self.password_stamp() {
            Some(stamp) if stamp != PasswordStamp::of(user) => Err(password_required()),
            _ => Ok(()),
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

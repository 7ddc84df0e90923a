//! Who calls a use case, and which credential proves it.

use std::fmt;

use reef_domain::ids::{ApiKeyId, GrantId, UserId};
use reef_domain::wire::Scope;
use reef_store::UserRow;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// What the caller has authenticated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A session of the dashboard.
    Session {
        /// What the session has proven recently. Actions that could take the account away from its owner require a
        /// proof.
        proof: SessionProof,
    },
    /// A request with an API key.
    ApiKey {
        /// Identifies the key in logs and emails.
        id: ApiKeyId,
        /// Whether the key has the `read` scope.
        read: bool,
        /// Whether the key has the `write` scope.
        write: bool,
        /// The assistants that the key is limited to; `None` for a key that may access all of the account.
        grant: Option<GrantId>,
    },
}

/// What a session has proven beyond having signed in at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionProof {
    /// Nothing was proven recently.
    None,
    /// The account's password was given within the last ten minutes. Changing the password invalidates this proof.
    Password(PasswordStamp),
    /// The operator acts for the account, from the command line.
    Operator,
}

/// Changes whenever the account's password changes. Reveals nothing about the password.
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

/// Asks for the password again.
pub(crate) fn password_required() -> Error {
    Error::invalid_field("password", "required", "Enter your password to continue.")
}

/// An account, and the credential that it was authenticated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account whose data the caller may read and change.
    pub user_id: UserId,
    /// The credential that proves the account.
    pub credential: Credential,
}

impl Caller {
    /// The operator acting for an account: no password is required.
    #[must_use]
    pub const fn operator(user_id: UserId) -> Self {
        Self { user_id, credential: Credential::Session { proof: SessionProof::Operator } }
    }

    /// A signed-in session that has not proven its password recently.
    #[must_use]
    pub const fn signed_in(user_id: UserId) -> Self {
        Self { user_id, credential: Credential::Session { proof: SessionProof::None } }
    }

    /// A signed-in session whose password was verified recently.
    #[must_use]
    pub const fn with_proven_password(user_id: UserId, stamp: PasswordStamp) -> Self {
        Self { user_id, credential: Credential::Session { proof: SessionProof::Password(stamp) } }
    }

    /// Whether the caller may do what requires the password, without giving it again.
    #[must_use]
    pub const fn has_proven_password(&self) -> bool {
        matches!(
            self.credential,
            Credential::Session { proof: SessionProof::Password(_) | SessionProof::Operator }
        )
    }

    /// The stamp of the password that the caller has given recently.
    #[must_use]
    pub const fn password_stamp(&self) -> Option<PasswordStamp> {
        match self.credential {
            Credential::Session { proof: SessionProof::Password(stamp) } => Some(stamp),
            _ => None,
        }
    }

    /// Requires that the password was given recently. Whether it is still the account's password is checked in the
    /// transaction of the change, by `UnitOfWork::require_password`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for an API key; otherwise [`Error::InvalidRequest`] about `password`.
    pub(crate) fn require_password(&self) -> Result<(), Error> {
        match self.credential {
            Credential::ApiKey { .. } => Err(Error::Forbidden { needed: Scope::Write }),
            Credential::Session { .. } if self.has_proven_password() => Ok(()),
            Credential::Session { .. } => Err(password_required()),
        }
    }

    /// As [`Self::require_password`], and the password must still be the one that `user` has.
    pub(crate) fn require_current_password(&self, user: &UserRow) -> Result<(), Error> {
        self.require_password()?;
        match self.password_stamp() {
            Some(stamp) if stamp != PasswordStamp::of(user) => Err(password_required()),
            _ => Ok(()),
        }
    }

    /// The grant that the caller's key is limited to; `None` when the caller may access all of the account's
    /// assistants.
    #[must_use]
    pub const fn grant(&self) -> Option<GrantId> {
        match self.credential {
            Credential::Session { .. } => None,
            Credential::ApiKey { grant, .. } => grant,
        }
    }

    /// Requires a scope. Sessions have all of them.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the key lacks the scope.
    pub const fn require_scope(&self, scope: Scope) -> Result<(), Error> {
        let allowed = match (self.credential, scope) {
            (Credential::Session { .. }, _) => true,
            (Credential::ApiKey { read, .. }, Scope::Read) => read,
            (Credential::ApiKey { write, .. }, Scope::Write) => write,
        };
        if allowed { Ok(()) } else { Err(Error::Forbidden { needed: scope }) }
    }

    /// As [`Self::require_scope`], for actions that concern all assistants of the account.
    ///
    /// # Errors
    /// [`Error::Forbidden`] also for a key that is limited to selected assistants.
    pub const fn require_scope_for_all(&self, scope: Scope) -> Result<(), Error> {
        if self.grant().is_some() {
            return Err(Error::Forbidden { needed: scope });
        }
        self.require_scope(scope)
    }
}

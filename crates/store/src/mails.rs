//! Mails to customers, and the tokens in their links.

mod prune;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, MailId, UserId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// Asks the owner of a new account to confirm the address.
    ConfirmAddress,
    /// Has a link to choose a new password.
    ResetPassword,
    /// Asks the owner of a new address to confirm a change of address.
    ChangeAddress,
    /// Notifies the current address that a change was asked for.
    AddressChangeRequested,
    /// Notifies the old address that it was replaced.
    AddressChanged,
    /// The password was changed or reset.
    PasswordChanged,
    /// Two-factor authentication was turned on.
    TwoFactorEnabled,
    /// Two-factor authentication was turned off.
    TwoFactorDisabled,
    /// New recovery codes replaced the old ones.
    RecoveryCodesReplaced,
    /// An API key was created.
    KeyCreated,
    /// An API key was replaced by another.
    KeyRotated,
    /// Webhooks are signed with a new secret.
    SigningSecretRotated,
    /// The account was deleted.
    AccountDeleted,
    /// A payment for an assistant failed.
    PaymentFailed,
    /// An assistant that was active failed.
    AssistantFailed,
    /// The first deployment of an assistant failed.
    AssistantNotStarted,
    /// An assistant was stopped because its subscription ended.
    SubscriptionEnded,
    /// An assistant was stopped because its subscription is paused.
    SubscriptionPaused,
    /// An assistant has spent most of an allowance.
    AllowanceNearlySpent,
    /// An assistant has spent an allowance.
    AllowanceSpent,
    /// Something is wrong with an assistant that runs.
    HealthProblem,
    /// Nothing is wrong with an assistant any more.
    HealthRestored,
}

impl MailKind {
    const ALL: [Self; 22] = [
        Self::ConfirmAddress,
        Self::ResetPassword,
        Self::ChangeAddress,
        Self::AddressChangeRequested,
        Self::AddressChanged,
        Self::PasswordChanged,
        Self::TwoFactorEnabled,
        Self::TwoFactorDisabled,
        Self::RecoveryCodesReplaced,
        Self::KeyCreated,
        Self::KeyRotated,
        Self::SigningSecretRotated,
        Self::AccountDeleted,
        Self::PaymentFailed,
        Self::AssistantFailed,
        Self::AssistantNotStarted,
        Self::SubscriptionEnded,
        Self::SubscriptionPaused,
        Self::AllowanceNearlySpent,
        Self::AllowanceSpent,
        Self::HealthProblem,
        Self::HealthRestored,
    ];

    /// The value in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmAddress => "confirm_address",
            Self::ResetPassword => "reset_password",
            Self::ChangeAddress => "change_address",
            Self::AddressChangeRequested => "address_change_requested",
            Self::AddressChanged => "address_changed",
            Self::PasswordChanged => "password_changed",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::KeyCreated => "key_created",
            Self::KeyRotated => "key_rotated",
            Self::SigningSecretRotated => "signing_secret_rotated",
            Self::AccountDeleted => "account_deleted",
            Self::PaymentFailed => "payment_failed",
            Self::AssistantFailed => "assistant_failed",
            Self::AssistantNotStarted => "assistant_not_started",
            Self::SubscriptionEnded => "subscription_ended",
            Self::SubscriptionPaused => "subscription_paused",
            Self::AllowanceNearlySpent => "allowance_nearly_spent",
            Self::AllowanceSpent => "allowance_spent",
            Self::HealthProblem => "health_problem",
            Self::HealthRestored => "health_restored",
        }
    }
}

/// What the link in a mail allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPurpose {
    /// To confirm the account's address.
    Confirm,
    /// To choose a new password.
    Reset,
    /// To change the account's address.
    Change,
}

impl TokenPurpose {
    /// The value in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
            Self::Change => "change",
        }
    }
}

/// A mail, sent or to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct MailRow {
    pub id: MailId,
    /// `None` when the account was deleted, or, without a recipient, when no account has the address that was asked
    /// for and nothing is sent.
    pub user_id: Option<UserId>,
    pub kind: MailKind,
    /// The address; `None` for the account's address when the mail is sent.
    pub recipient: Option<String>,
    pub assistant_id: Option<AssistantId>,
    /// The name that the assistant had when the mail was created.
    pub assistant_name: Option<String>,
    /// Depends on the kind: the other address, or why an assistant failed.
    pub detail: Option<String>,
    /// The secret of the link, sealed; `None` once the mail is sent.
    pub token: Option<Vec<u8>>,
    pub created_at: Timestamp,
    /// When the mail server accepted it.
    pub sent_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct Row {
    id: MailId,
    user_id: Option<UserId>,
    kind: String,
    recipient: Option<String>,
    assistant_id: Option<AssistantId>,
    assistant_name: Option<String>,
    detail: Option<String>,
    token: Option<Vec<u8>>,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
}

impl TryFrom<Row> for MailRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let kind = MailKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
        Ok(Self {
            kind: kind.ok_or_else(|| StoreError::corrupt("mails", row.id))?,
            id: row.id,
            user_id: row.user_id,
            recipient: row.recipient,
            assistant_id: row.assistant_id,
            assistant_name: row.assistant_name,
            detail: row.detail,
            token: row.token,
            created_at: row.created_at,
            sent_at: row.sent_at,
        })
    }
}

/// The token of a link to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct NewMailToken<'a> {
    /// The SHA-256 hash of the token.
    pub hash: &'a [u8],
    pub mail_id: MailId,
    /// `None` when no account has the address: the token is never accepted.
    pub user_id: Option<UserId>,
    pub purpose: TokenPurpose,
    /// The address that the mail is sent to.
    pub email: &'a str,
    pub expires_at: Timestamp,
}

/// What a valid token stands for.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct MailTokenRow {
    pub user_id: UserId,
    /// The address that the mail was sent to.
    pub email: String,
}

impl Tx {
    /// Inserts a mail that is to be sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_mail(&mut self, mail: &MailRow) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into mails (id, user_id, kind, recipient, assistant_id, assistant_name, detail, token,
                    created_at, sent_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            mail.id,
            mail.user_id,
            mail.kind.as_str(),
            &mail.recipient,
            mail.assistant_id,
            &mail.assistant_name,
            &mail.detail,
            &mail.token,
            mail.created_at,
            mail.sent_at,
        );
        Ok(())
    }

    /// Finds a mail by its id.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_mail(&mut self, id: MailId) -> Result<Option<MailRow>, StoreError> {
        let row = fetch_optional!(self, Row, "select * from mails where id = $1", id);
        row.map(MailRow::try_from).transpose()
    }

    /// The newest emails of an account that go to its own address, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_mails_to_account(
        &mut self,
        user: UserId,
        email: &str,
        limit: i64,
    ) -> Result<Vec<MailRow>, StoreError> {
        let rows = fetch_all!(
            self,
            Row,
            "select * from mails where user_id = $1 and (recipient is null or recipient = $2)
             order by created_at desc, id desc limit $3",
            user,
            email,
            limit,
        );
        rows.into_iter().map(MailRow::try_from).collect()
    }

    /// Records that the mail server accepted a mail, and deletes the sealed token of its link.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_mail_sent(&mut self, id: MailId, now: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update mails set sent_at = $2, token = null where id = $1", id, now);
        Ok(())
    }

    /// Deletes the sealed token of a mail that will not be sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_mail_secret(&mut self, id: MailId) -> Result<(), StoreError> {
        execute!(self, "update mails set token = null where id = $1", id);
        Ok(())
    }

    /// Deletes a mail and its token.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_mail(&mut self, id: MailId) -> Result<(), StoreError> {
        execute!(self, "delete from mails where id = $1", id);
        Ok(())
    }

    /// Whether a mail of this kind about this assistant was created after `since`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_mail_since(
        &mut self,
        assistant: AssistantId,
        kind: MailKind,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from mails where assistant_id = $1 and kind = $2 and created_at > $3",
            assistant,
            kind.as_str(),
            since,
        );
        Ok(row.is_some_and(|(count,)| count > 0))
    }

    /// Stores the token of a link.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_mail_token(&mut self, token: &NewMailToken<'_>) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into mail_tokens (hash, mail_id, user_id, purpose, email, expires_at)
             values ($1, $2, $3, $4, $5, $6)",
            token.hash,
            token.mail_id,
            token.user_id,
            token.purpose.as_str(),
            token.email,
            token.expires_at,
        );
        Ok(())
    }

    /// Finds what a token stands for, if it is valid for this purpose at `now`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_mail_token(
        &mut self,
        hash: &[u8],
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<MailTokenRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            MailTokenRow,
            "select user_id, email from mail_tokens
             where hash = $1 and purpose = $2 and expires_at > $3 and user_id is not null",
            hash,
            purpose.as_str(),
            now,
        ))
    }

    /// Like [`Self::find_mail_token`], and deletes the token, so that it is valid once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn consume_mail_token(
        &mut self,
        hash: &[u8],
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<MailTokenRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            MailTokenRow,
            "delete from mail_tokens
             where hash = $1 and purpose = $2 and expires_at > $3 and user_id is not null
             returning user_id, email",
            hash,
            purpose.as_str(),
            now,
        ))
    }

    /// Deletes a user's tokens for one purpose; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revoke_mail_tokens(
        &mut self,
        user: UserId,
        purpose: TokenPurpose,
    ) -> Result<u64, StoreError> {
        let sql = "delete from mail_tokens where user_id = $1 and purpose = $2";
        Ok(execute!(self, sql, user, purpose.as_str()))
    }
}

//! Mails to customers, and what the links in them are good for.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, MailId, UserId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// Asks a new account's owner to confirm the address.
    ConfirmAddress,
    /// Leads to a new password.
    ResetPassword,
    /// Asks the owner of an account's next address to confirm it.
    ChangeAddress,
    /// Tells the old address that another one was asked for.
    AddressChanging,
    /// Tells the old address that another one has taken its place.
    AddressChanged,
    /// The account has another password.
    PasswordChanged,
    /// Signing in takes a code from now on.
    TwoStepOn,
    /// Signing in takes the password alone from now on.
    TwoStepOff,
    /// There are new recovery codes.
    RecoveryCodesReplaced,
    /// There is a new API key.
    KeyCreated,
    /// There is an API key in the place of another.
    KeyRotated,
    /// Callbacks are signed with a new secret.
    SigningSecretRotated,
    /// The account is gone.
    AccountDeleted,
    /// A payment for an assistant has failed.
    PaymentFailed,
    /// An assistant has failed.
    AssistantFailed,
    /// An assistant that never ran could not be started.
    AssistantNotStarted,
    /// An assistant was stopped because its subscription is over.
    SubscriptionEnded,
    /// An assistant was stopped because its subscription is paused.
    SubscriptionPaused,
}

impl MailKind {
    const ALL: [Self; 18] = [
        Self::ConfirmAddress,
        Self::ResetPassword,
        Self::ChangeAddress,
        Self::AddressChanging,
        Self::AddressChanged,
        Self::PasswordChanged,
        Self::TwoStepOn,
        Self::TwoStepOff,
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
    ];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmAddress => "confirm_address",
            Self::ResetPassword => "reset_password",
            Self::ChangeAddress => "change_address",
            Self::AddressChanging => "address_change_requested",
            Self::AddressChanged => "address_changed",
            Self::PasswordChanged => "password_changed",
            Self::TwoStepOn => "two_factor_enabled",
            Self::TwoStepOff => "two_factor_disabled",
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
        }
    }
}

/// What a link in a mail is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Confirming the account's address.
    Confirm,
    /// A new password.
    Reset,
    /// Another address.
    Change,
}

impl TokenPurpose {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
            Self::Change => "change",
        }
    }
}

/// A mail, to be sent or sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRow {
    /// Its id.
    pub id: MailId,
    /// Whose; `None` when the account is gone, or, without a recipient, when nobody has the address that was asked for and
    /// nothing is sent.
    pub user_id: Option<UserId>,
    /// What it is about.
    pub kind: MailKind,
    /// Where to; `None` means the account's address when it is sent.
    pub recipient: Option<String>,
    /// About which assistant.
    pub assistant_id: Option<AssistantId>,
    /// What that was called then.
    pub assistant_name: Option<String>,
    /// What else there is to say: the other address, or why an assistant failed.
    pub detail: Option<String>,
    /// The link's secret, sealed; gone once the mail is sent.
    pub token: Option<Vec<u8>>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the mail server has taken it.
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

/// What the secret in a mail's link stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMailToken<'a> {
    /// SHA-256 of the secret.
    pub hash: &'a [u8],
    /// The mail it is in.
    pub mail_id: MailId,
    /// Whose; `None` when nobody has the address.
    pub user_id: Option<UserId>,
    /// What it is good for.
    pub purpose: TokenPurpose,
    /// The address it was sent to.
    pub email: &'a str,
    /// From when on it is good for nothing.
    pub expires_at: Timestamp,
}

/// Whom a link belongs to.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct MailTokenRow {
    /// Whose.
    pub user_id: UserId,
    /// The address it was sent to.
    pub email: String,
}

impl Tx {
    /// Adds a mail.
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

    /// The mail with this id.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn mail(&mut self, id: MailId) -> Result<Option<MailRow>, StoreError> {
        let row = fetch_optional!(self, Row, "select * from mails where id = $1", id);
        row.map(MailRow::try_from).transpose()
    }

    /// The newest emails of an account that go to its own address, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn mails_to_account(
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

    /// Notes that the mail server has taken a mail, and destroys the sealed secret of its link.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn mail_sent(&mut self, id: MailId, now: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update mails set sent_at = $2, token = null where id = $1", id, now);
        Ok(())
    }

    /// Destroys the sealed secret of a mail's link: it will not be sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn destroy_mail_secret(&mut self, id: MailId) -> Result<(), StoreError> {
        execute!(self, "update mails set token = null where id = $1", id);
        Ok(())
    }

    /// Forgets a mail, and with it what its link was good for.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_mail(&mut self, id: MailId) -> Result<(), StoreError> {
        execute!(self, "delete from mails where id = $1", id);
        Ok(())
    }

    /// Whether a mail of this kind about this assistant was asked for after `since`.
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

    /// Keeps what the secret in a mail's link is good for.
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

    /// Whom a link belongs to, while it is good for this.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn mail_token(
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

    /// As [`Self::mail_token`], and uses it up.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn take_mail_token(
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

    /// Makes an account's links of one purpose good for nothing; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn void_mail_tokens(&mut self, user: UserId, purpose: TokenPurpose) -> Result<u64, StoreError> {
        let sql = "delete from mail_tokens where user_id = $1 and purpose = $2";
        Ok(execute!(self, sql, user, purpose.as_str()))
    }

    /// Forgets links that are over by `now`, destroys what is sealed in mails older than `sealed_before`, and forgets
    /// mails older than `before`; gives how many mails.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_mails(
        &mut self,
        now: Timestamp,
        sealed_before: Timestamp,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        execute!(self, "delete from mail_tokens where expires_at <= $1", now);
        let sql = "update mails set token = null where token is not null and created_at < $1";
        execute!(self, sql, sealed_before);
        Ok(execute!(self, "delete from mails where created_at < $1", before))
    }
}

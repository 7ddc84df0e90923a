//! Email to customers: enqueued in the transaction that it is about, sent by a job. What emails say is in [`messages`].
//!
//! An email is a row with what its text is rendered from. The secret of a link is stored as a hash and, until the email is
//! sent, sealed.

mod messages;
mod recipient_limits;
mod send;

use std::time::Duration;

use reef_domain::ids::{MailId, UserId};
use reef_domain::state::State;
use reef_domain::wire::PaymentStatus;
use reef_domain::{Assistant, FailureCode};
use reef_store::{MailKind, MailRow, NewMailToken, TokenPurpose, UserRow};
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;
use reef_vault::{SecretLocation, fingerprint};

pub(crate) use messages::render;
pub(crate) use recipient_limits::MailShare;
pub(crate) use send::SendMail;

/// Table and column of sealed secrets; the row is the email's id.
pub(crate) const COLUMN: &str = "mails.token";
/// How long links are valid, except reset links.
pub(crate) const LINK_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long reset links are valid.
const RESET_LINK_LIFETIME: Duration = Duration::from_secs(3600);
/// An assistant causes at most one email of a kind within this time.
const REPEAT_INTERVAL: Duration = Duration::from_secs(3600);

/// How long a link is valid.
const fn link_lifetime(purpose: TokenPurpose) -> Duration {
    match purpose {
        TokenPurpose::Confirm | TokenPurpose::Change => LINK_LIFETIME,
        TokenPurpose::Reset => RESET_LINK_LIFETIME,
    }
}

/// How long an email is worth sending. After that its link has expired, or its message is out of date.
pub(crate) const fn mail_lifetime(kind: MailKind) -> Duration {
    match kind {
        MailKind::ResetPassword => RESET_LINK_LIFETIME,
        _ => LINK_LIFETIME,
    }
}

/// The hash of a link's secret. Only the hash is stored.
pub(crate) fn hash_token(token: &SecretString) -> Vec<u8> {
    fingerprint("reef mail token", token.expose_secret())
}

impl Services {
    /// Whether Reef can send email. Without it, nobody can confirm or change an address, or reset a password.
    #[must_use]
    pub fn is_mail_enabled(&self) -> bool {
        self.ports().mailer.is_some()
    }

    /// Requires that Reef can send email.
    pub(crate) fn require_mail(&self) -> Result<(), Error> {
        if self.is_mail_enabled() {
            return Ok(());
        }
        Err(Error::invalid_field("", "mail_off", "This site doesn't send email. Contact support."))
    }

    fn new_mail(&self, kind: MailKind) -> MailRow {
        MailRow {
            id: MailId::new(self.new_uuid()),
            user_id: None,
            kind,
            recipient: None,
            assistant_id: None,
            assistant_name: None,
            detail: None,
            token: None,
            created_at: self.now(),
            sent_at: None,
        }
    }
}

/// The email that a change of an assistant causes, if any, and its detail.
fn mail_about_change(before: &Assistant, after: &Assistant) -> Option<(MailKind, Option<String>)> {
    let status_changed = before.state.status() != after.state.status();
    match &after.state {
        State::Failed { .. } if status_changed => {
            let reason = after.status_message().map(|message| FailureCode::strip_code(&message).to_owned());
            return Some((MailKind::AssistantFailed, reason));
        }
        // An assistant that a pause has stopped can end later, and stays stopped.
        State::Stopped { reason: Some(reason), .. } if before.state.failure() != Some(*reason) => {
            let is_paused = *reason == FailureCode::SubscriptionPaused;
            let kind = if is_paused { MailKind::SubscriptionPaused } else { MailKind::SubscriptionEnded };
            let is_refund = after.payment.status == PaymentStatus::Refunded;
            return Some((kind, after.status_message().filter(|_| is_refund)));
        }
        _ => {}
    }
    let fails = |a: &Assistant| a.payment.status == PaymentStatus::PastDue;
    (fails(after) && !fails(before)).then_some((MailKind::PaymentFailed, None))
}

impl UnitOfWork<'_> {
    /// Enqueues an email with a link and a new secret, unless the recipient has had too many; the caller cannot tell the
    /// difference. Without a user, nothing is sent and everything else is the same. A link to change the email revokes
    /// earlier ones.
    pub async fn enqueue_link_mail(
        &mut self,
        user: Option<&UserRow>,
        kind: MailKind,
        purpose: TokenPurpose,
        address: &str,
    ) -> Result<(), Error> {
        if !self.admit_link(user, purpose, address).await? {
            return Ok(());
        }
        let user_id = user.map(|user| user.id);
        if let (Some(user_id), TokenPurpose::Change) = (user_id, purpose) {
            self.tx.revoke_mail_tokens(user_id, purpose).await?;
        }
        let services = self.services;
        let secret = SecretString::from(services.random_hex::<32>());
        let mail = services.new_mail(kind);
        let place = SecretLocation { column: COLUMN, row: &mail.id };
        let sealed = services.vault().seal(secret.expose_secret(), place, &*services.ports().entropy);
        let mail = MailRow {
            user_id,
            recipient: user_id.map(|_| address.to_owned()),
            token: Some(sealed.map_err(Error::internal)?),
            ..mail
        };
        self.enqueue_mail(&mail).await?;
        self.insert_link(&secret, &mail, purpose, address).await
    }

    /// Creates a reset link without an email, for somebody who has just followed another link to the account's address.
    pub async fn create_reset_link(&mut self, user: &UserRow) -> Result<SecretString, Error> {
        let secret = SecretString::from(self.services.random_hex::<32>());
        let mail = MailRow {
            user_id: Some(user.id),
            sent_at: Some(self.now),
            ..self.services.new_mail(MailKind::ResetPassword)
        };
        self.tx.insert_mail(&mail).await?;
        self.insert_link(&secret, &mail, TokenPurpose::Reset, &user.email).await?;
        Ok(secret)
    }

    async fn insert_link(
        &mut self,
        secret: &SecretString,
        mail: &MailRow,
        purpose: TokenPurpose,
        address: &str,
    ) -> Result<(), Error> {
        let token = NewMailToken {
            hash: &hash_token(secret),
            mail_id: mail.id,
            user_id: mail.user_id,
            purpose,
            email: if mail.user_id.is_some() { address } else { "" },
            expires_at: self.now.plus(link_lifetime(purpose)),
        };
        Ok(self.tx.insert_mail_token(&token).await?)
    }

    /// Enqueues a notice about an account to one of its addresses, unless it had many of this kind. Each kind has its
    /// own limit, so that no kind hides another.
    pub async fn enqueue_notice(
        &mut self,
        user: &UserRow,
        kind: MailKind,
        address: &str,
        detail: &str,
    ) -> Result<(), Error> {
        if !self.admit_notice(user, address, MailShare::Notices(kind)).await? {
            return Ok(());
        }
        let mail = MailRow {
            user_id: Some(user.id),
            recipient: Some(address.to_owned()),
            detail: Some(detail.to_owned()),
            ..self.services.new_mail(kind)
        };
        self.enqueue_mail(&mail).await
    }

    /// Enqueues a notice about a security event to an account's email, so that the owner learns of it if somebody else
    /// caused it. Does nothing when Reef cannot send email.
    pub async fn enqueue_security_notice(
        &mut self,
        user_id: UserId,
        kind: MailKind,
        detail: &str,
    ) -> Result<(), Error> {
        if !self.services.is_mail_enabled() {
            return Ok(());
        }
        let Some(user) = self.tx.find_user(user_id).await? else { return Ok(()) };
        self.enqueue_notice(&user, kind, &user.email, detail).await
    }

    /// Enqueues a notice that an account was deleted. The email and its recipient outlive the account until it is sent,
    /// so it goes to confirmed addresses only.
    pub async fn enqueue_deletion_notice(&mut self, user: &UserRow) -> Result<(), Error> {
        let kind = MailKind::AccountDeleted;
        if !self.services.is_mail_enabled() || user.email_confirmed_at.is_none() {
            return Ok(());
        }
        if !self.admit_notice(user, &user.email, MailShare::Notices(kind)).await? {
            return Ok(());
        }
        let mail = MailRow { recipient: Some(user.email.clone()), ..self.services.new_mail(kind) };
        self.enqueue_mail(&mail).await
    }

    /// Enqueues an email about a change of an assistant, if the change calls for one and the owner had none of this kind
    /// for an hour. The assistant is locked, so concurrent changes cause one email.
    pub async fn enqueue_change_mail(&mut self, before: &Assistant, after: &Assistant) -> Result<(), Error> {
        let Some((kind, detail)) =
            mail_about_change(before, after).filter(|_| self.services.is_mail_enabled())
        else {
            return Ok(());
        };
        // An assistant that never ran is not down.
        let kind = match kind {
            MailKind::AssistantFailed if !self.tx.has_been_active(after.id).await? => {
                MailKind::AssistantNotStarted
            }
            other => other,
        };
        if self.tx.has_mail_since(after.id, kind, self.now.minus(REPEAT_INTERVAL)).await? {
            return Ok(());
        }
        self.enqueue_assistant_notice(after, kind, detail, MailShare::Assistants).await
    }

    /// Enqueues an email about an assistant, unless its owner had many that count toward `share`. Does nothing when Reef cannot
    /// send email.
    pub async fn enqueue_assistant_notice(
        &mut self,
        assistant: &Assistant,
        kind: MailKind,
        detail: Option<String>,
        share: MailShare,
    ) -> Result<(), Error> {
        if !self.services.is_mail_enabled() {
            return Ok(());
        }
        let Some(owner) = self.tx.find_user(assistant.user_id).await? else { return Ok(()) };
        if !self.admit_notice(&owner, &owner.email, share).await? {
            return Ok(());
        }
        let mail = MailRow {
            user_id: Some(assistant.user_id),
            assistant_id: Some(assistant.id),
            assistant_name: Some(assistant.name().to_owned()),
            detail,
            ..self.services.new_mail(kind)
        };
        self.enqueue_mail(&mail).await
    }

    async fn enqueue_mail(&mut self, mail: &MailRow) -> Result<(), Error> {
        self.tx.insert_mail(mail).await?;
        self.enqueue(SendMail { mail_id: mail.id }).await
    }
}

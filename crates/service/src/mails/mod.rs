//! Mail to customers: asked for in the transaction it follows from, sent by a job.
//!
//! A mail is a row with what its words are made of. The secret of a link is random; what is kept of it is a hash, and,
//! until the mail is sent, the secret itself, sealed.

mod recipients;
mod words;

use std::time::Duration;

use reef_domain::ids::{MailId, UserId};
use reef_domain::state::State;
use reef_domain::wire::PaymentStatus;
use reef_domain::{Assistant, FailureCode};
use reef_store::{MailKind, MailRow, NewMailToken, TokenPurpose, UserRow};
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;
use crate::vault::{Place, fingerprint};
use crate::work::Work;

use recipients::Share;
pub(crate) use words::words;

/// Table and column of sealed secrets; the row is the mail's id.
pub(crate) const COLUMN: &str = "mails.token";
/// How long links stay good, except the one to a new password.
pub(crate) const LINK_GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a link to a new password stays good.
const RESET_GOOD_FOR: Duration = Duration::from_secs(3600);
/// Of one kind, an assistant causes one mail in this time.
const PAUSE: Duration = Duration::from_secs(3600);

/// How long a link stays good.
const fn good_for(purpose: TokenPurpose) -> Duration {
    match purpose {
        TokenPurpose::Confirm | TokenPurpose::Change => LINK_GOOD_FOR,
        TokenPurpose::Reset => RESET_GOOD_FOR,
    }
}

/// After how long a mail is not worth sending any more: its link is good for nothing, or its news is old.
pub(crate) const fn worth_sending_for(kind: MailKind) -> Duration {
    match kind {
        MailKind::ResetPassword => RESET_GOOD_FOR,
        _ => LINK_GOOD_FOR,
    }
}

/// What is kept of a link's secret.
pub(crate) fn token_hash(token: &SecretString) -> Vec<u8> {
    fingerprint("reef mail token", token.expose_secret())
}

impl Services {
    /// Whether mail is sent at all. Without it nobody can confirm an address, reset a password or change their address.
    #[must_use]
    pub fn mail_is_on(&self) -> bool {
        self.ports().mailer.is_some()
    }

    /// Passes while mail is sent.
    pub(crate) fn require_mail(&self) -> Result<(), Error> {
        if self.mail_is_on() {
            return Ok(());
        }
        Err(Error::invalid_field("", "mail_off", "No e-mail is sent from here; the operator can help."))
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

/// What a change of an assistant is worth telling its owner by mail, and what else there is to say.
fn news(before: &Assistant, after: &Assistant) -> Option<(MailKind, Option<String>)> {
    let status_changed = before.state.status() != after.state.status();
    match &after.state {
        State::Failed { .. } if status_changed => {
            let message = after.status_message().unwrap_or_default();
            let words = message.split_once(": ").map(|(_, words)| words.to_owned());
            return Some((MailKind::AssistantFailed, words));
        }
        // What a pause has stopped can come to its end later, and stays stopped.
        State::Stopped { reason: Some(reason), .. } if before.state.failure() != Some(*reason) => {
            let is_paused = *reason == FailureCode::SubscriptionPaused;
            let kind = if is_paused { MailKind::SubscriptionPaused } else { MailKind::SubscriptionEnded };
            return Some((kind, None));
        }
        _ => {}
    }
    let fails = |a: &Assistant| a.payment.status == PaymentStatus::PastDue;
    (fails(after) && !fails(before)).then_some((MailKind::PaymentFailed, None))
}

impl Work<'_> {
    /// Enqueues a mail with a link whose secret is made here, unless its recipient has had too many: the answer is the
    /// same. With no account the mail is sent to nobody, but all else is as with one. An earlier link to another
    /// address is good for nothing then.
    pub async fn mail_link(
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
            self.tx.void_mail_tokens(user_id, purpose).await?;
        }
        let services = self.services;
        let secret = SecretString::from(services.random_hex::<32>());
        let mail = services.new_mail(kind);
        let place = Place { column: COLUMN, row: &mail.id };
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

    /// A link to a new password that needs no mail: its reader has just followed another one to the account's address.
    pub async fn reset_link_at_hand(&mut self, user: &UserRow) -> Result<SecretString, Error> {
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
            hash: &token_hash(secret),
            mail_id: mail.id,
            user_id: mail.user_id,
            purpose,
            email: if mail.user_id.is_some() { address } else { "" },
            expires_at: self.now.plus(good_for(purpose)),
        };
        Ok(self.tx.insert_mail_token(&token).await?)
    }

    /// Enqueues a mail to an address of an account about something that was done with it, unless there were many of the kind:
    /// each kind has a share of its own, so that none hides another.
    pub async fn mail_notice(
        &mut self,
        user: &UserRow,
        kind: MailKind,
        address: &str,
        other: &str,
    ) -> Result<(), Error> {
        if !self.admit_notice(user, address, Share::Notices(kind)).await? {
            return Ok(());
        }
        let mail = MailRow {
            user_id: Some(user.id),
            recipient: Some(address.to_owned()),
            detail: Some(other.to_owned()),
            ..self.services.new_mail(kind)
        };
        self.enqueue_mail(&mail).await
    }

    /// Enqueues a mail to an account's address about what was done with the account, where mail is sent: if somebody else
    /// did it, the owner is to know.
    pub async fn security_notice(
        &mut self,
        user_id: UserId,
        kind: MailKind,
        detail: &str,
    ) -> Result<(), Error> {
        if !self.services.mail_is_on() {
            return Ok(());
        }
        let Some(user) = self.tx.user(user_id).await? else { return Ok(()) };
        self.mail_notice(&user, kind, &user.email, detail).await
    }

    /// Enqueues a mail to the address of an account that this deletes. It outlives the account, until it is sent, so it goes
    /// only where somebody has confirmed the address.
    pub async fn mail_farewell(&mut self, user: &UserRow) -> Result<(), Error> {
        let kind = MailKind::AccountDeleted;
        if !self.services.mail_is_on() || user.email_confirmed_at.is_none() {
            return Ok(());
        }
        if !self.admit_notice(user, &user.email, Share::Notices(kind)).await? {
            return Ok(());
        }
        let mail = MailRow { recipient: Some(user.email.clone()), ..self.services.new_mail(kind) };
        self.enqueue_mail(&mail).await
    }

    /// Enqueues a mail about what a change of an assistant means to its owner, if it is worth one and there was none of
    /// its kind for an hour. The assistant is locked, so that two changes at once cause one mail.
    pub async fn mail_news(&mut self, before: &Assistant, after: &Assistant) -> Result<(), Error> {
        let Some((kind, detail)) = news(before, after).filter(|_| self.services.mail_is_on()) else {
            return Ok(());
        };
        // What never ran has not stopped answering.
        let kind = match kind {
            MailKind::AssistantFailed if !self.tx.has_been_active(after.id).await? => {
                MailKind::AssistantNotStarted
            }
            other => other,
        };
        if self.tx.has_mail_since(after.id, kind, self.now.minus(PAUSE)).await? {
            return Ok(());
        }
        let Some(owner) = self.tx.user(after.user_id).await? else { return Ok(()) };
        if !self.admit_notice(&owner, &owner.email, Share::Assistants).await? {
            return Ok(());
        }
        let mail = MailRow {
            user_id: Some(after.user_id),
            assistant_id: Some(after.id),
            assistant_name: Some(after.name().to_owned()),
            detail,
            ..self.services.new_mail(kind)
        };
        self.enqueue_mail(&mail).await
    }

    async fn enqueue_mail(&mut self, mail: &MailRow) -> Result<(), Error> {
        self.tx.insert_mail(mail).await?;
        self.enqueue(Job::Mail { mail_id: mail.id }).await
    }
}

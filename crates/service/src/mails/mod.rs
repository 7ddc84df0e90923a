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
use reef_store::{MailKind, MailRow, NewMailToken, TokenPurpose};
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
        State::Failed { failure, .. } if status_changed => {
            return Some((MailKind::AssistantFailed, Some(failure.sentence().to_owned())));
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
    /// Enqueues a mail with a link whose secret is made here, unless its recipient has had too many: whoever asked is told
    /// the same. With no account the mail is sent to nobody, but all else is as with one.
    pub async fn mail_link(
        &mut self,
        user_id: Option<UserId>,
        kind: MailKind,
        purpose: TokenPurpose,
        address: &str,
    ) -> Result<(), Error> {
        if !self.admit_mail(address, Share::Links).await? {
            return Ok(());
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
        let token = NewMailToken {
            hash: &token_hash(&secret),
            mail_id: mail.id,
            user_id,
            purpose,
            email: if user_id.is_some() { address } else { "" },
            expires_at: self.now.plus(good_for(purpose)),
        };
        Ok(self.tx.insert_mail_token(&token).await?)
    }

    /// Enqueues a mail to an address of an account about something that was done with it, unless there were many of the kind:
    /// each kind has a share of its own, so that none hides another.
    pub async fn mail_notice(
        &mut self,
        user_id: UserId,
        kind: MailKind,
        address: &str,
        other: &str,
    ) -> Result<(), Error> {
        if !self.admit_mail(address, Share::Notices(kind)).await? {
            return Ok(());
        }
        let mail = MailRow {
            user_id: Some(user_id),
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
        self.mail_notice(user_id, kind, &user.email, detail).await
    }

    /// Enqueues a mail about what a change of an assistant means to its owner, if it is worth one and there was none of
    /// its kind for an hour. The assistant is locked, so that two changes at once cause one mail.
    pub async fn mail_news(&mut self, before: &Assistant, after: &Assistant) -> Result<(), Error> {
        let Some((kind, detail)) = news(before, after).filter(|_| self.services.mail_is_on()) else {
            return Ok(());
        };
        if self.tx.has_mail_since(after.id, kind, self.now.minus(PAUSE)).await? {
            return Ok(());
        }
        let Some(owner) = self.tx.user(after.user_id).await? else { return Ok(()) };
        if !self.admit_mail(&owner.email, Share::Assistants).await? {
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

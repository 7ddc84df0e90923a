//! The job that sends one email, unless it is outdated by then.

use reef_domain::ids::MailId;
use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use reef_store::MailRow;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::error::Error;
use crate::mail::{COLUMN, mail_lifetime, render};
use crate::services::Services;
use reef_ports::{Mail, MailError};
use reef_vault::SecretLocation;

/// The newest emails that decide whether an address receives any. One that is still waiting decides nothing.
const NEWEST: i64 = 20;

/// Send one email of the outbox.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SendMail {
    pub mail_id: MailId,
}

impl Job<Services> for SendMail {
    const KIND: &'static str = "mail";
    const CONCURRENCY: usize = 4;
    // With this backoff, 15 attempts take about four hours.
    const RETRY: RetryPolicy = RetryPolicy::at_most(15, Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        self.mail_id.to_string()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.send_mail(self.mail_id).await
    }
}

struct Recipient {
    address: String,
    /// Whether the address is confirmed; `true` for a deleted account, which has nothing left that this would change.
    is_confirmed: bool,
}

impl Services {
    /// Hands an email to the mail server, unless it was sent before or is outdated. If the process is killed before
    /// that is recorded, the email is sent twice with the same id.
    async fn send_mail(&self, id: MailId) -> Result<(), JobError> {
        let Some(mailer) = &self.ports().mailer else {
            return Err(JobError::Retry("no mail server is configured".into()));
        };
        let Some((mail, to)) = self.find_sendable_mail(id).await? else { return Ok(()) };
        let is_for_deleted_account = mail.user_id.is_none();
        let mail = self.render_mail(&mail, to)?;
        let outcome = match mailer.send(&mail).await {
            Ok(()) => Ok(()),
            Err(error @ MailError::Refused { .. }) => Err(JobError::Fail(error.to_string())),
            Err(error) => return Err(JobError::Retry(error.into())),
        };
        let mut tx = self.store().begin().await?;
        if is_for_deleted_account {
            // Nothing of a deleted account is kept, not even the recipient of its last email.
            tx.delete_mail(id).await?;
        } else if outcome.is_ok() {
            tx.record_mail_sent(id, self.now()).await?;
        } else {
            // The email was refused, so its link can never be used.
            tx.delete_mail_secret(id).await?;
        }
        tx.commit().await?;
        outcome
    }

    /// The email and its recipient, if it still has to be sent; otherwise its row is deleted.
    async fn find_sendable_mail(&self, id: MailId) -> Result<Option<(MailRow, Recipient)>, Error> {
        let mut tx = self.store().begin().await?;
        let Some(mail) = tx.find_mail(id).await?.filter(|mail| mail.sent_at.is_none()) else {
            return Ok(None);
        };
        let to = match mail.user_id {
            Some(user) => tx.find_user(user).await?.map(|user| Recipient {
                is_confirmed: user.email_confirmed_at.is_some(),
                address: mail.recipient.clone().unwrap_or(user.email),
            }),
            None => mail.recipient.clone().map(|address| Recipient { address, is_confirmed: true }),
        };
        let has_subject = match mail.assistant_id {
            Some(assistant) => tx.find_assistant(assistant).await?.is_some(),
            None => true,
        };
        let is_late = mail.created_at.plus(mail_lifetime(mail.kind)) <= self.now();
        match to {
            Some(to) if has_subject && !is_late => Ok(Some((mail, to))),
            _ => {
                if is_late {
                    tracing::warn!(mail_id = %id, kind = mail.kind.as_str(), "email expired before it was sent");
                }
                tx.delete_mail(id).await?;
                tx.commit().await?;
                Ok(None)
            }
        }
    }

    /// Whether the last email to the caller's own address that was sent or given up could not be delivered: its server
    /// refused it, or did not take it in time.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when there is no such account; [`Error::Internal`].
    pub async fn is_email_undeliverable(&self, caller: &Caller) -> Result<bool, Error> {
        let mut tx = self.store().read().await?;
        let user = tx.find_user(caller.user_id).await?.ok_or(Error::Unauthorized)?;
        for mail in tx.list_mails_to_account(user.id, &user.email, NEWEST).await? {
            // An opened link proves that the address receives email.
            if mail.sent_at.is_some() || user.email_confirmed_at.is_some_and(|at| at >= mail.created_at) {
                return Ok(false);
            }
            if tx.is_job_dead(&SendMail { mail_id: mail.id }.dedup_key()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn render_mail(&self, mail: &MailRow, to: Recipient) -> Result<Mail, Error> {
        let open =
            |sealed: &Vec<u8>| self.vault().open(sealed, SecretLocation { column: COLUMN, row: &mail.id });
        let token: Option<SecretString> =
            mail.token.as_ref().map(open).transpose().map_err(Error::internal)?;
        let message = render(mail, &self.config().public_url, token.as_ref(), to.is_confirmed);
        Ok(Mail {
            id: mail.id,
            to: to.address,
            subject: message.subject,
            text: message.text,
            requested_at: mail.created_at,
        })
    }
}

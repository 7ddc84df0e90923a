//! Limits how many emails one mailbox gets, no matter who requests them, because anybody can enter anybody's address. Emails
//! are counted by address and not by account, so that creating and deleting accounts gains nothing. An email over the limit
//! is not sent, and the response is the same, so that it reveals nothing about an address.

use std::time::Duration;

use reef_store::{MAIL_LIMIT_PERIOD_MAX, MailKind, MailLimit, TokenPurpose, UserRow};

use crate::error::Error;
use crate::unit_of_work::UnitOfWork;

const HOUR: Duration = Duration::from_secs(3600);

const fn hourly_and_daily(in_hour: i64, in_day: i64) -> [MailLimit; 2] {
    [MailLimit { count: in_hour, within: HOUR }, MailLimit { count: in_day, within: MAIL_LIMIT_PERIOD_MAX }]
}

/// An account's address gets a reset link if it got none for this long, even if its mailbox has had too many emails. Reset
/// links are valid for an hour, and requests are throttled for at most a quarter of one, so there is always a valid
/// link.
const NEWEST_RESET: [MailLimit; 1] = [MailLimit { count: 1, within: Duration::from_secs(40 * 60) }];

/// The limit that an email counts toward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailShare {
    /// Reset links. They have a limit of their own, so that other links that anybody can request leave room for them.
    Resets,
    /// Links that confirm an email.
    Confirmations,
    /// Notices about an account. Each kind has its own limit, so that no kind hides another.
    Notices(MailKind),
    /// Emails about assistants and payments.
    Assistants,
    /// All emails but links to an unconfirmed address, which may be a stranger's.
    Unconfirmed,
}

impl MailShare {
    pub(super) const fn of_link(purpose: TokenPurpose) -> Self {
        match purpose {
            TokenPurpose::Reset => Self::Resets,
            TokenPurpose::Confirm | TokenPurpose::Change => Self::Confirmations,
        }
    }

    const fn limits(self) -> [MailLimit; 2] {
        match self {
            Self::Resets | Self::Confirmations => hourly_and_daily(5, 20),
            Self::Notices(_) => hourly_and_daily(3, 10),
            Self::Assistants => hourly_and_daily(30, 100),
            Self::Unconfirmed => hourly_and_daily(10, 30),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Resets => "resets",
            Self::Confirmations => "confirmations",
            Self::Notices(kind) => kind.as_str(),
            Self::Assistants => "assistants",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// One name for all spellings of a mailbox. Case and anything after a plus sign do not matter, and neither do dots at
/// Gmail, which has two domains.
fn mailbox(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let name = local.split_once('+').map_or(local, |(name, _)| name);
    let name = if name.is_empty() { local } else { name };
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", name.replace('.', "")),
        _ => format!("{name}@{domain}"),
    }
}

impl UnitOfWork<'_> {
    /// Counts an email to an address. Returns whether it may be sent.
    async fn admit_mail(&mut self, address: &str, share: MailShare) -> Result<bool, Error> {
        let may_send = self.count_mail(share.name(), &mailbox(address), &share.limits()).await?;
        if !may_send {
            tracing::info!(share = share.name(), "mail not sent: recipient is over its limit");
        }
        Ok(may_send)
    }

    /// As [`Self::admit_mail`], for a link. `user` is the account that the link is for, if there is one.
    pub(super) async fn admit_link(
        &mut self,
        user: Option<&UserRow>,
        purpose: TokenPurpose,
        address: &str,
    ) -> Result<bool, Error> {
        let share = MailShare::of_link(purpose);
        let Some(user) = user else {
            // Nothing is sent, so this does not count toward the mailbox's limit. Otherwise anybody could use it up
            // with invented spellings.
            return self.count_mail("nobody", address, &share.limits()).await;
        };
        let admitted = self.admit_mail(address, share).await?;
        if share != MailShare::Resets {
            return Ok(admitted);
        }
        // Only one account of a mailbox has this exception: the confirmed one, or the one with the plain address.
        let is_owners = user.email_confirmed_at.is_some() || mailbox(&user.email) == user.email;
        let limits: &[MailLimit] = if admitted { &[] } else { &NEWEST_RESET };
        let is_due = self.count_mail("newest reset", address, limits).await?;
        Ok(admitted || is_owners && is_due)
    }

    /// As [`Self::admit_mail`], for a notice to an account's owner.
    pub(super) async fn admit_notice(
        &mut self,
        user: &UserRow,
        address: &str,
        share: MailShare,
    ) -> Result<bool, Error> {
        let is_unconfirmed = address == user.email && user.email_confirmed_at.is_none();
        Ok(self.admit_mail(address, share).await?
            && (!is_unconfirmed || self.admit_mail(address, MailShare::Unconfirmed).await?))
    }

    async fn count_mail(
        &mut self,
        share: &str,
        recipient: &str,
        allowances: &[MailLimit],
    ) -> Result<bool, Error> {
        let recipient = self.services.vault().derive("mail recipient", &format!("{share} {recipient}"));
        Ok(self.tx.reserve_mail(&recipient, allowances, self.now).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailbox_spellings_are_one() {
        for address in ["ada@example.com", " ADA@Example.com", "ada+1@example.com", "Ada+a+b@example.com"] {
            assert_eq!(mailbox(address), "ada@example.com");
        }
        for other in [
            "adas@example.com",
            "ada@example.net",
            "+@example.com",
            "+a@example.com",
            "a@b@example.com",
            "ada",
        ] {
            assert_ne!(mailbox(other), "ada@example.com");
        }
        assert_ne!(mailbox("+a@example.com"), mailbox("+b@example.com"));
        for address in ["a.d.a@gmail.com", "ada+x@googlemail.com", "Ada@Gmail.com"] {
            assert_eq!(mailbox(address), "ada@gmail.com");
        }
        assert_ne!(mailbox("a.da@example.com"), "ada@example.com");
    }
}

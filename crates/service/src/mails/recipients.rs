//! How many mails one mailbox gets, whoever asks for them: anybody may give anybody's address. Counted by address, not by
//! account, so that opening and deleting accounts gains nothing. What is over the limit is not sent, and the answer is the
//! same: it tells nobody anything about an address.

use reef_store::{MailAllowance, MailKind};

use crate::error::Error;
use crate::work::Work;

/// What a mail counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Links, which strangers can ask for.
    Links,
    /// What was done with an account. Each kind has a share of its own, so that none hides another.
    Notices(MailKind),
    /// What became of assistants and payments.
    Assistants,
}

impl Share {
    const fn allowance(self) -> MailAllowance {
        match self {
            Self::Links => MailAllowance { per_hour: 5, per_day: 20 },
            Self::Notices(_) => MailAllowance { per_hour: 3, per_day: 10 },
            Self::Assistants => MailAllowance { per_hour: 30, per_day: 100 },
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Notices(kind) => kind.as_str(),
            Self::Assistants => "assistants",
        }
    }
}

/// One name for all spellings of a mailbox: case does not matter, nor what follows a plus sign.
fn mailbox(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let name = local.split_once('+').map_or(local, |(name, _)| name);
    let name = if name.is_empty() { local } else { name };
    format!("{name}@{domain}")
}

impl Work<'_> {
    /// Counts a mail to an address; whether it may be sent.
    pub(super) async fn admit_mail(&mut self, address: &str, share: Share) -> Result<bool, Error> {
        let services = self.services;
        let recipient =
            services.vault().derive("mail recipient", &format!("{} {}", share.name(), mailbox(address)));
        let may_send = self.tx.admit_mail(&recipient, share.allowance(), self.now).await?;
        if !may_send {
            tracing::info!(share = share.name(), "a mail is not sent: its recipient has had too many");
        }
        Ok(may_send)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_one_however_it_is_written() {
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
    }
}

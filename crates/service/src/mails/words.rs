//! What mails say: plain words, one link, and who it is from.

use reef_domain::assistant::UNTITLED;
use reef_store::{MailKind, MailRow};
use secrecy::{ExposeSecret, SecretString};

/// A mail's subject and text.
pub(crate) struct Words {
    /// One line.
    pub subject: String,
    /// The whole text.
    pub text: SecretString,
}

/// Said where the account's owner may not have asked.
const NOT_YOU: &str = "If this was not you, you need not do anything: without the link nothing changes.";

/// What a new password does to an account whose address nobody has confirmed.
const RESET_REVOKES: &str =
    "a password reset revokes your API keys, turns off two-step sign-in and rotates your signing secret";
/// The same in the mail with the link that does it.
const RESET_WARNING: &str = "\n\nBecause this email was never confirmed, resetting also revokes all API keys, turns off \
                             two-step sign-in and rotates your signing secret. To keep them, sign in and confirm your \
                             email first.";

/// What a mail says. `token` is the secret of its link, for those that have one; `is_confirmed` is whether the account's
/// address is.
pub(crate) fn words(
    mail: &MailRow,
    public_url: &str,
    token: Option<&SecretString>,
    is_confirmed: bool,
) -> Words {
    let token = token.map_or("", ExposeSecret::expose_secret);
    let link = |page: &str| format!("{public_url}/{page}?token={token}");
    let name = one_line(mail.assistant_name.as_deref().unwrap_or(UNTITLED));
    let detail = one_line(mail.detail.as_deref().unwrap_or_default());
    let page = mail
        .assistant_id
        .map_or_else(|| format!("{public_url}/assistants"), |id| format!("{public_url}/assistants/{id}"));
    let notice = |subject: &str, text: &str| {
        let not_you = format!(
            "If this wasn't you, reset your password now and review your settings and API keys:\n\n{public_url}/forgot"
        );
        (subject.to_owned(), format!("{text}\n\n{not_you}"))
    };
    let (subject, text) = match mail.kind {
        MailKind::ConfirmAddress => (
            "Confirm your e-mail address".to_owned(),
            format!(
                "Confirm your email to finish setting up Reef:\n\n{}\n\n\
                 The link works for 24 hours. Until you confirm, {RESET_REVOKES}, and we can't be sure that alerts about \
                 your assistants reach you.\n\n\
                 Didn't sign up? Ignore this email.",
                link("confirm"),
            ),
        ),
        MailKind::ResetPassword => (
            "Choose a new password".to_owned(),
            format!(
                "You asked to reset your password. Choose a new one here:\n\n{}\n\n\
                 This link works once and expires in an hour. Afterwards you are signed out everywhere.{}\n\n{NOT_YOU}",
                link("reset"),
                if is_confirmed { "" } else { RESET_WARNING },
            ),
        ),
        MailKind::ChangeAddress => (
            "Confirm your new e-mail address".to_owned(),
            format!(
                "This address was given as the new one of an account at Reef. Confirm it here:\n\n{}\n\n\
                 The link is good once, for 24 hours.\n\n{NOT_YOU}",
                link("confirm-change"),
            ),
        ),
        MailKind::AddressChanging => (
            "Another e-mail address was asked for".to_owned(),
            format!(
                "Somebody who knows your password asked to change your account's e-mail address to {detail}. It changes \
                 once a link that we sent there is opened.\n\n\
                 If this was not you, change your password at once:\n\n{public_url}/signin"
            ),
        ),
        MailKind::AddressChanged => (
            "Your e-mail address has changed".to_owned(),
            format!(
                "Your account's e-mail address is {detail} now. From now on mail goes there, and you sign in with it.\n\n\
                 If this was not you, somebody knows your password: tell the operator of {public_url}."
            ),
        ),
        MailKind::PasswordChanged => notice(
            "Your password was changed",
            "Your account has a new password. All other sessions were signed out.",
        ),
        MailKind::TwoStepOn => notice(
            "Two-step sign-in is on",
            "Signing in to your account now takes a code from an authenticator app in addition to your password.",
        ),
        MailKind::TwoStepOff => notice(
            "Two-step sign-in is off",
            "Your password alone now signs in to your account. Your authenticator app and recovery codes no longer work.",
        ),
        MailKind::RecoveryCodesReplaced => notice(
            "You have new recovery codes",
            "Your account has new recovery codes. The previous ones no longer work.",
        ),
        MailKind::KeyCreated => notice(
            "A new API key was created",
            &format!(
                "A new API key was created in your account: {detail}. See all your keys here:\n\n{public_url}/keys"
            ),
        ),
        MailKind::KeyRotated => notice(
            "An API key was rotated",
            &format!(
                "A new API key replaces an earlier one in your account: {detail}. See all your keys here:\n\n\
                 {public_url}/keys"
            ),
        ),
        MailKind::SigningSecretRotated => notice(
            "Your callbacks have a new signing secret",
            "Callbacks of your account are signed with a new secret. The previous secret signs them, too, for 24 hours.",
        ),
        MailKind::AccountDeleted => (
            "Your account was deleted".to_owned(),
            format!(
                "Your account at {public_url} is gone, with its assistants, API keys and everything else in it. Subscriptions \
                 end, and nothing more is charged.\n\n\
                 If this was not you, somebody knew your password: change it wherever else you use it, and write to the \
                 operator of {public_url}."
            ),
        ),
        MailKind::PaymentFailed => (
            format!("The payment for {name} failed"),
            format!(
                "The payment for your assistant {name} failed. The slot stays yours while the payment is tried again. \
                 Please check your card; its page leads to your payment method:\n\n{page}"
            ),
        ),
        MailKind::AssistantFailed => (
            format!("{name} has failed"),
            format!("Your assistant {name} has failed and does not answer.\n\n{detail}\n\n{page}"),
        ),
        MailKind::AssistantNotStarted => (
            format!("{name} could not be started"),
            format!("Your assistant {name} could not be started.\n\n{detail}\n\n{page}"),
        ),
        MailKind::SubscriptionEnded => (
            format!("{name} was stopped"),
            format!(
                "The subscription for your assistant {name} has ended, so it was stopped and does not answer any more. \
                 To run an assistant again, buy a new slot.\n\n{page}"
            ),
        ),
        MailKind::SubscriptionPaused => (
            format!("{name} is paused"),
            format!(
                "Your subscription is paused, so {name} is stopped. It starts again automatically when you resume.\n\n\
                 Its settings and its memory are kept, and nothing is charged meanwhile. Its page leads to your \
                 subscription:\n\n{page}"
            ),
        ),
    };
    let text = format!("Hello,\n\n{text}\n\nReef, {public_url}\n");
    Words { subject, text: text.into() }
}

/// Text of people on one line: a line break in it must begin neither a header nor a paragraph of ours.
fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.split(is_break).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use reef_domain::Timestamp;
    use reef_domain::ids::{AssistantId, MailId};
    use uuid::Uuid;

    use super::*;

    fn mail(kind: MailKind, name: Option<&str>, detail: Option<&str>) -> MailRow {
        MailRow {
            id: MailId::new(Uuid::nil()),
            user_id: None,
            kind,
            recipient: None,
            assistant_id: name.map(|_| AssistantId::new(Uuid::nil())),
            assistant_name: name.map(str::to_owned),
            detail: detail.map(str::to_owned),
            token: None,
            created_at: Timestamp::from_unix_ms(0),
            sent_at: None,
        }
    }

    #[test]
    fn a_name_stays_on_its_line() {
        let name = "Coral\r\nBcc: eve@example.com\u{2028}\n\nБот 🐚";
        let said = words(
            &mail(MailKind::AssistantFailed, Some(name), Some("Why.")),
            "https://reef.example",
            None,
            true,
        );
        assert_eq!(said.subject, "Coral Bcc: eve@example.com Бот 🐚 has failed");
        assert!(said.text.expose_secret().contains("assistant Coral Bcc: eve@example.com Бот 🐚 has failed"));
    }

    #[test]
    fn a_notice_says_what_to_do_and_a_name_in_it_begins_no_line() {
        for kind in [
            MailKind::PasswordChanged,
            MailKind::TwoStepOn,
            MailKind::TwoStepOff,
            MailKind::RecoveryCodesReplaced,
            MailKind::KeyCreated,
            MailKind::KeyRotated,
            MailKind::SigningSecretRotated,
        ] {
            let said = words(
                &mail(kind, None, Some("k\n\nhttps://evil.example")),
                "https://reef.example",
                None,
                true,
            );
            let text = said.text.expose_secret();
            assert!(text.contains("\nhttps://reef.example/forgot\n"), "{kind:?}");
            assert!(!text.contains("\nhttps://evil") && !said.subject.contains('\n'), "{kind:?}");
        }
    }

    #[test]
    fn unconfirmed_account_reset_mail_says_what_it_ends() {
        let said = |is_confirmed| {
            let token = SecretString::from("t0ken");
            words(
                &mail(MailKind::ResetPassword, None, None),
                "https://reef.example",
                Some(&token),
                is_confirmed,
            )
        };
        assert!(said(false).text.expose_secret().contains("revokes all API keys"));
        assert!(!said(true).text.expose_secret().contains("API keys"));
    }

    #[test]
    fn links_and_pages_are_where_they_should_be() {
        let token = SecretString::from("t0ken");
        for (kind, link) in [
            (MailKind::ConfirmAddress, "\nhttps://reef.example/confirm?token=t0ken\n"),
            (MailKind::ResetPassword, "\nhttps://reef.example/reset?token=t0ken\n"),
            (MailKind::ChangeAddress, "\nhttps://reef.example/confirm-change?token=t0ken\n"),
        ] {
            let said = words(&mail(kind, None, None), "https://reef.example", Some(&token), true);
            assert!(said.text.expose_secret().contains(link), "{kind:?}");
            assert!(!said.subject.contains("t0ken"));
        }
        let page = "\nhttps://reef.example/assistants/00000000-0000-0000-0000-000000000000\n";
        for kind in [
            MailKind::PaymentFailed,
            MailKind::AssistantFailed,
            MailKind::AssistantNotStarted,
            MailKind::SubscriptionEnded,
            MailKind::SubscriptionPaused,
        ] {
            let said = words(&mail(kind, Some("Coral"), None), "https://reef.example", None, true);
            assert!(said.text.expose_secret().contains(page) && said.subject.contains("Coral"), "{kind:?}");
        }
    }
}

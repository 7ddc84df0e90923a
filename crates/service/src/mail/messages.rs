//! The subjects and texts of emails: plain text, signed by Reef.

use reef_domain::assistant::UNTITLED;
use reef_store::{MailKind, MailRow};
use secrecy::{ExposeSecret, SecretString};

/// A rendered mail, without its addresses.
pub(crate) struct Message {
    /// The subject, on one line.
    pub subject: String,
    /// The whole text, which may contain a secret link.
    pub text: SecretString,
}

/// For emails that somebody else may have requested.
const NOT_YOU: &str = "If this wasn't you, ignore this email: nothing changes unless the link is used.";

/// What a password reset does to an account whose email is unconfirmed.
const RESET_REVOKES: &str = "a password reset revokes your API keys, turns off two-factor authentication and replaces your signing secret";
/// The same, in the email with the link that does it.
const RESET_WARNING: &str = "\n\nBecause this email was never confirmed, resetting also revokes all API keys, turns off \
                             two-factor authentication and replaces your signing secret: the old one stops signing \
                             immediately. To keep them, sign in and confirm your email first.";

/// Renders an email. `token` is the secret of its link, for kinds that have one; `is_confirmed` is whether the account's
/// email is confirmed.
pub(crate) fn render(
    mail: &MailRow,
    public_url: &str,
    token: Option<&SecretString>,
    is_confirmed: bool,
) -> Message {
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
            "Confirm your email".to_owned(),
            format!(
                "Confirm the email address of your Reef account:\n\n{}\n\n\
                 This link expires in 24 hours. Until you confirm, {RESET_REVOKES}, and we can't be sure that alerts about \
                 your assistants reach you.\n\n\
                 Didn't sign up? Ignore this email.",
                link("confirm"),
            ),
        ),
        MailKind::ResetPassword => (
            "Reset your password".to_owned(),
            format!(
                "You asked to reset your password. Choose a new one here:\n\n{}\n\n\
                 This link works once and expires in an hour. Using it signs you out on all devices.{}\n\n{NOT_YOU}",
                link("reset"),
                if is_confirmed { "" } else { RESET_WARNING },
            ),
        ),
        MailKind::ChangeAddress => (
            "Confirm your new email".to_owned(),
            format!(
                "Confirm this address as the new email of your Reef account:\n\n{}\n\n\
                 This link works once and expires in 24 hours.\n\n{NOT_YOU}",
                link("confirm-change"),
            ),
        ),
        MailKind::AddressChangeRequested => (
            "Your email is about to change".to_owned(),
            format!(
                "You asked to change your account's email to {detail}. We sent a confirmation link there; your email changes \
                 once that link is used.\n\n\
                 If this wasn't you, someone knows your password. Sign in and change it now:\n\n{public_url}/signin"
            ),
        ),
        MailKind::AddressChanged => (
            "Your email was changed".to_owned(),
            format!(
                "Your account's email is now {detail}. We now send email there, and you sign in with it.\n\n\
                 If this wasn't you, someone knows your password. Contact support."
            ),
        ),
        MailKind::PasswordChanged => notice(
            "Your password was changed",
            "Your account has a new password. All other devices were signed out.",
        ),
        MailKind::TwoFactorEnabled => notice(
            "Two-factor authentication was turned on",
            "Signing in to your account now requires a code from your authenticator app in addition to your password.",
        ),
        MailKind::TwoFactorDisabled => notice(
            "Two-factor authentication was turned off",
            "You now sign in with your password only. Your authenticator app and recovery codes no longer work.",
        ),
        MailKind::RecoveryCodesReplaced => notice(
            "Your recovery codes were replaced",
            "Your account has new recovery codes. The previous codes no longer work.",
        ),
        MailKind::KeyCreated => notice(
            "A new API key was created",
            &format!(
                "The API key {detail} was created in your account. Review your keys:\n\n{public_url}/keys"
            ),
        ),
        MailKind::KeyRotated => notice(
            "An API key was rotated",
            &format!(
                "A new API key replaces the key {detail} in your account. Review your keys:\n\n{public_url}/keys"
            ),
        ),
        MailKind::SigningSecretRotated => notice(
            "Your signing secret was rotated",
            "Webhooks from your account are signed with a new secret. The previous secret also signs them for another 24 \
             hours. Update your server before then.",
        ),
        MailKind::AccountDeleted => (
            "Your account was deleted".to_owned(),
            format!(
                "Your account at {public_url} was permanently deleted, with its assistants and API keys. Its subscriptions \
                 are being canceled, and you won't be charged again.\n\n\
                 If this wasn't you, someone knew your password. Change it wherever else you use it, and contact support."
            ),
        ),
        MailKind::PaymentFailed => (
            format!("Action needed: update your card to keep {name}"),
            format!(
                "The payment for your assistant {name} failed. Polar retries over the next few days; if every attempt fails, the \
                 subscription ends and {name} can no longer run.\n\nUpdate your card from {name}'s page:\n\n{page}"
            ),
        ),
        MailKind::AssistantFailed => (
            match cause(&detail) {
                "" => format!("{name} is down"),
                cause => format!("{name} is down: {cause}"),
            },
            format!(
                "Your assistant {name} is down and isn't replying.\n\n{detail}\n\nGo to {name}'s page:\n\n{page}"
            ),
        ),
        MailKind::AssistantNotStarted => (
            format!("{name} couldn't start"),
            format!("Your assistant {name} isn't live yet.\n\n{detail}\n\nGo to {name}'s page:\n\n{page}"),
        ),
        MailKind::SubscriptionEnded if !detail.is_empty() => (
            format!("The subscription for {name} has ended"),
            format!(
                "Your payment for the assistant {name} was refunded and the subscription has ended, so {name} can no longer run. \
                 To continue, create a new assistant.\n\nGo to {name}'s page:\n\n{page}"
            ),
        ),
        MailKind::SubscriptionEnded => (
            format!("The subscription for {name} has ended"),
            format!(
                "The subscription for your assistant {name} has ended, so {name} can no longer run. To continue, create a new \
                 assistant.\n\nGo to {name}'s page:\n\n{page}"
            ),
        ),
        MailKind::SubscriptionPaused => (
            format!("{name} is paused"),
            format!(
                "The subscription for {name} is paused, so {name} is stopped. {name} starts again automatically \
                 when you resume the subscription.\n\n\
                 Settings and conversations are kept, and you aren't charged while the subscription is paused. Manage the \
                 subscription from {name}'s page:\n\n{page}"
            ),
        ),
        MailKind::AllowanceNearlySpent => (
            format!("{name} has spent 80% of its allowance"),
            format!("{detail}\n\nSee what {name} has used, or change its allowance:\n\n{page}/usage"),
        ),
        MailKind::AllowanceSpent => (
            format!("{name} has spent its allowance"),
            format!(
                "{detail}\n\nUntil then, {name} answers questions with a sentence that says when it will be back. See what {name} has used, or \
                 change its allowance:\n\n{page}/usage"
            ),
        ),
        MailKind::HealthProblem => (
            match cause(&detail) {
                "" => format!("Something is wrong with {name}"),
                cause => format!("Something is wrong with {name}: {cause}"),
            },
            format!(
                "Your assistant {name} is running, but people may get no replies.\n\n{detail}\n\n\
                 See how {name} is now:\n\n{page}"
            ),
        ),
        MailKind::HealthRestored => (
            format!("{name} is healthy again"),
            format!("Your assistant {name} replies as usual again.\n\nGo to {name}'s page:\n\n{page}"),
        ),
    };
    let subject = format!("[Reef] {subject}");
    let text = format!("Hello,\n\n{text}\n\nReef, {public_url}\n");
    Message { subject, text: text.into() }
}

/// The part of a failure's message that says what happened, without the way out that follows.
fn cause(detail: &str) -> &str {
    let clause = detail.split("; ").next().unwrap_or_default();
    clause.split(". ").next().unwrap_or_default().trim_end_matches('.')
}

/// Puts text that people wrote on one line, so that a line break in it can start neither a header nor a paragraph.
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
    fn name_stays_on_one_line() {
        let name = "Coral\r\nBcc: eve@example.com\u{2028}\n\nБот 🐚";
        let said = render(
            &mail(MailKind::AssistantFailed, Some(name), Some("Why.")),
            "https://reef.example",
            None,
            true,
        );
        assert_eq!(said.subject, "[Reef] Coral Bcc: eve@example.com Бот 🐚 is down: Why");
        assert!(said.text.expose_secret().contains("assistant Coral Bcc: eve@example.com Бот 🐚 is down"));
    }

    #[test]
    fn notice_has_reset_link_and_name_starts_no_line() {
        for kind in [
            MailKind::PasswordChanged,
            MailKind::TwoFactorEnabled,
            MailKind::TwoFactorDisabled,
            MailKind::RecoveryCodesReplaced,
            MailKind::KeyCreated,
            MailKind::KeyRotated,
            MailKind::SigningSecretRotated,
        ] {
            let said = render(
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
    fn unconfirmed_account_reset_mail_warns_of_revocation() {
        let said = |is_confirmed| {
            let token = SecretString::from("t0ken");
            render(
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
    fn links_and_pages_are_in_their_mails() {
        let token = SecretString::from("t0ken");
        for (kind, link) in [
            (MailKind::ConfirmAddress, "\nhttps://reef.example/confirm?token=t0ken\n"),
            (MailKind::ResetPassword, "\nhttps://reef.example/reset?token=t0ken\n"),
            (MailKind::ChangeAddress, "\nhttps://reef.example/confirm-change?token=t0ken\n"),
        ] {
            let said = render(&mail(kind, None, None), "https://reef.example", Some(&token), true);
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
            MailKind::HealthProblem,
            MailKind::HealthRestored,
        ] {
            let said = render(&mail(kind, Some("Coral"), None), "https://reef.example", None, true);
            assert!(said.text.expose_secret().contains(page) && said.subject.contains("Coral"), "{kind:?}");
        }
    }
}

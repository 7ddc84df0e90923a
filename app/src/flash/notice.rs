//! Notices: what a form has done, in a sentence.

use serde::{Deserialize, Serialize};

/// What the form that led to a page has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    SettingsSaved,
    BehaviorSaved,
    BehaviorRestored,
    ServerSaved,
    ServerRemoved,
    PersonApproved,
    PersonBlocked,
    PersonErased,
    GroupAllowed,
    GroupDisallowed,
    OwnerDisowned,
    FactAdded,
    FactSaved,
    FactDeleted,
    SettingsApplied,
    NothingChanged,
    Activated,
    Started,
    Redeployed,
    Stopped,
    WebhookResent,
    TestEventSent,
    KeyCreated,
    KeyRotated,
    KeyRevoked,
    KeyRemoved,
    SigningSecretRotated,
    PasswordChanged,
    TwoFactorOn,
    TwoFactorOff,
    RecoveryCodesCreated,
    SessionEnded,
    OtherSessionsEnded,
    ConfirmationSent,
    EmailChangeSent,
    EmailConfirmed,
    EmailChanged,
    ResetSent,
    AccountClaimed,
    PasswordReset,
    PasswordResetRevokedAccess,
    NoInvoices,
    AccountDeleted,
}

impl Notice {
    /// The sentence that the page shows.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::SettingsSaved => "Saved. Takes effect the next time your assistant starts.",
            Self::SettingsApplied => "Saved. No restart was needed.",
            Self::BehaviorSaved => "Saved. Takes effect with the next answer.",
            Self::BehaviorRestored => "Restored. Takes effect with the next answer.",
            Self::ServerSaved => "Server saved. Takes effect with the next answer.",
            Self::ServerRemoved => "Server removed. Takes effect with the next answer.",
            Self::OwnerDisowned => "Removed. Open the owner link to become the owner.",
            Self::FactAdded => "Added. Your assistant knows this from the next answer on.",
            Self::FactSaved => "Saved. Your assistant knows this from the next answer on.",
            Self::FactDeleted => "Deleted. Your assistant no longer gets this.",
            Self::PersonApproved => "Approved. They can talk to your assistant now.",
            Self::PersonBlocked => "Blocked.",
            Self::PersonErased => "Erased.",
            Self::GroupAllowed => "Allowed. Your assistant answers in this group now.",
            Self::GroupDisallowed => "Saved. Your assistant stays silent in this group.",
            Self::NothingChanged => "No changes to save.",
            Self::Activated => "Activated. Deploying…",
            Self::Started => "Starting. Your bot replies again in a few seconds.",
            Self::Redeployed => "Redeploying. Your bot replies again in a few seconds.",
            Self::Stopped => "Stopped. Your bot won’t reply until you start it again.",
            Self::WebhookResent => "Webhook resent.",
            Self::TestEventSent => "Test event sent.",
            Self::KeyCreated => "Key created.",
            Self::KeyRotated => "Key rotated.",
            Self::KeyRevoked => "Key revoked.",
            Self::KeyRemoved => "Key removed.",
            Self::SigningSecretRotated => "Signing secret rotated. The old secret also signs for 24 hours.",
            Self::PasswordChanged => "Password changed. All other devices are signed out.",
            Self::TwoFactorOn => "Two-factor is on. From now on, you sign in with a code as well.",
            Self::TwoFactorOff => "Two-factor is off. You sign in with your password only.",
            Self::RecoveryCodesCreated => "New recovery codes generated. Old codes no longer work.",
            Self::SessionEnded => "Device signed out.",
            Self::OtherSessionsEnded => "All other devices are signed out.",
            Self::ConfirmationSent => "Confirmation email sent. Check your inbox.",
            Self::EmailChangeSent => {
                "Confirmation email sent to the new address. You sign in with your current email until you confirm it."
            }
            Self::EmailConfirmed => "Email confirmed.",
            Self::EmailChanged => "Email changed. Sign in with the new address from now on.",
            Self::ResetSent => "If an account exists for this address, we’ve sent a reset link.",
            Self::AccountClaimed => {
                "Only you can use this account now. All devices were signed out, API keys revoked, two-factor turned off and the \
                 signing secret replaced. Sign in with your new password."
            }
            Self::PasswordReset => "Password changed. Sign in with your new password.",
            Self::PasswordResetRevokedAccess => {
                "Password changed. Sign in with your new password. Because the email was never confirmed, your API keys were revoked, \
                 two-factor was turned off, and your signing secret was replaced: the old one no longer signs."
            }
            // Polar has a portal for an account only after its first payment.
            Self::NoInvoices => {
                "Polar has no invoices for this account yet. They appear after your first payment. If you paid with an email \
                 address that Polar already knew, use the link in Polar’s email."
            }
            Self::AccountDeleted => "Account deleted.",
        }
    }
}

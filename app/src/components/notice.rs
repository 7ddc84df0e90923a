//! Notices: what the form that led to a page has done.

use leptos::prelude::*;

use crate::form_error_query::ERROR;
use crate::notice_cookie;
use crate::server::{query_value, request_path};

/// Whether the address has a notice. Anybody can type an address, so nothing that depends on this alone may claim anything.
pub fn has_notice() -> bool {
    query_value("done").is_some()
}

/// Whether the address has one of these notices, which proves as little as [`has_notice`].
pub fn has_notice_of(done: &[&str]) -> bool {
    query_value("done").is_some_and(|name| done.contains(&&*name))
}

/// Whether the address has a notice and no error of a later attempt, which takes the focus instead.
fn takes_focus() -> bool {
    has_notice() && query_value(ERROR).is_none()
}

/// The part of a page that a form leads to. It takes the focus, so that the keyboard continues from there.
#[component]
pub fn FocusAfterForm(children: Children) -> impl IntoView {
    let has_arrived = takes_focus();
    view! { <div class="form-result" tabindex=has_arrived.then_some("-1") autofocus=has_arrived>{children()}</div> }
}

/// Says what the form that led here has done. The address only names one of these notices, and a cookie set by the form's
/// response has to confirm it, so that no link can make a page claim something.
#[component]
pub fn Notice(
    /// Whether it disappears after some seconds, because the page is live. `browser::notices` then removes it from the address.
    #[prop(optional)]
    transient: bool,
) -> impl IntoView {
    let name = query_value("done").filter(|name| notice_cookie::is_confirmed(name));
    let message = name.and_then(|name| {
        Some(match &*name {
            "saved" => "Saved. Takes effect the next time your assistant starts.",
            "applied" => "Saved. No restart was needed.",
            "unchanged" => "No changes to save.",
            "activated" => "Activated. Deploying…",
            "started" => "Starting. Your bot replies again in a few seconds.",
            "redeployed" => "Redeploying. Your bot replies again in a few seconds.",
            "stopped" => "Stopped. Your bot won’t reply until you start it again.",
            "resent" => "Webhook resent.",
            "tested" => "Test event sent.",
            "created" => "Key created.",
            "key_rotated" => "Key rotated.",
            "revoked" => "Key revoked.",
            "removed" => "Key removed.",
            "rotated" => "Signing secret rotated. The old secret also signs for 24 hours.",
            "password_changed" => "Password changed. All other devices are signed out.",
            "totp_on" => "Two-factor is on. From now on, you sign in with a code as well.",
            "totp_off" => "Two-factor is off. You sign in with your password only.",
            "codes_new" => "New recovery codes generated. Old codes no longer work.",
            "session_ended" => "Device signed out.",
            "sessions_ended" => "All other devices are signed out.",
            "link_sent" => "Confirmation email sent. Check your inbox.",
            "change_sent" => {
                "Confirmation email sent to the new address. You sign in with your current email until you confirm it."
            }
            "email_confirmed" => "Email confirmed.",
            "email_changed" => "Email changed. Sign in with the new address from now on.",
            "reset_sent" => "If an account exists for this address, we’ve sent a reset link.",
            "account_claimed" => {
                "Only you can use this account now. All devices were signed out, API keys revoked, two-factor turned off and the \
                 signing secret replaced. Sign in with your new password."
            }
            "password_reset" => "Password changed. Sign in with your new password.",
            "password_reset_revoked_access" => {
                "Password changed. Sign in with your new password. Because the email was never confirmed, your API keys were revoked, \
                 two-factor was turned off, and your signing secret was replaced: the old one no longer signs."
            }
            _ => return None,
        })
    });
    let has_focus = !transient && takes_focus();
    let class = if transient { "toasts transient" } else { "toasts" };
    view! { <div role="status" class=class>{message.map(|message| view! { <Toast message has_focus=has_focus/> })}</div> }
}

/// A message with a button that dismisses it: a script removes it, and without scripts the page reloads without it.
#[component]
pub fn Toast(
    message: &'static str,
    /// Whether it takes the focus, because no other part of the page does.
    #[prop(optional)]
    has_focus: bool,
) -> impl IntoView {
    let here = request_path();
    view! {
        <div class="toast" tabindex=has_focus.then_some("-1") autofocus=has_focus>
            <p>{message}</p>
            <form method="get" action=here class="inline">
                <button type="submit" class="dismiss" aria-label="Dismiss" data-dismiss="">"×"</button>
            </form>
        </div>
    }
}

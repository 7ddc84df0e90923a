//! What has just been done.

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use crate::form_address::ERROR;

/// Whether a form has led here, with its work done.
pub fn is_done() -> bool {
    use_query_map().with_untracked(|query| query.get_str("done").is_some())
}

/// Whether a form has led here that has done one of these.
pub fn is_done_with(done: &[&str]) -> bool {
    use_query_map().with_untracked(|query| query.get_str("done").is_some_and(|name| done.contains(&name)))
}

/// Whether a form has led here and none has been refused here since: what was refused takes the focus.
fn has_arrived() -> bool {
    is_done() && use_query_map().with_untracked(|query| query.get_str(ERROR).is_none())
}

/// The part of a page that a form leads to: it has the focus then, so that the keyboard goes on from there.
#[component]
pub fn Arrival(children: Children) -> impl IntoView {
    let has_arrived = has_arrived();
    view! { <div class="arrival" tabindex=has_arrived.then_some("-1") autofocus=has_arrived>{children()}</div> }
}

/// Says what the form that led here has done, from `?done=`: a closed set, so that no address makes a page say other
/// things.
#[component]
pub fn Done(
    /// Whether it goes by itself, because the page goes on: `browser::notices` takes it out of the address then.
    #[prop(optional)]
    fleeting: bool,
) -> impl IntoView {
    let query = use_query_map();
    let words = query.with_untracked(|query| {
        Some(match query.get_str("done")? {
            "saved" => "Saved. It applies the next time the assistant starts.",
            "applied" => "Saved. Nothing had to restart.",
            "unchanged" => "No changes to save.",
            "activated" => "Activated. It is being deployed.",
            "started" => "Starting. It replies again in a few seconds.",
            "redeployed" => "Redeploying. It replies again in a few seconds.",
            "stopped" => "Stopped. It won’t reply until you start it again.",
            "resent" => "The callback is sent again.",
            "tested" => "A test callback is on its way.",
            "created" => "Key created.",
            "key_rotated" => "Key rotated.",
            "revoked" => "The key is revoked; nothing can use it any more.",
            "rotated" => "There is a new signing secret. The one before it signs too for 24 hours.",
            "password_changed" => "Your password is changed. All other sessions are signed out.",
            "totp_on" => "Two-step sign-in is on. From now on, signing in takes a code as well.",
            "totp_off" => "Two-step sign-in is off. The password alone signs you in.",
            "codes_new" => "There are new recovery codes. The ones before are worth nothing now.",
            "session_ended" => "That session is signed out.",
            "sessions_ended" => "All other sessions are signed out.",
            "link_sent" => "The link is sent again. Check your inbox.",
            "change_sent" => {
                "A link is on its way to the new address. Until it is opened, the present one stays."
            }
            "email_confirmed" => "Your address is confirmed.",
            "email_changed" => "Your account has the new address. Sign in with it from now on.",
            "reset_sent" => "If there is an account with this address, a link is on its way to it.",
            "account_claimed" => {
                "The account is yours alone now. Earlier sessions, API keys and two-step sign-in are gone. Sign in with your \
                 new password."
            }
            "password_reset" => "You have a new password. Sign in with it.",
            "password_reset_anew" => {
                "You have a new password. Sign in with it. As nobody had confirmed the address before, API keys and two-step \
                 sign-in are gone, and callbacks are signed with a new secret."
            }
            _ => return None,
        })
    });
    let has_focus = !fleeting && has_arrived();
    let class = if fleeting { "toasts fleeting" } else { "toasts" };
    view! { <div role="status" class=class>{words.map(|words| view! { <Toast words has_focus=has_focus/> })}</div> }
}

/// Words that can be dismissed: by a script where they are, else by the page without them.
#[component]
pub fn Toast(
    words: &'static str,
    /// Whether nothing else of the page is where the form has led.
    #[prop(optional)]
    has_focus: bool,
) -> impl IntoView {
    let here = use_location().pathname.get_untracked();
    view! {
        <div class="toast" tabindex=has_focus.then_some("-1") autofocus=has_focus>
            <p>{words}</p>
            <form method="get" action=here class="inline">
                <button type="submit" class="dismiss" aria-label="Dismiss" data-dismiss="">"×"</button>
            </form>
        </div>
    }
}

//! What has just been done.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// Whether a form has led here, with its work done.
pub fn is_done() -> bool {
    use_query_map().with_untracked(|query| query.get_str("done").is_some())
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
            "saved" => "Saved. Redeploy to put it to work.",
            "applied" => "Saved. Nothing had to restart.",
            "resent" => "The callback is sent again.",
            "tested" => "A test callback is on its way.",
            "created" => "The key is made.",
            "key_rotated" => "There is a new key in the place of the other.",
            "revoked" => "The key is revoked; nothing can use it any more.",
            "rotated" => "There is a new signing secret. The one before it signs too for 24 hours.",
            "password_changed" => "Your password is changed. All other sessions are signed out.",
            "totp_on" => "Two-step sign-in is on. From now on, signing in takes a code as well.",
            "totp_off" => "Two-step sign-in is off. The password alone signs you in.",
            "codes_new" => "There are new recovery codes. The ones before are worth nothing now.",
            "session_ended" => "That session is signed out.",
            "sessions_ended" => "All other sessions are signed out.",
            "link_sent" => "The link is sent again.",
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
    let class = if fleeting { "toasts fleeting" } else { "toasts" };
    view! { <div role="status" class=class>{words.map(|words| view! { <p class="toast">{words}</p> })}</div> }
}

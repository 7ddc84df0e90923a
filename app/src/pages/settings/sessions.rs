//! The devices that are signed in to the account.

use leptos::prelude::*;
use reef_service::accounts::SessionView;

use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::Time;
use crate::functions::settings::{RevokeOtherSessions, RevokeSession};

/// A table of all sessions, with a badge for the current one.
pub(super) fn section(sessions: &[SessionView]) -> AnyView {
    let has_others = sessions.iter().any(|session| !session.is_current);
    view! {
        <section class="card" aria-labelledby="devices">
            <h2 id="devices">"Devices"</h2>
            <p>"Devices signed in to your account. If you don’t recognize one, sign it out and change your password."</p>
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Device"</th>
                        <th scope="col">"IP address"</th>
                        <th scope="col">"Signed in"</th>
                        <th scope="col">"Last used"</th>
                        <td></td>
                    </tr>
                </thead>
                <tbody>{sessions.iter().map(row).collect_view()}</tbody>
            </table>
            {has_others.then(sign_out_others)}
        </section>
    }
    .into_any()
}

fn row(session: &SessionView) -> AnyView {
    let address = session.address.clone().unwrap_or_else(|| "Unknown".to_owned());
    let last = if session.is_current {
        view! { <span class="badge good">"This device"</span> }.into_any()
    } else {
        sign_out(session)
    };
    view! {
        <tr>
            <th scope="row">{session.agent.clone()}</th>
            <td data-label="IP address">{address}</td>
            <td data-label="Signed in"><Time at=session.created_at/></td>
            <td data-label="Last used"><Time at=session.last_used_at/></td>
            <td>{last}</td>
        </tr>
    }
    .into_any()
}

fn sign_out(session: &SessionView) -> AnyView {
    let (handle, aria_label) = (session.handle.clone(), format!("Sign out {}", session.agent));
    let form = Form::of::<RevokeSession>("session", &[]).for_item("handle", &handle);
    view! {
        <PostForm form class="inline">
            <FormErrorMessage form/>
            <input type="hidden" name="handle" value=handle/>
            <Submit label="Sign out" busy="Signing out…" class="quiet small" aria_label=aria_label/>
        </PostForm>
    }
    .into_any()
}

fn sign_out_others() -> AnyView {
    let form = Form::of::<RevokeOtherSessions>("other-sessions", &[]);
    view! {
        <PostForm form>
            <FormErrorMessage form/>
            <Submit label="Sign out all other devices" busy="Signing out…" class="quiet"/>
        </PostForm>
    }
    .into_any()
}

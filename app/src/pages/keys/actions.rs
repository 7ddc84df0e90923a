//! The buttons that rotate and revoke a key, with their dialogs.

use leptos::prelude::*;
use reef_service::api_keys::{ApiKey, KeyState, Overlap};

use crate::components::dialog::Dialog;
use crate::components::field::ConfirmPassword;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::functions::keys::{RevokeKey, RotateKey};

/// The buttons that rotate and revoke a key, as far as its state allows.
#[component]
pub(super) fn KeyActions(
    key_of: ApiKey,
    state: KeyState,
    /// The form token, which makes a form that is sent twice count once.
    token: String,
    /// Whether the session has verified the password.
    password_verified: bool,
) -> impl IntoView {
    if state == KeyState::Revoked {
        return ().into_any();
    }
    let rotates = (state == KeyState::Live).then(|| rotate(&key_of, token, password_verified));
    view! { <div class="actions">{rotates} {revoke(&key_of, state)}</div> }.into_any()
}

fn rotate(key: &ApiKey, token: String, password_verified: bool) -> AnyView {
    let id = key.id.to_string();
    let form = Form::of::<RotateKey>("rotate", &["password"]).for_item("id", &id);
    let option = |overlap: Overlap| {
        let chosen = overlap == Overlap::Day;
        view! { <option value=overlap.as_str() selected=chosen>{overlap_label(overlap)}</option> }
    };
    let (dialog, select) = (format!("rotate-{id}"), format!("overlap-{id}"));
    let (labelled, about) = (select.clone(), format!("-{id}"));
    view! {
        <Dialog
            id=dialog
            button="Rotate"
            class="quiet small"
            label=format!("Rotate {}", key.name)
            title=format!("Rotate “{}”?", key.name)
            open=form.has_failed()
        >
            <p>
                "Creates a new key with the same name, permissions and assistants. The old key works until it expires, so that "
                "you can switch without downtime."
            </p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="token" value=token/>
                <div class="field">
                    <label for=labelled>"Old key expires"</label>
                    <select id=select name="overlap">{Overlap::ALL.map(option).collect_view()}</select>
                </div>
                <ConfirmPassword form verified=password_verified reason="For your security, confirm your password to rotate this key." about/>
                <Submit label="Rotate key" busy="Rotating…"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

fn revoke(key: &ApiKey, state: KeyState) -> AnyView {
    let id = key.id.to_string();
    let form = Form::of::<RevokeKey>("revoke", &[]).for_item("id", &id);
    let (button, busy, consequence) = match state {
        KeyState::Expired => ("Remove", "Removing…", "Removes this expired key from the list."),
        _ => ("Revoke", "Revoking…", "Apps using this key lose access immediately. This can’t be undone."),
    };
    view! {
        <Dialog
            id=format!("revoke-{id}")
            button=button
            class="danger quiet small"
            label=format!("{button} {}", key.name)
            title=format!("{button} “{}”?", key.name)
            open=form.has_failed()
        >
            <p>{consequence}</p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <Submit label=format!("{button} key") busy class="danger"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

const fn overlap_label(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::None => "Immediately",
        Overlap::Hour => "In 1 hour",
        Overlap::Day => "In 24 hours",
        Overlap::Week => "In 7 days",
    }
}

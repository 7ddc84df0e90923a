//! Rotating and revoking a key.

use leptos::prelude::*;
use reef_service::api_keys::{ApiKey, KeyState, Overlap};

use crate::components::dialog::Dialog;
use crate::components::field::PasswordAgain;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::keys::{RevokeKey, RotateKey};

/// What can be done with a key, by how it stands with it.
#[component]
pub(super) fn KeyActions(
    key_of: ApiKey,
    state: KeyState,
    /// What its forms carry, so that each is carried out once.
    token: String,
    /// Whether the password need not be asked for.
    given: bool,
) -> impl IntoView {
    if state == KeyState::Revoked {
        return ().into_any();
    }
    let rotates = (state == KeyState::Live).then(|| rotate(&key_of, token, given));
    view! { <div class="actions">{rotates} {revoke(&key_of, state)}</div> }.into_any()
}

fn rotate(key: &ApiKey, token: String, given: bool) -> AnyView {
    let id = key.id.to_string();
    let form = Form::of::<RotateKey>("rotate", &["password"]).about("id", &id);
    let option = |overlap: Overlap| {
        let chosen = overlap == Overlap::Day;
        view! { <option value=overlap.as_str() selected=chosen>{in_words(overlap)}</option> }
    };
    let (dialog, select) = (format!("rotate-{id}"), format!("overlap-{id}"));
    let (labelled, about) = (select.clone(), format!("-{id}"));
    view! {
        <Dialog
            id=dialog
            button="Rotate"
            class="quiet small"
            label=format!("Rotate {}", key.name)
            title="Make a new key in its place?"
            open=form.has_failed()
        >
            <p>
                "The new key has the same name, scopes and assistants. The present one goes on for a while, so that you can "
                "change over without a gap."
            </p>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="token" value=token/>
                <div class="field">
                    <label for=labelled>"The present key ends"</label>
                    <select id=select name="overlap">{Overlap::ALL.map(option).collect_view()}</select>
                </div>
                <PasswordAgain form given about/>
                <Submit label="Make the new key" busy="Rotating…"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

fn revoke(key: &ApiKey, state: KeyState) -> AnyView {
    let id = key.id.to_string();
    let form = Form::of::<RevokeKey>("revoke", &[]).about("id", &id);
    let (button, consequence) = match state {
        KeyState::Expired => ("Remove", "It has expired and opens nothing any more. It goes from the list."),
        _ => ("Revoke", "Programs that use it are locked out at once. This cannot be undone."),
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
                <Problem form/>
                <input type="hidden" name="id" value=id/>
                <Submit label=format!("{button} this key") busy="One moment…" class="danger"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

const fn in_words(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::None => "at once",
        Overlap::Hour => "after an hour",
        Overlap::Day => "after 24 hours",
        Overlap::Week => "after 7 days",
    }
}

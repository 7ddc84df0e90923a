//! `/keys`: API keys, and the secret that signs callbacks.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::copy::Copyable;
use crate::components::failure::Failure;
use crate::components::field::{TextField, Tick};
use crate::components::form::{Form, Problem, Submit, action_form, successes};
use crate::components::notice::Done;
use crate::components::small::{When, WhenOr};
use crate::error::AppError;
use crate::functions::keys::{
    CreateKey, Key, Keys, RevokeKey, RotateCallbackSecret, load_keys, load_new_key,
};
use crate::secret::Secret;

/// Lives a key can be given: field value and words.
const LIVES: [(&str, &str); 5] = [
    ("0", "Never"),
    ("7", "After 7 days"),
    ("30", "After 30 days"),
    ("90", "After 90 days"),
    ("365", "After a year"),
];

/// The forms' actions: they outlive what is drawn of the list.
#[derive(Clone, Copy)]
struct Actions {
    create: (ServerAction<CreateKey>, Form),
    revoke: (ServerAction<RevokeKey>, Form),
    rotate: (ServerAction<RotateCallbackSecret>, Form),
}

/// The caller's keys, a form for a new one, the signing secret.
#[component]
pub(crate) fn KeysPage() -> impl IntoView {
    let actions = Actions {
        create: action_form("key", &["name", "scopes", "expiresIn"]),
        revoke: action_form("revoke", &[]),
        rotate: action_form("rotate", &[]),
    };
    let made = successes(actions.create.0);
    let revoked = successes(actions.revoke.0);
    let rotated = successes(actions.rotate.0);
    let keys = Resource::new(move || (made.get(), revoked.get(), rotated.get()), |_| load_keys());
    let created = use_query_map().with_untracked(|query| query.get("created")).unwrap_or_default();
    let handed_over = Resource::new(
        || (),
        move |()| {
            let created = created.clone();
            async move { if created.is_empty() { Ok(None) } else { load_new_key(created).await } }
        },
    );
    view! {
        <Title text="API keys"/>
        <Transition fallback=|| view! { <p>"Loading…"</p> }>
            {move || Suspend::new(async move {
                match keys.await {
                    Ok(keys) => view! { <All keys actions handed_over=handed_over.await/> }.into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn All(keys: Keys, actions: Actions, handed_over: Result<Option<Secret>, AppError>) -> impl IntoView {
    let (create, _) = actions.create;
    // A script has the new key in the answer; without, it came over the address.
    let value = create.value();
    let new = move || match value.get() {
        Some(answer) => answer.ok(),
        None => handed_over.clone().ok().flatten(),
    };
    view! {
        <h1>"API keys"</h1>
        <p>"A key lets a program do with your assistants what you can do here. It goes into the header "
            <code>"X-API-Key"</code> "."</p>
        <Done/>
        <div role="status">{move || new().map(|key| view! { <NewKey key/> })}</div>
        <KeyTable keys=keys.keys revoke=actions.revoke/>
        <CreateForm create=actions.create/>
        <SigningSecret secret=keys.callback_secret rotate=actions.rotate/>
    }
}

#[component]
fn NewKey(key: Secret) -> impl IntoView {
    view! {
        <div class="notice good">
            <p>"Your new key. Copy it now: it is not shown again."</p>
            <Copyable label="New API key" secret=key/>
        </div>
    }
}

#[component]
fn KeyTable(keys: Vec<Key>, revoke: (ServerAction<RevokeKey>, Form)) -> impl IntoView {
    if keys.is_empty() {
        return view! { <p>"You have no keys."</p> }.into_any();
    }
    let row = |key: Key| {
        let scopes = [(key.read, "read"), (key.write, "write")];
        let scopes: Vec<_> = scopes.into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
        view! {
            <tr>
                <th scope="row">{key.name.clone()}</th>
                <td data-label="Key"><code>{key.prefix}"…"</code></td>
                <td data-label="Scopes">{scopes.join(", ")}</td>
                <td data-label="Created"><When at=key.created_at/></td>
                <td data-label="Expires"><WhenOr at=key.expires_at or="never"/></td>
                <td data-label="Last used"><WhenOr at=key.last_used_at or="never"/></td>
                <td><RevokeForm id=key.id name=key.name action=revoke.0 form=revoke.1/></td>
            </tr>
        }
    };
    view! {
        <Problem form=revoke.1/>
        <table class="cards">
            <thead>
                <tr>
                    <th scope="col">"Name"</th>
                    <th scope="col">"Key"</th>
                    <th scope="col">"Scopes"</th>
                    <th scope="col">"Created"</th>
                    <th scope="col">"Expires"</th>
                    <th scope="col">"Last used"</th>
                    <td></td>
                </tr>
            </thead>
            <tbody>{keys.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn RevokeForm(id: String, name: String, action: ServerAction<RevokeKey>, form: Form) -> impl IntoView {
    view! {
        <details class="confirm">
            <summary aria-label=format!("Revoke {name}")>"Revoke"</summary>
            <ActionForm action>
                <p>"Programs that use it are locked out at once."</p>
                <input type="hidden" name="id" value=id/>
                <Submit form label="Revoke this key" busy="Revoking…" danger=true/>
            </ActionForm>
        </details>
    }
}

#[component]
fn CreateForm(create: (ServerAction<CreateKey>, Form)) -> impl IntoView {
    let (action, form) = create;
    let scopes = form.issue(&["scopes"]);
    let life = form.kept("expires_days").unwrap_or_else(|| "0".to_owned());
    let lives =
        LIVES.map(|(days, words)| view! { <option value=days selected=days == life>{words}</option> });
    view! {
        <h2>"New key"</h2>
        <ActionForm action>
            <Problem form/>
            <TextField form name="name" path=&["name"] label="Name" hint="What will use it, so that you know later."/>
            <fieldset class="field" aria-describedby="key-scopes-issue">
                <legend>"It may"</legend>
                <Tick form name="read" label="read: look at assistants"/>
                <Tick form name="write" label="write: buy, change, stop and delete them"/>
                <p class="issue" id="key-scopes-issue">{move || scopes.get()}</p>
            </fieldset>
            <div class="field">
                <label for="key-expires">"It expires"</label>
                <select id="key-expires" name="expires_days">{lives.collect_view()}</select>
            </div>
            <Submit form label="Create key" busy="Creating…"/>
        </ActionForm>
    }
}

#[component]
fn SigningSecret(secret: Secret, rotate: (ServerAction<RotateCallbackSecret>, Form)) -> impl IntoView {
    let (action, form) = rotate;
    view! {
        <h2>"Callback signing secret"</h2>
        <p>"Callbacks to your server are signed with it, as Standard Webhooks describe."</p>
        <details>
            <summary>"Show the secret"</summary>
            <Copyable label="Callback signing secret" secret/>
        </details>
        <details class="confirm" open=form.has_failed()>
            <summary>"Rotate the secret"</summary>
            <ActionForm action>
                <Problem form/>
                <p>"A new secret signs from now on; the present one signs beside it for 24 hours."</p>
                <Submit form label="Make a new secret" busy="Rotating…"/>
            </ActionForm>
        </details>
    }
}

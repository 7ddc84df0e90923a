//! `/keys`: API keys, and the secret that signs callbacks.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::copy::Copyable;
use crate::components::drawn::{changing, waiting};
use crate::components::failure::Failure;
use crate::components::field::{TextField, Tick};
use crate::components::form::{Form, PostForm, Problem, Submit};
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

/// The forms: they outlive what is drawn of the list.
#[derive(Clone, Copy)]
struct Forms {
    create: Form,
    revoke: Form,
    rotate: Form,
}

/// The caller's keys, a form for a new one, the signing secret.
#[component]
pub(crate) fn KeysPage() -> impl IntoView {
    let forms = Forms {
        create: Form::of::<CreateKey>("key", &["name", "scopes", "expiresIn"]),
        revoke: Form::of::<RevokeKey>("revoke", &[]),
        rotate: Form::of::<RotateCallbackSecret>("rotate", &[]),
    };
    let changes = move || [forms.create, forms.revoke, forms.rotate].map(|form| form.successes());
    let keys = Resource::new(changes, |_| load_keys());
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
        {waiting("Loading…", move || async move {
                match keys.await {
                    Ok(keys) => view! { <All keys forms handed_over=handed_over.await/> }.into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
        })}
    }
}

#[component]
fn All(keys: Keys, forms: Forms, handed_over: Result<Option<Secret>, AppError>) -> impl IntoView {
    let prefixes: Vec<String> = keys.keys.iter().map(|key| key.prefix.clone()).collect();
    // A script has the new key in the answer; without, it came over the address. Once it is revoked it is of no use.
    let new = move || {
        let new: Option<Secret> = forms.create.answer().or_else(|| handed_over.clone().ok().flatten());
        new.filter(|key| prefixes.iter().any(|prefix| key.expose().starts_with(prefix.as_str())))
    };
    view! {
        <h1>"API keys"</h1>
        <p>"A key lets a program do with your assistants what you can do here. It goes into the header "
            <code>"X-API-Key"</code> "."</p>
        <Done/>
        <div role="status">{changing(move || new().map(|key| view! { <NewKey key/> }).into_any())}</div>
        <KeyTable keys=keys.keys revoke=forms.revoke/>
        <CreateForm form=forms.create/>
        <SigningSecret secret=keys.callback_secret form=forms.rotate/>
    }
    .into_any()
}

#[component]
fn NewKey(key: Secret) -> impl IntoView {
    view! {
        <div class="notice good">
            <p>"Your new key. Copy it now: it is not shown again."</p>
            <Copyable label="New API key" secret=key/>
        </div>
    }
    .into_any()
}

#[component]
fn KeyTable(keys: Vec<Key>, revoke: Form) -> impl IntoView {
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
                <td><RevokeForm id=key.id name=key.name form=revoke/></td>
            </tr>
        }
        .into_any()
    };
    view! {
        <Problem form=revoke/>
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
fn RevokeForm(id: String, name: String, form: Form) -> impl IntoView {
    view! {
        <details class="confirm">
            <summary aria-label=format!("Revoke {name}")>"Revoke"</summary>
            <PostForm form>
                <p>"Programs that use it are locked out at once."</p>
                <input type="hidden" name="id" value=id/>
                <Submit form label="Revoke this key" busy="Revoking…" danger=true/>
            </PostForm>
        </details>
    }
    .into_any()
}

#[component]
fn CreateForm(form: Form) -> impl IntoView {
    let scopes = form.issue(&["scopes"]);
    let life = form.kept("expires_days").unwrap_or_else(|| "0".to_owned());
    let lives = LIVES
        .map(|(days, words)| view! { <option value=days selected=days == life>{words}</option> }.into_any());
    view! {
        <h2>"New key"</h2>
        <PostForm form>
            <Problem form/>
            <TextField form name="name" path=&["name"] label="Name" hint="What will use it, so that you know later."/>
            <fieldset class="field" aria-describedby="key-scopes-issue">
                <legend>"It may"</legend>
                <Tick form name="read" label="read: look at assistants"/>
                <Tick form name="write" label="write: buy, change, stop and delete them"/>
                <p class="issue" id="key-scopes-issue">{changing(move || scopes.get().into_any())}</p>
            </fieldset>
            <div class="field">
                <label for="key-expires">"It expires"</label>
                <select id="key-expires" name="expires_days">{lives.collect_view()}</select>
            </div>
            <Submit form label="Create key" busy="Creating…"/>
        </PostForm>
    }
    .into_any()
}

#[component]
fn SigningSecret(secret: Secret, form: Form) -> impl IntoView {
    view! {
        <h2>"Callback signing secret"</h2>
        <p>"Callbacks to your server are signed with it, as Standard Webhooks describe."</p>
        <details>
            <summary>"Show the secret"</summary>
            <Copyable label="Callback signing secret" secret/>
        </details>
        <details class="confirm" open=form.has_failed()>
            <summary>"Rotate the secret"</summary>
            <PostForm form>
                <Problem form/>
                <p>"A new secret signs from now on; the present one signs beside it for 24 hours."</p>
                <Submit form label="Make a new secret" busy="Rotating…"/>
            </PostForm>
        </details>
    }
    .into_any()
}

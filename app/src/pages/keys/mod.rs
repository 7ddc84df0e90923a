//! `/keys`: API keys, and the secret that signs webhooks. `/keys/{id}`: one key and its recent requests.

mod actions;
mod create;
mod detail;
mod signing_secret;

use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::wire::{AssistantRecord, Scope};
use reef_service::api_keys::{ApiKey, KeyState};
use secrecy::ExposeSecret as _;

use crate::components::code::{CodeBlock, Copyable};
use crate::components::error_page::render_or_error;
use crate::components::notice::Notice;
use crate::components::page::Head;
use crate::components::time_and_status::{Time, TimeOr};
use crate::error::AppError;
use crate::flash::{self, Message};
use crate::functions::account::header_data;
use crate::secret::Secret;
use crate::server::authenticate;
use actions::KeyActions;

pub(crate) use detail::KeyPage;

/// The data of the page.
struct PageData {
    keys: Vec<ApiKey>,
    /// A key that was just created.
    new_key: Option<Secret>,
    /// The assistants that a key may be limited to.
    assistants: Vec<Arc<AssistantRecord>>,
    signing: Secret,
    /// The form token, which makes a form that is sent twice count once.
    token: String,
    /// Whether the session has verified the password.
    password_verified: bool,
    public_url: String,
    /// Whether the email is unconfirmed although Reef can send a confirmation.
    unconfirmed: bool,
    now: Timestamp,
}

/// The caller's keys, a form for a new one, the signing secret.
#[component]
pub(crate) fn KeysPage() -> impl IntoView {
    view! {
        <Head title="API keys" description="API keys let your code manage your assistants."/>
        {render_or_error(async { Ok(page(load().await?)) })}
    }
}

async fn load() -> Result<PageData, AppError> {
    let (services, caller) = authenticate().await?;
    Ok(PageData {
        keys: services.list_api_keys(&caller).await?,
        new_key: flash::message().and_then(|message| match &*message {
            Message::NewKey { key, .. } => Some(key.clone()),
            _ => None,
        }),
        assistants: services.list_assistants(&caller).await?,
        signing: services.get_signing_secret(caller.user_id).await?.expose_secret().to_owned().into(),
        token: services.form_token(),
        password_verified: caller.has_proven_password(),
        public_url: services.config().public_url.clone(),
        unconfirmed: header_data().await?.is_unconfirmed,
        now: services.now(),
    })
}

fn page(shown: PageData) -> AnyView {
    let PageData {
        keys,
        new_key: new,
        assistants,
        signing,
        token,
        password_verified: given,
        public_url,
        unconfirmed,
        now,
    } = shown;
    let new_key_section = new.and_then(|new| new_key_section(&keys, new, &public_url));
    let list = if keys.is_empty() { empty() } else { table(keys, &token, given, now) };
    view! {
        <div class="page-head">
            <h1>"API keys"</h1>
            <a class="button" href="#new-key">"New key"</a>
        </div>
        // The section with the new key says what was done, and must not be dismissed.
        {new_key_section.is_none().then(|| view! { <Notice/> })}
        {unconfirmed.then(|| view! {
            <p class="notice warn">
                "Until you confirm your email, a password reset revokes all your API keys and replaces your signing secret immediately. "
                <a href="/settings#email">"Confirm your email"</a>
            </p>
        })}
        <div role="status">{new_key_section}</div>
        {list}
        <div class="split">
            <div>{create::section(&assistants, token.clone(), given)}</div>
            <div>{signing_secret::section(signing, token, given)}</div>
        </div>
    }
    .into_any()
}

/// Shows the new key; `None` when it has been revoked since.
fn new_key_section(keys: &[ApiKey], new: Secret, public_url: &str) -> Option<AnyView> {
    // Keys can share their stored prefix, so this takes the newest.
    let of_it = keys.iter().filter(|key| new.expose().starts_with(&key.prefix));
    let key = of_it.max_by_key(|key| key.created_at)?;
    let curl = curl(public_url, new.expose(), key.read);
    let name = key.name.clone();
    let view = view! {
        <section class="notice good wide" aria-labelledby="created-key">
            <h2 id="created-key" tabindex="-1" autofocus>"Copy your key now"</h2>
            <p>"Key “" {name} "” created. You won’t be able to see it again, because Reef stores only a hash of it."</p>
            <Copyable label="New API key" secret=new/>
            <p>"Try it:"</p>
            <CodeBlock label="A first request with the new key" code=curl/>
        </section>
    };
    Some(view.into_any())
}

/// A first request that the key is allowed to make.
fn curl(public_url: &str, key: &str, can_read: bool) -> String {
    let path = if can_read { "assistants" } else { "me" };
    format!("curl {public_url}/api/v1/{path} \\\n  -H \"X-API-Key: {key}\"")
}

fn empty() -> AnyView {
    view! {
        <div class="empty">
            <h2>"No API keys yet"</h2>
            <p>
                "API keys let your code manage assistants. Use one per app so you can monitor and revoke it separately."
            </p>
            <p><a class="button quiet" href="/docs/quick-start">"API quick start"</a></p>
        </div>
    }
    .into_any()
}

fn table(keys: Vec<ApiKey>, token: &str, password_verified: bool, now: Timestamp) -> AnyView {
    view! {
        <table class="cards keys linked-rows">
            <thead>
                <tr>
                    <th scope="col">"Key"</th>
                    <th scope="col">"Permissions"</th>
                    <th scope="col">"Created"</th>
                    <th scope="col">"Expires"</th>
                    <th scope="col">"Last used"</th>
                    <td></td>
                </tr>
            </thead>
            <tbody>{keys.into_iter().map(|key| row(key, token, password_verified, now)).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn row(key: ApiKey, token: &str, password_verified: bool, now: Timestamp) -> AnyView {
    let state = key.state(now);
    let reach = key.assistants.is_some().then(|| view! { <p class="hint">{access(&key)}</p> });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/keys/{}", key.id)>{key.name.clone()}</a>
                <p class="hint"><code>{key.prefix.clone()} "…"</code></p>
            </th>
            <td data-label="Permissions">{scopes(&key)} {reach}</td>
            <td data-label="Created"><Time at=key.created_at/></td>
            <td data-label="Expires"><TimeOr at=key.expires_at or="Never"/> " " {state_badge(state)}</td>
            <td data-label="Last used"><TimeOr at=key.last_used_at or="Never"/></td>
            <td><KeyActions key_of=key state token=token.to_owned() password_verified/></td>
        </tr>
    }
    .into_any()
}

/// The scopes of a key, in one line.
fn scopes(key: &ApiKey) -> String {
    let scopes = key.scopes();
    let label = |scope: Scope| match scope {
        Scope::Read => "Read",
        Scope::Write => "Write",
    };
    scopes.iter().copied().map(label).collect::<Vec<_>>().join(", ")
}

/// The assistants that a key can reach, in one line.
fn access(key: &ApiKey) -> String {
    let Some(assistants) = &key.assistants else { return "All assistants, current and future".to_owned() };
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "a deleted assistant".to_owned());
    let names: Vec<String> = assistants.iter().map(|assistant| name(&assistant.name)).collect();
    format!("Only {}", names.join(", "))
}

/// The state of a key, unless the key simply works.
fn state_badge(state: KeyState) -> Option<AnyView> {
    let (class, label) = match state {
        KeyState::Live => return None,
        KeyState::Replaced => ("badge warn", "Being replaced"),
        KeyState::Expired => ("badge bad", "Expired"),
        KeyState::Revoked => ("badge bad", "Revoked"),
    };
    Some(view! { <span class=class>{label}</span> }.into_any())
}

#[cfg(test)]
mod tests {
    use super::curl;

    #[test]
    fn first_request_matches_the_scopes() {
        let reading = curl("https://reef.example", "k", true);
        assert_eq!(reading, "curl https://reef.example/api/v1/assistants \\\n  -H \"X-API-Key: k\"");
        assert!(curl("https://reef.example", "k", false).contains("/api/v1/me "));
    }
}

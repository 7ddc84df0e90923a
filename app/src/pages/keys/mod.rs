//! `/keys`: API keys, and the secret that signs callbacks. `/keys/{id}`: one key and what it has asked for.

mod actions;
mod create;
mod one;
mod signing;

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::wire::{AssistantRecord, Scope};
use reef_service::api_keys::{ApiKey, KeyState};
use secrecy::ExposeSecret as _;

use crate::components::code::{CodeBlock, Copyable};
use crate::components::notice::{Done, is_done_with};
use crate::components::page::{Head, drawn_or_failure};
use crate::components::small::{When, WhenOr};
use crate::error::AppError;
use crate::functions::account::frame;
use crate::functions::keys::NEW_KEY;
use crate::secret::Secret;
use crate::server::{flash, signed_in};
use actions::KeyActions;

pub(crate) use one::KeyPage;

/// What the page is drawn from.
struct Shown {
    keys: Vec<ApiKey>,
    /// A key that was just made.
    new: Option<Secret>,
    /// What a key may be limited to.
    assistants: Vec<AssistantRecord>,
    signing: Secret,
    /// What the forms carry.
    token: String,
    /// Whether the password need not be asked for.
    given: bool,
    public_url: String,
    /// Whether the address waits to be confirmed by a link that was sent there.
    unconfirmed: bool,
    now: Timestamp,
}

/// The caller's keys, a form for a new one, the signing secret.
#[component]
pub(crate) fn KeysPage() -> impl IntoView {
    view! {
        <Head title="API keys" description="Keys for programs that use Reef in your place."/>
        {drawn_or_failure(async { Ok(page(load().await?)) })}
    }
}

async fn load() -> Result<Shown, AppError> {
    let (services, caller) = signed_in().await?;
    Ok(Shown {
        keys: services.api_keys(&caller).await?,
        // Shown where the form has led, also when that is loaded again within the minute; nowhere else.
        new: if is_done_with(&["created", "key_rotated"]) { flash(&services, NEW_KEY).await? } else { None },
        assistants: services.list_assistants(&caller).await?,
        signing: services.callback_secret(caller.user_id).await?.expose_secret().to_owned().into(),
        token: services.form_token(),
        given: caller.has_given_password(),
        public_url: services.config().public_url.clone(),
        unconfirmed: frame().await?.is_to_confirm,
        now: services.now(),
    })
}

fn page(shown: Shown) -> AnyView {
    let Shown { keys, new, assistants, signing, token, given, public_url, unconfirmed, now } = shown;
    let handed_over = new.and_then(|new| handed_over(&keys, new, &public_url));
    let list = if keys.is_empty() { empty() } else { table(keys, &token, given, now) };
    view! {
        <div class="page-head">
            <h1>"API keys"</h1>
            <a class="button" href="#new-key">"New key"</a>
        </div>
        // What hands the key over says that it was made, and must not be dismissed by the way.
        {handed_over.is_none().then(|| view! { <Done/> })}
        {unconfirmed.then(|| view! {
            <p class="notice warn">
                "A password reset revokes all API keys until your email is confirmed. "
                <a href="/settings#email">"Confirm your email"</a>
            </p>
        })}
        <div role="status">{handed_over}</div>
        {list}
        <div class="split">
            <div>{create::section(&assistants, token.clone(), given)}</div>
            <div>{signing::section(signing, token, given)}</div>
        </div>
    }
    .into_any()
}

/// The new key, once; nothing of it when it was revoked since.
fn handed_over(keys: &[ApiKey], new: Secret, public_url: &str) -> Option<AnyView> {
    // What a list shows of a key is short enough to be another's, too: the one that was just made is the latest of them.
    let of_it = keys.iter().filter(|key| new.expose().starts_with(&key.prefix));
    let key = of_it.max_by_key(|key| key.created_at)?;
    let curl = curl(public_url, new.expose(), key.read);
    let name = key.name.clone();
    let view = view! {
        <section class="notice good wide" aria-labelledby="handed-over">
            <h2 id="handed-over" tabindex="-1" autofocus>"Copy your key now"</h2>
            <p>"Key created: “" {name} "”. Copy it and keep it safe: Reef keeps only a hash of it and can’t show it to you later."</p>
            <Copyable label="New API key" secret=new/>
            <p>"Try it:"</p>
            <CodeBlock label="A first request with the new key" code=curl/>
        </section>
    };
    Some(view.into_any())
}

/// A first request: what every key may ask, and more where it may look.
fn curl(public_url: &str, key: &str, can_read: bool) -> String {
    let path = if can_read { "assistants" } else { "me" };
    format!("curl {public_url}/api/v1/{path} \\\n  -H \"X-API-Key: {key}\"")
}

fn empty() -> AnyView {
    view! {
        <div class="empty">
            <h2>"No key yet"</h2>
            <p>
                "A key lets a program do what you do here: buy slots, activate assistants, watch and change them. Give each "
                "program its own, so that you see what it asks for and can shut it out alone."
            </p>
            <p><a class="button quiet" href="/docs/quick-start">"How to begin with the API"</a></p>
        </div>
    }
    .into_any()
}

fn table(keys: Vec<ApiKey>, token: &str, given: bool, now: Timestamp) -> AnyView {
    view! {
        <table class="cards keys rows-lead">
            <thead>
                <tr>
                    <th scope="col">"Key"</th>
                    <th scope="col">"May"</th>
                    <th scope="col">"Created"</th>
                    <th scope="col">"Expires"</th>
                    <th scope="col">"Last used"</th>
                    <td></td>
                </tr>
            </thead>
            <tbody>{keys.into_iter().map(|key| row(key, token, given, now)).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn row(key: ApiKey, token: &str, given: bool, now: Timestamp) -> AnyView {
    let state = key.state(now);
    let reach = key.assistants.is_some().then(|| view! { <p class="hint">{reach(&key)}</p> });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/keys/{}", key.id)>{key.name.clone()}</a>
                <p class="hint"><code>{key.prefix.clone()} "…"</code></p>
            </th>
            <td data-label="May">{scopes(&key)} {reach}</td>
            <td data-label="Created"><When at=key.created_at/></td>
            <td data-label="Expires"><WhenOr at=key.expires_at or="never"/> " " {badge(state)}</td>
            <td data-label="Last used"><WhenOr at=key.last_used_at or="never"/></td>
            <td><KeyActions key_of=key state token=token.to_owned() given/></td>
        </tr>
    }
    .into_any()
}

/// What a key may do, in one line.
fn scopes(key: &ApiKey) -> String {
    let scopes = key.scopes();
    let words: Vec<&str> = scopes.iter().copied().map(Scope::as_str).collect();
    words.join(", ")
}

/// Which assistants a key reaches, in one line.
fn reach(key: &ApiKey) -> String {
    let Some(assistants) = &key.assistants else { return "all assistants, also later ones".to_owned() };
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "one that was deleted".to_owned());
    let names: Vec<String> = assistants.iter().map(|assistant| name(&assistant.name)).collect();
    format!("only {}", names.join(", "))
}

/// How it stands with a key, unless it simply works.
fn badge(state: KeyState) -> Option<AnyView> {
    let (class, words) = match state {
        KeyState::Live => return None,
        KeyState::Replaced => ("badge warn", "being replaced"),
        KeyState::Expired => ("badge bad", "expired"),
        KeyState::Revoked => ("badge bad", "revoked"),
    };
    Some(view! { <span class=class>{words}</span> }.into_any())
}

#[cfg(test)]
mod tests {
    use super::curl;

    #[test]
    fn the_first_request_is_one_that_the_key_may_make() {
        let reading = curl("https://reef.example", "k", true);
        assert_eq!(reading, "curl https://reef.example/api/v1/assistants \\\n  -H \"X-API-Key: k\"");
        assert!(curl("https://reef.example", "k", false).contains("/api/v1/me "));
    }
}

//! One key: its permissions and its recent requests.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::Timestamp;
use reef_service::api_keys::{ApiKey, KeyRequest, REQUESTS_KEPT};

use super::actions::KeyActions;
use super::{access, curl, scopes, state_badge};
use crate::components::code::CodeBlock;
use crate::components::error_page::render_or_error;
use crate::components::page::{Head, Region};
use crate::components::time_and_status::{Time, TimeOr};
use crate::error::AppError;
use crate::server::authenticate;

struct PageData {
    key: ApiKey,
    requests: Vec<KeyRequest>,
    /// The form token, which makes a form that is sent twice count once.
    token: String,
    /// Whether the session has verified the password.
    password_verified: bool,
    public_url: String,
    now: Timestamp,
}

/// Loads the key that the path names.
#[component]
pub(crate) fn KeyPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    render_or_error(async move { Ok(page(load(&id).await?)) })
}

async fn load(id: &str) -> Result<PageData, AppError> {
    let (services, caller) = authenticate().await?;
    Ok(PageData {
        key: services.get_api_key(&caller, id).await?,
        requests: services.list_api_key_requests(&caller, id).await?,
        token: services.form_token(),
        password_verified: caller.has_proven_password(),
        public_url: services.config().public_url.clone(),
        now: services.now(),
    })
}

fn page(PageData { key, requests, token, password_verified, public_url, now }: PageData) -> AnyView {
    let (name, state, here) = (key.name.clone(), key.state(now), format!("/keys/{}", key.id));
    let facts = facts(&key, now);
    let requests = if requests.is_empty() { empty(&key, &public_url) } else { table(requests) };
    view! {
        <Head title=name.clone() description="An API key and its recent requests."/>
        <p class="crumbs"><a href="/keys">"API keys"</a></p>
        <div class="page-head">
            <h1>{name}</h1>
            <KeyActions key_of=key state token password_verified/>
        </div>
        <Region name="facts">{facts}</Region>
        <section aria-labelledby="requests">
            <div class="page-head">
                <h2 id="requests">"Recent requests"</h2>
                <a class="button quiet small" href=here>"Refresh"</a>
            </div>
            <div data-look-again="">
                <Region name="requests">{requests}</Region>
            </div>
        </section>
    }
    .into_any()
}

fn facts(key: &ApiKey, now: Timestamp) -> AnyView {
    let replaced = key.replaced_by.map(|by| {
        view! { <dt>"Replaced by"</dt> <dd><a href=format!("/keys/{by}")>"The new key"</a></dd> }
    });
    let revoked = key.revoked_at.map(|at| view! { <dt>"Revoked"</dt> <dd><Time at/></dd> });
    view! {
        <section class="card" aria-label="About this key">
            <dl class="facts">
                <dt>"Key"</dt>
                <dd><code>{key.prefix.clone()} "…"</code></dd>
                <dt>"Permissions"</dt>
                <dd>{scopes(key)}</dd>
                <dt>"Access"</dt>
                <dd>{access(key)}</dd>
                <dt>"Created"</dt>
                <dd><Time at=key.created_at/></dd>
                <dt>"Expires"</dt>
                <dd><TimeOr at=key.expires_at or="Never"/> " " {state_badge(key.state(now))}</dd>
                <dt>"Last used"</dt>
                <dd><TimeOr at=key.last_used_at or="Never"/></dd>
                {replaced}
                {revoked}
                <dt>"ID"</dt>
                <dd><code>{key.id.to_string()}</code></dd>
            </dl>
        </section>
    }
    .into_any()
}

fn empty(key: &ApiKey, public_url: &str) -> AnyView {
    view! {
        <div class="empty">
            <h3>"No requests yet"</h3>
            <p>{format!("Requests show up here within seconds. The last {REQUESTS_KEPT} are kept.")}</p>
        </div>
        <p>"Try it with your key:"</p>
        <CodeBlock label="A first request" code=curl(public_url, "$REEF_API_KEY", key.read)/>
    }
    .into_any()
}

fn table(requests: Vec<KeyRequest>) -> AnyView {
    view! {
        <p class="hint">{format!("Last {REQUESTS_KEPT} requests. Bodies aren’t stored.")}</p>
        <table class="cards requests">
            <thead>
                <tr>
                    <th scope="col">"Request"</th>
                    <th scope="col">"Status"</th>
                    <th scope="col">"Time"</th>
                    <th scope="col">"Duration"</th>
                    <th scope="col">"Request ID"</th>
                </tr>
            </thead>
            <tbody>{requests.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn row(request: KeyRequest) -> AnyView {
    let class = match request.status {
        0..400 => "badge good",
        400..500 => "badge warn",
        _ => "badge bad",
    };
    view! {
        <tr>
            <th scope="row"><code>{request.method} " " {request.path}</code></th>
            <td data-label="Status"><span class=class>{request.status}</span></td>
            <td data-label="Time"><Time at=request.answered_at seconds=true/></td>
            <td data-label="Duration">{request.duration_ms} "\u{a0}ms"</td>
            <td data-label="Request ID"><code class="id">{request.request_id}</code></td>
        </tr>
    }
    .into_any()
}

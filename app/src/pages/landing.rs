//! `/`: the landing page.

use leptos::prelude::*;
use leptos_router::location::Url;
use reef_service::Services;

use crate::components::code::CodeBlock;
use crate::components::error_page::render_or_error;
use crate::components::notice::Notice;
use crate::components::offer::{Offer, OfferCard, offers};
use crate::components::page::Head;
use crate::error::AppError;
use crate::functions::account::{HeaderData, header_data};
use crate::server::get_context;

const DESCRIPTION: &str = "Launch an AI assistant on Telegram in two minutes: connect a bot, pick Claude, GPT or Gemini, and go live. \
                           Bring your own model key or use ours, in the dashboard or through the API.";
const PICTURE_LABEL: &str = "A chat on Telegram: someone asks their assistant what was planned for Saturday, and what to do if it \
                       rains. The assistant remembers both.";

/// What Reef is, how it works and what it costs.
#[component]
pub(crate) fn HomePage() -> impl IntoView {
    view! {
        <Head title="Launch an AI assistant on Telegram" description=DESCRIPTION is_public=true/>
        {render_or_error(async { Ok(page(load().await?)) })}
    }
}

struct Landing {
    frame: HeaderData,
    offers: [Offer; 2],
    public_url: String,
}

async fn load() -> Result<Landing, AppError> {
    let services: Services = get_context()?;
    let public_url = services.config().public_url.clone();
    Ok(Landing { frame: header_data().await?, offers: offers(&services), public_url })
}

fn page(Landing { frame, offers, public_url }: Landing) -> AnyView {
    let is_member = frame.email.is_some();
    let way = |offer: &Offer| purchase_link(offer, is_member, frame.signups_open);
    let cards = offers.into_iter().map(|offer| {
        let href = way(&offer);
        view! { <OfferCard offer href/> }
    });
    let cards = cards.collect_view();
    view! {
        <Notice/>
        <div class="hero">
            <div>
                <h1>"Launch an AI assistant on Telegram in two minutes"</h1>
                <p class="lead">
                    "Connect a Telegram bot, pick Claude, GPT or Gemini, and go live. Reef hosts it, keeps it running and sends "
                    "webhooks to your backend."
                </p>
                <EntryButtons is_member signups_open=frame.signups_open/>
            </div>
            <ChatPicture/>
        </div>
        <section aria-labelledby="steps">
            <h2 id="steps">"How it works"</h2>
            <Steps/>
        </section>
        <section aria-labelledby="pricing">
            <h2 id="pricing">"Pricing"</h2>
            <p>"Per assistant, billed monthly, plus tax where applicable. Cancel any time."</p>
            <div class="card-grid">{cards}</div>
        </section>
        <section aria-labelledby="developers">
            <h2 id="developers">"For developers"</h2>
            <p>
                "Buy, activate, update and delete assistants through the REST API, and follow them with signed webhooks. "
                <a href="/docs">"Read the API reference"</a>
            </p>
            <CodeBlock label="Ordering an assistant with curl" code=snippet(&public_url)/>
        </section>
    }
    .into_any()
}

/// The address where a plan is bought. Visitors sign up, or sign in, on the way.
fn purchase_link(offer: &Offer, is_member: bool, signups_open: bool) -> String {
    let shop = format!("/assistants/new?mode={}", offer.mode);
    match (is_member, signups_open) {
        (true, _) => shop,
        (false, true) => format!("/signup?next={}", Url::escape(&shop)),
        (false, false) => format!("/signin?next={}", Url::escape(&shop)),
    }
}

#[component]
fn EntryButtons(is_member: bool, signups_open: bool) -> impl IntoView {
    if is_member {
        return view! { <p class="actions"><a class="button" href="/assistants">"Go to dashboard"</a></p> }
            .into_any();
    }
    let sign_in = if signups_open { "button quiet" } else { "button" };
    view! {
        <p class="actions">
            {signups_open.then(|| view! { <a class="button" href="/signup">"Sign up"</a> })}
            <a class=sign_in href="/signin">"Sign in"</a>
        </p>
    }
    .into_any()
}

/// A picture of a Telegram chat, in plain HTML.
#[component]
fn ChatPicture() -> impl IntoView {
    view! {
        <div class="chat-picture" role="img" aria-label=PICTURE_LABEL>
            <p class="chat-head">
                <span class="avatar">"C"</span>
                <span><strong>"Coral"</strong> <br/> <span class="hint">"bot"</span></span>
            </p>
            <p class="bubble from-user">"What did we plan for Saturday?"</p>
            <p class="bubble">"A picnic by the lake at noon. You bring the bread, Ann brings the rest."</p>
            <p class="bubble from-user">"And if it rains?"</p>
            <p class="bubble">"Then the aquarium, as you said on Monday. It opens at ten."</p>
        </div>
    }
}

#[component]
fn Steps() -> impl IntoView {
    view! {
        <ol class="three-steps">
            <li>
                <h3>"Choose a plan"</h3>
                <p>"Pay at checkout. Cancel any time."</p>
            </li>
            <li>
                <h3>"Connect your bot"</h3>
                <p>"Choose a name and a model, and paste your bot token. We check everything before going live."</p>
            </li>
            <li>
                <h3>"Start chatting"</h3>
                <p>"Your assistant replies within seconds. Share the link with anyone."</p>
            </li>
        </ol>
    }
}

fn snippet(public_url: &str) -> String {
    format!(
        "curl {public_url}/api/v1/assistants/purchase \\\n  -H \"X-API-Key: $REEF_API_KEY\" \\\n  \
         -H \"Content-Type: application/json\" \\\n  -d '{{\"apiMode\": \"byok\"}}'"
    )
}

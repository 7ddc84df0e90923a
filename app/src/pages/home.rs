//! `/`: what a visitor sees first.

use leptos::prelude::*;
use leptos_router::location::Url;
use reef_service::Services;

use crate::components::code::CodeBlock;
use crate::components::notice::Done;
use crate::components::offer::{Offer, OfferCard, offers};
use crate::components::page::{Head, drawn_or_failure};
use crate::error::AppError;
use crate::functions::account::{Frame, frame};
use crate::server::provided;

const DESCRIPTION: &str = "Reef runs your own assistant in Telegram: buy a slot, give it a bot and a model, and talk to it. With your \
                           own model key or ours, by clicks or by API.";
const PICTURE: &str = "A chat in Telegram: somebody asks their assistant what was planned for Saturday, and what to do if it \
                       rains; the assistant remembers both.";

/// The start page.
#[component]
pub(crate) fn HomePage() -> impl IntoView {
    view! {
        <Head title="Your own assistant in Telegram" description=DESCRIPTION is_public=true/>
        {drawn_or_failure(async { Ok(page(load().await?)) })}
    }
}

struct Start {
    frame: Frame,
    offers: [Offer; 2],
    public_url: String,
}

async fn load() -> Result<Start, AppError> {
    let services: Services = provided()?;
    let public_url = services.config().public_url.clone();
    Ok(Start { frame: frame().await?, offers: offers(&services), public_url })
}

fn page(Start { frame, offers, public_url }: Start) -> AnyView {
    let is_member = frame.email.is_some();
    let way = |offer: &Offer| way_to(offer, is_member, frame.signups_open);
    let cards = offers.into_iter().map(|offer| {
        let href = way(&offer);
        view! { <OfferCard offer href/> }
    });
    let cards = cards.collect_view();
    view! {
        <Done/>
        <div class="hero">
            <div>
                <h1>"Your own assistant in Telegram"</h1>
                <p class="lead">
                    "Buy a slot, give it a bot and a model, and talk to it. Reef runs it, watches over it, and tells your own "
                    "server when something changes."
                </p>
                <Ways is_member signups_open=frame.signups_open/>
            </div>
            <Picture/>
        </div>
        <section aria-labelledby="steps">
            <h2 id="steps">"Three steps"</h2>
            <Steps/>
        </section>
        <section aria-labelledby="prices">
            <h2 id="prices">"What it costs"</h2>
            <p>"By slot, one assistant each. Taxes may be added; cancel whenever you like."</p>
            <div class="cards-grid">{cards}</div>
        </section>
        <section aria-labelledby="developers">
            <h2 id="developers">"For developers"</h2>
            <p>
                "Everything here can be done by program as well, with signed callbacks to your server. "
                <a href="/docs">"Read the API reference"</a> "."
            </p>
            <CodeBlock label="Ordering a slot with curl" code=snippet(&public_url)/>
        </section>
    }
    .into_any()
}

/// Where a kind of slot is bought; who has no account yet makes one on the way.
fn way_to(offer: &Offer, is_member: bool, signups_open: bool) -> String {
    let shop = format!("/assistants/new?mode={}", offer.mode);
    match (is_member, signups_open) {
        (true, _) => shop,
        (false, true) => format!("/signup?next={}", Url::escape(&shop)),
        (false, false) => format!("/signin?next={}", Url::escape(&shop)),
    }
}

#[component]
fn Ways(is_member: bool, signups_open: bool) -> impl IntoView {
    if is_member {
        return view! { <p class="actions"><a class="button" href="/assistants">"Go to your assistants"</a></p> }.into_any();
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

/// A chat as it looks in Telegram, drawn in plain HTML.
#[component]
fn Picture() -> impl IntoView {
    view! {
        <div class="chat-picture" role="img" aria-label=PICTURE>
            <p class="chat-head">
                <span class="avatar">"C"</span>
                <span><strong>"Coral"</strong> <br/> <span class="hint">"bot"</span></span>
            </p>
            <p class="said mine">"What did we plan for Saturday?"</p>
            <p class="said">"A picnic by the lake at noon. You bring the bread, Ann brings the rest."</p>
            <p class="said mine">"And if it rains?"</p>
            <p class="said">"Then the aquarium, as you said on Monday. It opens at ten."</p>
        </div>
    }
}

#[component]
fn Steps() -> impl IntoView {
    view! {
        <ol class="three-steps">
            <li>
                <h3>"Buy"</h3>
                <p>"Choose a slot and pay at the checkout. It is yours as long as it is paid."</p>
            </li>
            <li>
                <h3>"Activate"</h3>
                <p>"Give it a name, a model and the token of a Telegram bot. Reef checks both before it deploys."</p>
            </li>
            <li>
                <h3>"Talk"</h3>
                <p>"Some seconds later it answers in Telegram, to you and to whom you tell its name."</p>
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

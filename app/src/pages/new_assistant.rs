//! `/assistants/new`: buying a slot.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use reef_domain::wire::{ApiMode, AssistantRecord};

use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::offer::{Offer, OfferField, offers};
use crate::components::page::{Head, Region, drawn_or_failure};
use crate::components::resume::Resume;
use crate::components::small::When;
use crate::error::AppError;
use crate::functions::buying::Purchase;
use crate::islands::Live;
use crate::server::signed_in;
use crate::{snapshot, text};

/// Whose model key it will use, then on to the checkout.
#[component]
pub(crate) fn NewAssistantPage() -> impl IntoView {
    let asked = use_query_map().with_untracked(|query| query.get("mode"));
    let chosen = asked.and_then(|mode| ApiMode::parse(&mode)).unwrap_or(ApiMode::Byok);
    view! {
        <Head title="Buy a slot" description="Choose whose model key the assistant uses, and what it costs."/>
        {drawn_or_failure(async move { Ok(page(load().await?, chosen)) })}
    }
}

struct Shop {
    offers: [Offer; 2],
    /// What makes the form buy once.
    token: String,
    unpaid: Vec<AssistantRecord>,
    /// What follows whether they are paid elsewhere.
    stream: String,
}

async fn load() -> Result<Shop, AppError> {
    let (services, caller) = signed_in().await?;
    // First where the stream goes on from: what changes between the two is told.
    let stream = snapshot::list(&services, &caller).await?.stream("/live/assistants");
    let unpaid = services.unpaid(&caller).await?;
    Ok(Shop { offers: offers(&services), token: services.form_token(), unpaid, stream })
}

fn page(Shop { offers, token, unpaid, stream }: Shop, chosen: ApiMode) -> AnyView {
    let is_sold = offers.iter().any(|offer| offer.is_sold);
    let has_unpaid = !unpaid.is_empty();
    view! {
        <p class="crumbs"><a href="/assistants">"Assistants"</a></p>
        <h1>"Buy a slot"</h1>
        <p>
            "A slot is the place for one assistant. You pay on the next page; then you give the assistant its name, its bot "
            "and its model."
        </p>
        <Live path=stream/>
        <Region name="unpaid">{has_unpaid.then(|| view! { <Unpaid unpaid/> })}</Region>
        {if is_sold {
            view! { <Order offers=offers.into() token chosen is_another=has_unpaid/> }.into_any()
        } else {
            view! { <NotSold/> }.into_any()
        }}
    }
    .into_any()
}

#[component]
fn Order(offers: Vec<Offer>, token: String, chosen: ApiMode, is_another: bool) -> impl IntoView {
    let form = Form::of::<Purchase>("purchase", &["apiMode"]);
    view! {
        <section aria-labelledby="order">
            <h2 id="order">{if is_another { "Start a new order" } else { "What it is to be" }}</h2>
            <PostForm form class="wide">
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                <OfferField form offers chosen/>
                <Submit label="Continue to checkout" busy="Preparing the checkout…"/>
                <p class="hint">"Nothing is charged before you confirm it there. Taxes may be added."</p>
            </PostForm>
        </section>
    }
}

#[component]
fn NotSold() -> impl IntoView {
    view! {
        <p class="notice warn">
            "Payments are not set up here, so no slot can be bought yet. Whoever runs this site can set them up."
        </p>
    }
}

/// What was ordered and not paid: to go on with, instead of ordering it again.
#[component]
fn Unpaid(unpaid: Vec<AssistantRecord>) -> impl IntoView {
    let row = |slot: AssistantRecord| {
        let spoken = format!("Resume the checkout of {}", slot.name);
        view! {
            <li class="card slot">
                <h3><a href=format!("/assistants/{}", slot.id)>{slot.name.clone()}</a></h3>
                <p class="hint">{text::mode(slot.api_mode)} ", ordered " <When at=slot.created_at/></p>
                <Resume id=slot.id label="Resume" spoken=spoken/>
            </li>
        }
    };
    view! {
        <section aria-labelledby="unpaid">
            <h2 id="unpaid">"Unfinished orders"</h2>
            <p>"Pick up where you left off."</p>
            <ul class="cards-grid">{unpaid.into_iter().map(row).collect_view()}</ul>
        </section>
    }
}

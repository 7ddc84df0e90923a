//! `/assistants/new`: choosing a plan, and unfinished orders.

use leptos::prelude::*;
use reef_domain::wire::{ApiMode, AssistantRecord};
use reef_frontend::Live;

use crate::components::error_page::render_or_error;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::offer::{Offer, OfferField, offers};
use crate::components::page::{Head, Region};
use crate::components::payment::ResumeCheckoutForm;
use crate::components::time_and_status::Time;
use crate::error::AppError;
use crate::functions::checkout::Purchase;
use crate::request::query_value;
use crate::server::authenticate;
use crate::{labels, snapshot};

#[component]
pub(crate) fn NewAssistantPage() -> impl IntoView {
    let chosen = query_value("mode").and_then(|mode| ApiMode::parse(&mode)).unwrap_or(ApiMode::Byok);
    view! {
        <Head title="New assistant" description="Choose a plan for a new assistant."/>
        {render_or_error(async move { Ok(page(load().await?, chosen)) })}
    }
}

struct OrderOptions {
    offers: [Offer; 2],
    /// Makes the form order once, however often it is sent.
    token: String,
    unpaid: Vec<AssistantRecord>,
    /// The stream that updates the unfinished orders once they are paid.
    stream: String,
}

async fn load() -> Result<OrderOptions, AppError> {
    let (services, caller) = authenticate().await?;
    // The stream continues from this read, so that a payment between the two reads is not missed.
    let stream = snapshot::list(&services, &caller).await?.stream("/live/assistants");
    let unpaid = services.list_unpaid(&caller).await?;
    Ok(OrderOptions { offers: offers(&services), token: services.form_token(), unpaid, stream })
}

fn page(OrderOptions { offers, token, unpaid, stream }: OrderOptions, chosen: ApiMode) -> AnyView {
    let is_sold = offers.iter().any(|offer| offer.is_available);
    let has_unpaid = !unpaid.is_empty();
    view! {
        <p class="crumbs"><a href="/assistants">"Assistants"</a></p>
        <h1>"New assistant"</h1>
        <p>"Choose a plan. After payment you’ll name your assistant and connect its bot."</p>
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
            <h2 id="order">{if is_another { "Start a new order" } else { "Plan" }}</h2>
            <PostForm form class="wide">
                <FormErrorMessage form/>
                <input type="hidden" name="token" value=token/>
                <OfferField form offers chosen/>
                <Submit label="Continue to checkout" busy="Opening checkout…"/>
                <p class="hint">"You won’t be charged until you pay at checkout. Tax may apply."</p>
            </PostForm>
        </section>
    }
}

#[component]
fn NotSold() -> impl IntoView {
    view! {
        <p class="notice warn">"Payments aren’t available yet. Contact support."</p>
    }
}

/// Unpaid orders, which can be continued.
#[component]
fn Unpaid(unpaid: Vec<AssistantRecord>) -> impl IntoView {
    let row = |order: AssistantRecord| {
        let aria_label = format!("Resume checkout of {}", order.name);
        view! {
            <li class="card entry">
                <h3><a href=format!("/assistants/{}", order.id)>{order.name.clone()}</a></h3>
                <p class="hint">{labels::plan_label(order.api_mode)} ", ordered " <Time at=order.created_at/></p>
                <ResumeCheckoutForm id=order.id label="Resume" aria_label=aria_label/>
            </li>
        }
    };
    view! {
        <section aria-labelledby="unpaid">
            <h2 id="unpaid">"Unfinished orders"</h2>
            <p>"Pick up where you left off."</p>
            <ul class="card-grid">{unpaid.into_iter().map(row).collect_view()}</ul>
        </section>
    }
}

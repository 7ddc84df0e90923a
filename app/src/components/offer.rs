//! The two plans, with their descriptions and prices.

use leptos::prelude::*;
use reef_domain::Usd;
use reef_domain::wire::ApiMode;
use reef_ports::Price;
use reef_service::Services;

use crate::components::form::{FieldIssue, Form};
use crate::labels;

const UNKNOWN_PRICE: &str = "The checkout shows the price";
const NOT_AVAILABLE: &str = "Not available";

/// A plan as this server sells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub mode: ApiMode,
    pub name: &'static str,
    pub description: String,
    /// The price with its interval, or why there is none.
    pub price: String,
    /// The operator has a product for this plan.
    pub is_available: bool,
}

pub(crate) fn offers(services: &Services) -> [Offer; 2] {
    let (prices, config) = (services.prices(), services.config());
    let offer = |mode, name, description: String, price: Option<Price>| {
        let is_sold = config.product(mode).is_some();
        let price = match price {
            _ if !is_sold => NOT_AVAILABLE.to_owned(),
            Some(price) => labels::price_label(&price),
            None => UNKNOWN_PRICE.to_owned(),
        };
        Offer { mode, name, description, price, is_available: is_sold }
    };
    let byok = "Use your own Anthropic, OpenAI, Google or OpenRouter API key. The provider bills you directly for usage.";
    let credit = Usd::from_dollars(config.managed_credit_usd);
    let managed =
        format!("No API key needed. Includes ${credit} of credit for model usage every billing period.");
    [
        offer(ApiMode::Byok, "Bring your own key", byok.to_owned(), prices.byok),
        offer(ApiMode::Managed, "Managed", managed, prices.managed),
    ]
}

#[component]
pub(crate) fn OfferField(form: Form, offers: Vec<Offer>, chosen: ApiMode) -> impl IntoView {
    let typed = form.typed_value("api_mode").and_then(|typed| ApiMode::parse(&typed)).unwrap_or(chosen);
    // A plan that is not sold cannot be chosen, so the other one is preselected.
    let is_sold = |mode| offers.iter().any(|offer| offer.mode == mode && offer.is_available);
    let first = offers.iter().find(|offer| offer.is_available).map(|offer| offer.mode);
    let chosen = if is_sold(typed) { Some(typed) } else { first };
    let issue_id = format!("{}-issue", form.id("api_mode"));
    let described_by = issue_id.clone();
    view! {
        <fieldset class="field choices offers" aria-describedby=described_by>
            <legend class="visually-hidden">"Plan"</legend>
            {offers
                .into_iter()
                .map(|offer| {
                    let checked = chosen == Some(offer.mode);
                    view! { <OfferChoice id=form.id(offer.mode.as_str()) offer checked/> }
                })
                .collect_view()}
            <FieldIssue form id=issue_id path=&["apiMode"]/>
        </fieldset>
    }
}

#[component]
fn OfferChoice(id: String, offer: Offer, checked: bool) -> impl IntoView {
    let (price_id, meaning_id) = (format!("{id}-price"), format!("{id}-meaning"));
    view! {
        <div class="choice card offer">
            <input
                type="radio"
                id=id.clone()
                name="api_mode"
                value=offer.mode.as_str()
                required
                checked=checked
                disabled=!offer.is_available
                aria-describedby=format!("{price_id} {meaning_id}")
            />
            <div>
                <label for=id>{offer.name}</label>
                <p class="price" id=price_id>{offer.price}</p>
                <p class="hint" id=meaning_id>{offer.description}</p>
            </div>
        </div>
    }
}

/// A plan on the home page, with a button that leads to `href`.
#[component]
pub(crate) fn OfferCard(offer: Offer, href: String) -> impl IntoView {
    let label = match offer.mode {
        ApiMode::Byok => "Get started with your own key",
        ApiMode::Managed => "Get started with Managed",
    };
    view! {
        <div class="card offer">
            <h3>{offer.name}</h3>
            <p class="price">{offer.price}</p>
            <p>{offer.description}</p>
            {offer.is_available.then(|| view! { <p><a class="button quiet" href=href>{label}</a></p> })}
        </div>
    }
}

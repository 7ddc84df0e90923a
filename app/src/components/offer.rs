//! The two kinds of slot, with what they mean and cost.

use leptos::prelude::*;
use reef_domain::Usd;
use reef_domain::wire::ApiMode;
use reef_service::Services;
use reef_service::ports::Price;

use crate::components::form::{FieldIssue, Form};
use crate::text;

/// What is said where no price is known.
const UNKNOWN_PRICE: &str = "The checkout shows the price";
/// What is said of a kind that the operator has no product for.
const NOT_SOLD: &str = "Not sold here";

/// A kind of slot, as it is sold here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Whose model key is used.
    pub mode: ApiMode,
    /// What it is called.
    pub name: &'static str,
    /// What it means, in a sentence or two.
    pub meaning: String,
    /// What it costs, in words.
    pub price: String,
    /// Whether it can be bought.
    pub is_sold: bool,
}

/// Both kinds.
pub fn offers(services: &Services) -> [Offer; 2] {
    let (prices, config) = (services.prices(), services.config());
    let offer = |mode, name, meaning: String, price: Option<Price>| {
        let is_sold = config.product(mode).is_some();
        let price = match price {
            _ if !is_sold => NOT_SOLD.to_owned(),
            Some(price) => text::price(&price),
            None => UNKNOWN_PRICE.to_owned(),
        };
        Offer { mode, name, meaning, price, is_sold }
    };
    let byok = "You bring an API key of Anthropic, OpenAI, Google or OpenRouter, and pay the provider for what it is used \
                for.";
    let credit = Usd::from_dollars(config.managed_credit_usd);
    let managed = format!(
        "Reef brings the key, with ${credit} of model credit in every paid period. You only choose a model."
    );
    [
        offer(ApiMode::Byok, "Your own model key", byok.to_owned(), prices.byok),
        offer(ApiMode::Managed, "Managed", managed, prices.managed),
    ]
}

/// The field that asks for one of them.
#[component]
pub fn OfferField(
    /// The form it belongs to.
    form: Form,
    /// What can be chosen.
    offers: Vec<Offer>,
    /// Which one is chosen at first.
    chosen: ApiMode,
) -> impl IntoView {
    let kept = form.kept("api_mode").and_then(|kept| ApiMode::parse(&kept)).unwrap_or(chosen);
    // What is not sold cannot be chosen; the other one is then.
    let is_sold = |mode| offers.iter().any(|offer| offer.mode == mode && offer.is_sold);
    let first = offers.iter().find(|offer| offer.is_sold).map(|offer| offer.mode);
    let chosen = if is_sold(kept) { Some(kept) } else { first };
    let issue_id = format!("{}-issue", form.id("api_mode"));
    let described_by = issue_id.clone();
    view! {
        <fieldset class="field choices offers" aria-describedby=described_by>
            <legend>"Whose model key will it use?"</legend>
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
                disabled=!offer.is_sold
                aria-describedby=format!("{price_id} {meaning_id}")
            />
            <div>
                <label for=id>{offer.name}</label>
                <p class="price" id=price_id>{offer.price}</p>
                <p class="hint" id=meaning_id>{offer.meaning}</p>
            </div>
        </div>
    }
}

/// A kind of slot to read about, with the way to buy it.
#[component]
pub fn OfferCard(
    offer: Offer,
    /// Where its button leads.
    href: String,
) -> impl IntoView {
    let spoken = format!("Choose: {}", offer.name);
    view! {
        <div class="card offer">
            <h3>{offer.name}</h3>
            <p class="price">{offer.price}</p>
            <p>{offer.meaning}</p>
            {offer.is_sold.then(|| view! { <p><a class="button quiet" href=href aria-label=spoken>"Choose"</a></p> })}
        </div>
    }
}

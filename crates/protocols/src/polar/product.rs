//! Reads the price of a product at Polar.

use reef_ports::{Interval, Price};
use serde::Deserialize;

/// The fields of `GET /v1/products/{id}` that determine the price.
#[derive(Deserialize)]
pub(super) struct ProductBody {
    #[serde(default)]
    is_archived: bool,
    recurring_interval: Option<String>,
    recurring_interval_count: Option<u32>,
    #[serde(default)]
    prices: Vec<PriceBody>,
}

#[derive(Deserialize)]
struct PriceBody {
    #[serde(default)]
    amount_type: String,
    price_amount: Option<i64>,
    price_currency: Option<String>,
    #[serde(default)]
    is_archived: bool,
}

impl ProductBody {
    /// Returns the fixed price, preferably the one in US dollars. `None` if the product has another kind of price, such
    /// as metered usage, which is not a single number.
    pub(super) fn price(self) -> Option<Price> {
        let interval = match self.recurring_interval.as_deref()? {
            "day" => Interval::Day,
            "week" => Interval::Week,
            "month" => Interval::Month,
            "year" => Interval::Year,
            _ => return None,
        };
        let live: Vec<_> = self.prices.into_iter().filter(|price| !price.is_archived).collect();
        if self.is_archived || live.iter().any(|price| price.amount_type != "fixed") {
            return None;
        }
        let in_dollars = |price: &&PriceBody| price.price_currency.as_deref() == Some("usd");
        let chosen = live.iter().find(in_dollars).or(live.first())?;
        Some(Price {
            amount: chosen.price_amount.filter(|amount| *amount >= 0)?,
            currency: chosen.price_currency.clone()?,
            interval,
            interval_count: self.recurring_interval_count.unwrap_or(1).max(1),
        })
    }
}

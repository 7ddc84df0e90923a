//! What models cost.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Catalog, ListedModel};
use crate::usd::Usd;
use crate::wire::Provider;

/// How many trillionths of a dollar are a millionth.
const TRILLIONTHS_PER_MICRO: u128 = 1_000_000;

/// Prices per token in trillionths of a dollar, so that a dollar per million tokens is a whole number, and so are the fractions
/// of it that models cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// A token that the model reads.
    pub input: u64,
    /// A token that the model writes.
    pub output: u64,
    /// A token that the model reads from the provider's cache; `None` if it costs as much as any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<u64>,
}

impl Prices {
    /// Parses prices in dollars per token, as OpenRouter lists them: `0.000003`. `None` if a price varies, which OpenRouter
    /// lists as -1, or is not a plain decimal number.
    #[must_use]
    pub fn parse(input: &str, output: &str, cached_input: Option<&str>) -> Option<Self> {
        Some(Self {
            input: trillionths(input)?,
            output: trillionths(output)?,
            cached_input: cached_input.and_then(trillionths),
        })
    }

    /// Returns what a call costs, rounded half up to the millionth of a dollar. `cached` of the `input` tokens come from the
    /// provider's cache.
    #[must_use]
    pub fn cost(self, input: u64, output: u64, cached: u64) -> Usd {
        let cached = cached.min(input);
        let total = u128::from(input - cached) * u128::from(self.input)
            + u128::from(cached) * u128::from(self.cached_input.unwrap_or(self.input))
            + u128::from(output) * u128::from(self.output);
        let micros = (total + TRILLIONTHS_PER_MICRO / 2) / TRILLIONTHS_PER_MICRO;
        Usd::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// Parses a decimal number of dollars. What is smaller than a trillionth is cut off.
fn trillionths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(12).collect();
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000_000)?.checked_add(fraction.parse().ok()?)
}

/// The prices of all models with a known price.
#[derive(Clone, Debug, Default)]
pub struct PriceList(HashMap<(Provider, String), Prices>);

impl PriceList {
    /// Takes the prices from OpenRouter's list. Vendors ask the same for their models as OpenRouter does.
    #[must_use]
    pub fn new(listed: &[ListedModel]) -> Self {
        let prices: HashMap<&str, Prices> =
            listed.iter().filter_map(|model| Some((model.id.as_str(), model.prices?))).collect();
        let catalog = Catalog::with_listed(listed);
        let priced = catalog.models.into_iter().filter_map(|model| {
            let prices = *prices.get(model.openrouter_id.as_str())?;
            Some(((model.provider, model.id), prices))
        });
        Self(priced.collect())
    }

    /// Finds the prices of a model; `None` if they are not known.
    #[must_use]
    pub fn find(&self, provider: Provider, model_id: &str) -> Option<Prices> {
        self.0.get(&(provider, model_id.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_rounded_half_up() {
        let prices = Prices::parse("0.000003", "0.000015", Some("0.0000003")).expect("prices");
        assert_eq!(prices, Prices { input: 3_000_000, output: 15_000_000, cached_input: Some(300_000) });
        assert_eq!(prices.cost(1_000, 100, 0).micros(), 4_500);
        assert_eq!(prices.cost(1_000, 100, 1_000).micros(), 1_800);
        let cheap = Prices { input: 500_000, output: 0, cached_input: None };
        assert_eq!([1, 2, 3].map(|tokens| cheap.cost(tokens, 0, 0).micros()), [1, 1, 2]);
        assert_eq!(cheap.cost(1, 0, 50).micros(), 1, "no more can be cached than was read");
    }

    #[test]
    fn prices_that_vary_or_are_no_numbers_are_unknown() {
        for price in ["-1", "", "free", "1e-6", ".5", "99999999999999999999"] {
            assert_eq!(Prices::parse(price, "0", None), None, "{price}");
        }
        assert_eq!(
            Prices::parse("0", "1", None),
            Some(Prices { input: 0, output: 1_000_000_000_000, cached_input: None })
        );
    }

    #[test]
    fn vendors_models_have_the_price_of_openrouter() {
        let listed = [ListedModel {
            id: "anthropic/claude-sonnet-5.5".to_owned(),
            name: "Sonnet".to_owned(),
            prices: Prices::parse("0.000003", "0.000015", None),
        }];
        let list = PriceList::new(&listed);
        assert!(list.find(Provider::Anthropic, "claude-sonnet-5-5").is_some());
        assert!(list.find(Provider::Openrouter, "anthropic/claude-sonnet-5.5").is_some());
        assert!(list.find(Provider::Openai, "gpt-5.5").is_none());
    }
}

//! What an answer has cost, as its provider reports it.

use serde_json::Value;

/// The tokens of a request and its answer. All providers count differently; these numbers are made comparable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens that the model has read, those from a cache included.
    pub input_tokens: u64,
    /// All tokens that the model has written, those of its thinking included.
    pub output_tokens: u64,
    /// Those of `input_tokens` that came from the provider's cache, and usually cost less.
    pub cached_input_tokens: u64,
    /// The price in millionths of a US dollar, rounded half up, if the provider reports one. Only OpenRouter does.
    pub cost_micro_usd: Option<i64>,
}

/// Reads a count of tokens. Some providers behind OpenRouter send whole numbers with a fraction.
pub(crate) fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|count| *count >= 0.0).map(|count| count as u64))
}

/// Converts a price in US dollars to millionths. Negative and implausible prices are unknown.
pub(crate) fn micro_usd(value: &Value) -> Option<i64> {
    const USD_MAX: f64 = 1e6;
    let usd = value.as_f64().filter(|usd| (0.0..USD_MAX).contains(usd))?;
    Some((usd * 1e6).round() as i64)
}

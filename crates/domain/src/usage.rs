//! What an assistant's calls of its model have used and cost.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::Issue;
use crate::input::Parsed;
use crate::query::find_param;
use crate::usd::Usd;
use crate::wire::wire_enum;

wire_enum! {
    /// What the items of a usage report are grouped by.
    UsageGrouping {
        /// One item for each day.
        Day = "day",
        /// One item for each model.
        Model = "model",
        /// One item for each person.
        Person = "person",
    }
}

/// The key of calls that came through the API, among those of people.
pub const API_KEY: &str = "api";
/// The key of calls for people who are not known: members of groups, and people who were erased.
pub const OTHER_KEY: &str = "other";

/// What calls have used and cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsageTotals {
    /// How many questions were answered.
    pub turns: i64,
    /// How many tokens the model has read.
    pub input_tokens: i64,
    /// How many tokens the model has written.
    pub output_tokens: i64,
    /// What the calls have cost, in US dollars with six decimals; `null` if no price is known.
    #[serde(serialize_with = "cost", deserialize_with = "read_cost")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "0.012345", pattern = r"^\d+\.\d{6}$"))]
    pub cost_usd: Option<Usd>,
}

impl UsageTotals {
    /// Adds what other calls have used. The costs that are known are added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            turns: self.turns + other.turns,
            input_tokens: self.input_tokens + other.input_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            cost_usd: match (self.cost_usd, other.cost_usd) {
                (Some(a), Some(b)) => Some(a.plus(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

/// What one answer has used and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsageCost {
    /// How many tokens the model has read.
    pub input_tokens: i64,
    /// How many tokens the model has written.
    pub output_tokens: i64,
    /// What it has cost, in US dollars with six decimals; `null` if no price is known.
    #[serde(serialize_with = "cost", deserialize_with = "read_cost")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "0.004500", pattern = r"^\d+\.\d{6}$"))]
    pub cost_usd: Option<Usd>,
}

/// What a day, a model or a person has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsageItem {
    /// The day (`2026-12-01`), the ID of the model, or the ID of the person; `api` for calls through the API, and `other` for
    /// people who are not in the list of people.
    pub key: String,
    /// How many questions were answered.
    pub turns: i64,
    /// How many tokens the model has read.
    pub input_tokens: i64,
    /// How many tokens the model has written.
    pub output_tokens: i64,
    /// What the calls have cost, in US dollars with six decimals; `null` if no price is known.
    #[serde(serialize_with = "cost", deserialize_with = "read_cost")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "0.012345", pattern = r"^\d+\.\d{6}$"))]
    pub cost_usd: Option<Usd>,
}

impl UsageItem {
    /// An item with what its calls have used together.
    #[must_use]
    pub const fn new(key: String, totals: UsageTotals) -> Self {
        let UsageTotals { turns, input_tokens, output_tokens, cost_usd } = totals;
        Self { key, turns, input_tokens, output_tokens, cost_usd }
    }

    /// What its calls have used together.
    #[must_use]
    pub const fn totals(&self) -> UsageTotals {
        let Self { turns, input_tokens, output_tokens, cost_usd, .. } = *self;
        UsageTotals { turns, input_tokens, output_tokens, cost_usd }
    }
}

/// How much may be spent, and how much was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsageAllowance {
    /// The limit of one day, as in the settings.
    pub per_day_usd: Option<String>,
    /// The limit of one calendar month, as in the settings.
    pub per_month_usd: Option<String>,
    /// What was spent today, with six decimals.
    #[serde(serialize_with = "amount", deserialize_with = "read_amount")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = r"^\d+\.\d{6}$"))]
    pub spent_today_usd: Usd,
    /// What was spent this month, with six decimals.
    #[serde(serialize_with = "amount", deserialize_with = "read_amount")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = r"^\d+\.\d{6}$"))]
    pub spent_this_month_usd: Usd,
}

/// What an assistant has used in some days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// All of it.
    pub totals: UsageTotals,
    /// The same by day, model or person. Days without use are left out.
    pub items: Vec<UsageItem>,
    /// How much may be spent, and how much was.
    pub allowance: UsageAllowance,
    /// What this month will cost if it goes on as it has begun, with six decimals.
    #[serde(serialize_with = "amount", deserialize_with = "read_amount")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = r"^\d+\.\d{6}$"))]
    pub forecast_month_usd: Usd,
}

/// Writes an amount with all of its six decimals.
#[must_use]
pub fn six_decimals(usd: Usd) -> String {
    let micros = usd.micros().unsigned_abs();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn parse_amount(text: &str) -> Option<Usd> {
    let (whole, fraction) = text.split_once('.')?;
    let micros: i64 = fraction.parse().ok().filter(|_| fraction.len() == 6)?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros).map(Usd::from_micros)
}

// An amount is larger than a reference in the browser, and not on the server.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")
)]
fn amount<S: Serializer>(usd: &Usd, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&six_decimals(*usd))
}

#[expect(clippy::ref_option, reason = "serde passes references")]
fn cost<S: Serializer>(usd: &Option<Usd>, serializer: S) -> Result<S::Ok, S::Error> {
    usd.map(six_decimals).serialize(serializer)
}

fn read_amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_amount(&text).ok_or_else(|| serde::de::Error::custom("not an amount"))
}

fn read_cost<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Usd>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_amount(&text).ok_or_else(|| serde::de::Error::custom("not an amount"))).transpose()
}

/// Reads an allowance from the settings, such as `2.50`.
#[must_use]
pub fn allowance_amount(text: &str) -> Option<Usd> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    parse_amount(&format!("{whole}.{fraction:0<6}"))
}

/// The query of a usage report, with its dates as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// The first day; `None` for the first of the month.
    pub from: Option<String>,
    /// The last day; `None` for today.
    pub to: Option<String>,
    /// What the items are grouped by.
    pub by: UsageGrouping,
}

/// Parses `from`, `to` and `by`. The dates are checked by the service, which knows the calendar.
///
/// # Errors
/// Every [`Issue`] with the parameters.
pub fn parse_usage_query(params: &[(String, String)]) -> Parsed<UsageQuery> {
    let mut issues = Vec::new();
    let mut find = |name| find_param(params, name).map_err(|issue| issues.push(issue)).ok().flatten();
    let (from, to, by) = (find("from"), find("to"), find("by"));
    let by = by.map_or(Some(UsageGrouping::Day), UsageGrouping::parse);
    if by.is_none() {
        issues.push(Issue::new("by", "invalid_value", "This must be `day`, `model` or `person`."));
    }
    match by {
        Some(by) if issues.is_empty() => {
            Ok(UsageQuery { from: from.map(str::to_owned), to: to.map(str::to_owned), by })
        }
        _ => Err(issues),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_six_decimals() {
        for (micros, text) in
            [(0, "0.000000"), (1, "0.000001"), (2_500_000, "2.500000"), (1_234_567_890, "1234.567890")]
        {
            assert_eq!(six_decimals(Usd::from_micros(micros)), text);
            assert_eq!(parse_amount(text), Some(Usd::from_micros(micros)));
        }
        assert_eq!(parse_amount("1.5"), None);
        let cases = [("2.50", Some(2_500_000)), ("3", Some(3_000_000)), ("0.01", Some(10_000)), ("x", None)];
        for (text, micros) in cases {
            assert_eq!(allowance_amount(text).map(Usd::micros), micros, "{text}");
        }
    }

    #[test]
    fn costs_that_are_known_are_added() {
        let known = UsageTotals { turns: 1, cost_usd: Some(Usd::from_micros(5)), ..UsageTotals::default() };
        let unknown = UsageTotals { turns: 2, ..UsageTotals::default() };
        assert_eq!(unknown.plus(unknown).cost_usd, None);
        assert_eq!(known.plus(unknown).plus(known).cost_usd, Some(Usd::from_micros(10)));
        assert_eq!(known.plus(unknown).turns, 3);
    }

    #[test]
    fn query_says_what_is_wrong() {
        let query = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            parse_usage_query(&pairs)
        };
        assert_eq!(query(&[]).expect("valid").by, UsageGrouping::Day);
        assert_eq!(query(&[("by", "model")]).expect("valid").by, UsageGrouping::Model);
        assert_eq!(query(&[("by", "week"), ("from", "a"), ("from", "b")]).expect_err("invalid").len(), 2);
    }
}

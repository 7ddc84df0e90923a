//! `/assistants/{id}/usage`: what an assistant has used and cost this month, and how much it may spend.

use std::collections::HashMap;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::Usd;
use reef_domain::usage::{
    API_KEY, OTHER_KEY, Usage, UsageAllowance, UsageGrouping, UsageItem, UsageQuery, UsageTotals,
    allowance_amount,
};
use reef_domain::wire::AssistantRecord;

use crate::components::error_page::render_or_error;
use crate::components::page::Head;
use crate::server::authenticate;

/// The height of the chart, and the width of a day with its gap, in the units of its view box.
const HEIGHT: i64 = 100;
const DAY_WIDTH: usize = 12;
const BAR_WIDTH: usize = 9;

#[component]
pub(crate) fn UsagePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        let record = services.get_assistant(&caller, &id).await?;
        let query = |by| Ok(UsageQuery { from: None, to: None, by });
        let days = services.get_usage(&caller, &id, query(UsageGrouping::Day)).await?;
        let models = services.get_usage(&caller, &id, query(UsageGrouping::Model)).await?;
        let people = services.get_usage(&caller, &id, query(UsageGrouping::Person)).await?;
        let names = services.list_people(&caller, &id, Ok(None)).await?.0;
        let names = names.into_iter().map(|person| (person.id, person.name)).collect();
        Ok(page(&record, &days, &models, &people, &names))
    })
}

fn page(
    record: &AssistantRecord,
    days: &Usage,
    models: &Usage,
    people: &Usage,
    names: &HashMap<String, String>,
) -> AnyView {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    let behavior = format!("{back}/behavior");
    let person = |key: &str| match key {
        API_KEY => "API and test messages".to_owned(),
        OTHER_KEY => "Members of groups, and people who were erased".to_owned(),
        key => names.get(key).cloned().unwrap_or_else(|| "Someone who was erased".to_owned()),
    };
    let content = if days.items.is_empty() {
        view! {
            <p class="empty">"Nothing was used this month. Usage appears here once someone has asked " {name.clone()} " something."</p>
        }
        .into_any()
    } else {
        view! {
            <section class="card" aria-labelledby="days">
                <h2 id="days">"By day"</h2>
                {chart(&days.items)}
                {table("Day", &days.items, str::to_owned)}
            </section>
            <section class="card" aria-labelledby="models">
                <h2 id="models">"By model"</h2>
                {table("Model", &models.items, str::to_owned)}
            </section>
            <section class="card" aria-labelledby="people">
                <h2 id="people">"By person"</h2>
                {table("Person", &people.items, person)}
            </section>
        }
        .into_any()
    };
    view! {
        <Head title=format!("Usage of {name}") description="What an assistant has used and cost this month."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back>{name}</a></p>
        <h1>"Usage"</h1>
        <section class="card" aria-labelledby="month">
            <h2 id="month">"This month"</h2>
            {summary(&days.totals, days.forecast_month_usd)}
            {allowance(&days.allowance)}
            <p class="hint">
                "The allowance is set on the page " <a href=behavior>"Behavior"</a>
                ". Calls of models without a known price don’t count toward it."
            </p>
        </section>
        {content}
    }
    .into_any()
}

fn summary(totals: &UsageTotals, forecast: Usd) -> AnyView {
    let cost = if totals.turns == 0 { dollars(Usd::ZERO) } else { cost_label(totals.cost_usd) };
    view! {
        <dl class="facts">
            <dt>"Answers"</dt>
            <dd>{totals.turns}</dd>
            <dt>"Cost"</dt>
            <dd>{cost}</dd>
            <dt>"Forecast for the month"</dt>
            <dd>{dollars(forecast)}</dd>
        </dl>
    }
    .into_any()
}

fn allowance(allowance: &UsageAllowance) -> AnyView {
    let limits = [
        ("Today", allowance.per_day_usd.as_deref(), allowance.spent_today_usd),
        ("This month", allowance.per_month_usd.as_deref(), allowance.spent_this_month_usd),
    ];
    let rows = limits.into_iter().filter_map(|(label, limit, spent)| {
        let limit = allowance_amount(limit?)?;
        let text = format!("{label}: {} of {} spent", dollars(spent), dollars(limit));
        let max = limit.micros().to_string();
        let value = spent.micros().min(limit.micros()).to_string();
        Some(view! { <p><label>{text} " " <meter min="0" max=max value=value></meter></label></p> })
    });
    rows.collect_view().into_any()
}

/// A bar for each day with use. The table below it has the same numbers.
fn chart(days: &[UsageItem]) -> AnyView {
    let cost = |item: &UsageItem| item.cost_usd.map_or(0, Usd::micros);
    // Without known prices, the bars show the answers.
    let is_priced = days.iter().any(|item| cost(item) > 0);
    let value = |item: &UsageItem| if is_priced { cost(item) } else { item.turns };
    let most = days.iter().map(value).max().unwrap_or(0).max(1);
    let bars = days.iter().enumerate().map(|(index, item)| {
        let height = (value(item) * HEIGHT / most).max(1);
        let (x, y) = ((index * DAY_WIDTH).to_string(), (HEIGHT - height).to_string());
        view! { <rect x=x y=y width=BAR_WIDTH.to_string() height=height.to_string()></rect> }
    });
    let view_box = format!("0 0 {} {HEIGHT}", days.len().max(31) * DAY_WIDTH);
    let bars = bars.collect_view();
    view! {
        <svg class="chart" viewBox=view_box preserveAspectRatio="none" aria-hidden="true" focusable="false">{bars}</svg>
    }
    .into_any()
}

fn table(heading: &'static str, items: &[UsageItem], label: impl Fn(&str) -> String) -> AnyView {
    let rows = items.iter().map(|item| {
        let tokens = item.input_tokens + item.output_tokens;
        view! {
            <tr>
                <th scope="row">{label(&item.key)}</th>
                <td data-label="Answers">{item.turns}</td>
                <td data-label="Tokens">{tokens}</td>
                <td data-label="Cost">{cost_label(item.cost_usd)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <table class="cards">
            <thead>
                <tr>
                    <th scope="col">{heading}</th>
                    <th scope="col">"Answers"</th>
                    <th scope="col">"Tokens"</th>
                    <th scope="col">"Cost"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn cost_label(cost: Option<Usd>) -> String {
    cost.map_or_else(|| "No known price".to_owned(), dollars)
}

/// An amount in dollars, with more digits if it is less than a cent.
fn dollars(amount: Usd) -> String {
    let micros = amount.micros();
    if micros == 0 || micros >= 10_000 {
        format!("${amount}")
    } else {
        format!("${:.4}", amount.dollars().max(0.0001))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_keep_their_digits() {
        let texts = [0, 3, 522, 9_999, 10_000, 1_234_567].map(|micros| dollars(Usd::from_micros(micros)));
        assert_eq!(texts, ["$0.00", "$0.0001", "$0.0005", "$0.0100", "$0.01", "$1.23"]);
    }
}

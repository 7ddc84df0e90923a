//! Times and statuses, and the links that refresh a page or show more of it.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::sentence::{self, Part, Sentence};
use reef_domain::wire::{PaymentStatus, Status};

use crate::labels;

/// A time to the minute. The server does not know the reader's time zone and writes UTC; the shell's script converts it before the
/// page is painted. The exact UTC time is in the title.
#[component]
pub fn Time(
    at: Timestamp,
    /// Whether seconds are shown.
    #[prop(optional)]
    seconds: bool,
) -> impl IntoView {
    let exact = at.to_string();
    let shown = format!("{}, {} UTC", sentence::format_day(at), &exact[11..if seconds { 19 } else { 16 }]);
    let precision = if seconds { "second" } else { "minute" };
    view! { <time datetime=exact.clone() title=in_utc(&exact) data-local=precision>{shown}</time> }
}

/// The day of a time, in the reader's time zone; without scripts in UTC, marked as such.
#[component]
pub fn Day(at: Timestamp) -> impl IntoView {
    let (exact, shown) = (at.to_string(), format!("{} (UTC)", sentence::format_day(at)));
    view! { <time datetime=exact.clone() title=in_utc(&exact) data-local="day">{shown}</time> }
}

fn in_utc(exact: &str) -> String {
    format!("{} {} UTC", &exact[..10], &exact[11..19])
}

/// A sentence whose days are in the reader's time zone.
#[component]
pub fn LocalizedSentence(#[prop(into)] sentence: Sentence) -> impl IntoView {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone().into_any(),
        Part::Day(at) => view! { <Day at=*at/> }.into_any(),
    };
    sentence.parts().iter().map(part).collect_view()
}

/// How long ago something was. The page's script keeps it up to date.
#[component]
pub fn Age(at: Timestamp, now: Timestamp) -> impl IntoView {
    let exact = at.to_string();
    view! { <time datetime=exact.clone() title=in_utc(&exact) data-age="">{labels::age_label(now.since(at))}</time> }
}

/// A time, or a word when there is none.
#[component]
pub fn TimeOr(at: Option<Timestamp>, or: &'static str) -> impl IntoView {
    match at {
        Some(at) => view! { <Time at/> }.into_any(),
        None => or.into_any(),
    }
}

/// The status of an assistant.
#[component]
pub fn StatusBadge(status: Status) -> impl IntoView {
    view! { <span class=format!("badge {status}")>{labels::status_label(status)}</span> }
}

/// The payment status. What needs the customer's attention is a badge.
#[component]
pub fn PaymentBadge(status: PaymentStatus) -> impl IntoView {
    let label = labels::payment_label(status);
    match status {
        PaymentStatus::PastDue => view! { <span class="badge bad">{label}</span> }.into_any(),
        PaymentStatus::Paused => view! { <span class="badge warn">{label}</span> }.into_any(),
        _ => label.into_any(),
    }
}

/// A link that reloads a page without scripts; with scripts pages refresh automatically. The query is left out, so that a notice is
/// not repeated.
#[component]
pub fn Refresh(
    /// The page's path, without a query.
    to: String,
) -> impl IntoView {
    view! { <p class="without-script"><a href=to>"Refresh"</a></p> }
}

/// The same for a page without events, which scripts refresh every few seconds.
#[component]
pub fn AutoRefresh(
    /// The page's path, without a query.
    to: String,
) -> impl IntoView {
    view! { <div data-look-again=""><Refresh to/></div> }
}

/// Says below a list that it was cut, with a link to more.
#[component]
pub fn ShowMore(
    /// The number of entries on the page.
    shown: usize,
    /// The most that the page shows.
    most: i64,
    /// The page that lists more.
    more: String,
) -> impl IntoView {
    let is_cut = i64::try_from(shown).is_ok_and(|shown| shown >= most);
    is_cut.then(|| {
        view! { <p class="hint">{format!("Showing the latest {most}. ")} <a href=more>"Show more"</a></p> }
    })
}

//! Times, states: small things shown everywhere.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::sentence::{self, Part, Sentence};
use reef_domain::wire::{PaymentStatus, Status};

use crate::text;

/// A moment, to the minute: in UTC, as the server does not know where its reader is. The shell's script says it in the
/// reader's own time zone before anybody has seen it; what is exact stays in its title.
#[component]
pub fn When(
    at: Timestamp,
    /// Whether seconds are shown, too.
    #[prop(optional)]
    seconds: bool,
) -> impl IntoView {
    let exact = at.to_string();
    let shown = format!("{}, {} UTC", sentence::day(at), &exact[11..if seconds { 19 } else { 16 }]);
    let precision = if seconds { "second" } else { "minute" };
    view! { <time datetime=exact.clone() title=in_utc(&exact) data-local=precision>{shown}</time> }
}

/// The day that a moment is on: for those whose scripts are off, in UTC, and it says so.
#[component]
pub fn Day(at: Timestamp) -> impl IntoView {
    let (exact, shown) = (at.to_string(), format!("{} (UTC)", sentence::day(at)));
    view! { <time datetime=exact.clone() title=in_utc(&exact) data-local="day">{shown}</time> }
}

fn in_utc(exact: &str) -> String {
    format!("{} {} UTC", &exact[..10], &exact[11..19])
}

/// A sentence whose days are its reader's.
#[component]
pub fn Said(#[prop(into)] sentence: Sentence) -> impl IntoView {
    let part = |part: &Part| match part {
        Part::Text(words) => words.clone().into_any(),
        Part::Day(at) => view! { <Day at=*at/> }.into_any(),
    };
    sentence.parts().iter().map(part).collect_view()
}

/// A moment that may not be there.
#[component]
pub fn WhenOr(at: Option<Timestamp>, or: &'static str) -> impl IntoView {
    match at {
        Some(at) => view! { <When at/> }.into_any(),
        None => or.into_any(),
    }
}

/// A status, in words; its colour says the same.
#[component]
pub fn StatusBadge(status: Status) -> impl IntoView {
    view! { <span class=format!("badge {status}")>{text::status(status)}</span> }
}

/// How it is paid, in words; what somebody has to see to stands out.
#[component]
pub fn Payment(status: PaymentStatus) -> impl IntoView {
    let words = text::payment(status);
    match status {
        PaymentStatus::PastDue => view! { <span class="badge bad">{words}</span> }.into_any(),
        PaymentStatus::Paused => view! { <span class="badge warn">{words}</span> }.into_any(),
        _ => words.into_any(),
    }
}

/// A way to see what has happened since. Pages with scripts look by themselves; the words of what was done are not
/// repeated.
#[component]
pub fn Refresh(
    /// The page's path, without a query.
    to: String,
) -> impl IntoView {
    view! { <p class="without-script"><a href=to>"Refresh"</a></p> }
}

/// The same for a page that no news come to: with scripts it is looked at every few seconds.
#[component]
pub fn LookAgain(
    /// The page's path, without a query.
    to: String,
) -> impl IntoView {
    view! { <div data-look-again=""><Refresh to/></div> }
}

/// Says below a list where it was cut, and where there is more.
#[component]
pub fn Newest(
    /// How many there are.
    shown: usize,
    /// How many there are at most.
    most: i64,
    /// The page that lists more of them.
    more: String,
) -> impl IntoView {
    let is_cut = i64::try_from(shown).is_ok_and(|shown| shown >= most);
    is_cut.then(|| {
        view! { <p class="hint">{format!("The newest {most}. ")} <a href=more>"Show older ones"</a></p> }
    })
}

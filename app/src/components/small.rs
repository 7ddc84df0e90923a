//! Times, states: small things shown everywhere.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::wire::Status;

use crate::text;

/// A moment, to the minute, in UTC: the same words on the server and in every browser.
#[component]
pub fn When(
    at: Timestamp,
    /// Whether seconds are shown, too.
    #[prop(optional)]
    seconds: bool,
) -> impl IntoView {
    let exact = at.to_string();
    let shown = format!("{} {} UTC", &exact[..10], &exact[11..if seconds { 19 } else { 16 }]);
    view! { <time datetime=exact>{shown}</time> }
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

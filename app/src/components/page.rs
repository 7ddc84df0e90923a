//! What a page is drawn with: its data first, then its words.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_location;
use reef_service::Services;

use crate::components::failure::Failure;
use crate::error::AppError;

/// What a page without a title of its own is called.
const NAME: &str = "Reef";

/// The content of `<title>`. `leptos_meta` writes a title as it is given, so it is escaped here, where all titles are made.
/// Marks that turn the direction of text around would do so to the rest of a tab or a history entry: they are left out.
pub fn document_title(title: String) -> String {
    let title = if title == NAME { title } else { format!("{title} · {NAME}") };
    let mut html = String::with_capacity(title.len());
    for letter in title.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter if letter.is_control() => html.push(' '),
            letter => html.push(letter),
        }
    }
    html
}

/// The titles of all pages, and what those without one are called.
#[component]
pub fn Titles() -> impl IntoView {
    view! { <Title text=NAME formatter=document_title/> }
}

/// The picture that chats show with a link to a public page.
#[derive(Clone, Copy, Debug)]
pub struct SocialCard {
    /// Where it is.
    pub path: &'static str,
    /// How wide it is.
    pub width: &'static str,
    /// How high it is.
    pub height: &'static str,
}

/// The one that there is.
pub const SOCIAL_CARD: SocialCard = SocialCard { path: "/social-card.png", width: "1200", height: "630" };

/// What a page is called, and what it is in a sentence, for search engines. Every page has one.
#[component]
pub fn Head(
    #[prop(into)] title: String,
    #[prop(into)] description: String,
    /// Whether it is a page for everybody, of which chats show a card.
    #[prop(optional)]
    is_public: bool,
) -> impl IntoView {
    let card = is_public.then(|| card(&title, &description));
    view! {
        <Title text=title/>
        <Meta name="description" content=description/>
        {card}
    }
}

/// What chats and networks show of a link (Open Graph).
fn card(title: &str, description: &str) -> Option<AnyView> {
    let services = use_context::<Services>()?;
    let url = services.config().public_url.clone();
    let here = use_location().pathname.get_untracked();
    let tag = |property: &'static str, content: String| view! { <Meta property=property content=content/> };
    let view = view! {
        {tag("og:site_name", NAME.to_owned())}
        {tag("og:type", "website".to_owned())}
        {tag("og:title", title.to_owned())}
        {tag("og:description", description.to_owned())}
        {tag("og:url", format!("{url}{here}"))}
        {tag("og:image", format!("{url}{}", SOCIAL_CARD.path))}
        {tag("og:image:width", SOCIAL_CARD.width.to_owned())}
        {tag("og:image:height", SOCIAL_CARD.height.to_owned())}
        {tag("og:image:alt", "Reef: your own assistant in Telegram".to_owned())}
        <Meta name="twitter:card" content="summary_large_image"/>
    };
    Some(view.into_any())
}

/// A part that waits for its data. The server sends nothing before it is there: status and redirects are known then.
pub fn drawn<F>(view: F) -> impl IntoView
where
    F: Future<Output = AnyView> + Send + 'static,
{
    view! { <Suspense>{Suspend::new(view)}</Suspense> }.into_any()
}

/// A part that waits for its data, or shows why there is none.
pub fn drawn_or_failure<F>(view: F) -> impl IntoView
where
    F: Future<Output = Result<AnyView, AppError>> + Send + 'static,
{
    drawn(async move {
        match view.await {
            Ok(view) => view,
            Err(error) => view! { <Failure error/> }.into_any(),
        }
    })
}

/// A part of a page that follows what happens: drawn anew in the browser whenever there is news. Its content is kept
/// while somebody fills in a form in it, unless `key` has changed.
#[component]
pub fn Region(
    /// Its name, once on a page.
    name: &'static str,
    /// What its forms are for.
    #[prop(optional, into)]
    key: String,
    /// Whether changes are read out.
    #[prop(optional)]
    spoken: bool,
    children: Children,
) -> impl IntoView {
    view! { <div data-region=name data-key=key aria-live=spoken.then_some("polite")>{children()}</div> }
}

#[cfg(test)]
mod tests {
    use super::document_title;

    #[test]
    fn a_title_is_text_whatever_is_in_it() {
        let title = |text: &str| document_title(text.to_owned());
        assert_eq!(title("Reef"), "Reef");
        assert_eq!(title("Ann & Bob"), "Ann &amp; Bob · Reef");
        assert_eq!(title("</title><b>"), "&lt;/title&gt;&lt;b&gt; · Reef");
        assert_eq!(title("a\u{202e}b\u{2066}c\u{200f}"), "abc · Reef");
        assert_eq!(title("a\nb\u{0}"), "a b  · Reef");
    }
}

//! What every page is rendered with: its title and description, its content once the data is there, and its live regions.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use reef_service::Services;

use crate::request::request_path;

/// Title of pages that set none.
const SITE_NAME: &str = "Reef";

/// The content of `<title>`. `leptos_meta` writes titles without escaping them, so they are escaped here, where all titles pass
/// through. Characters that change the direction of text are left out, because they would also affect the rest of a tab or
/// history entry.
pub fn document_title(title: String) -> String {
    let title = if title == SITE_NAME { title } else { format!("{title} · {SITE_NAME}") };
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

/// Formats the titles of all pages.
#[component]
pub fn Titles() -> impl IntoView {
    view! { <Title text=SITE_NAME formatter=document_title/> }
}

/// The picture that chats and social networks show with a link to a public page.
#[derive(Clone, Copy, Debug)]
pub struct SocialCard {
    /// The path on this site.
    pub path: &'static str,
    /// The width of the picture in pixels.
    pub width: &'static str,
    /// The height of the picture in pixels.
    pub height: &'static str,
}

/// The card of all public pages.
pub const SOCIAL_CARD: SocialCard = SocialCard { path: "/social-card.png", width: "1200", height: "630" };

/// Title and description of a page, for tabs and search engines.
#[component]
pub fn Head(
    #[prop(into)] title: String,
    #[prop(into)] description: String,
    /// Whether the page is public, so that links to it get a card.
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

/// The Open Graph tags of a public page.
fn card(title: &str, description: &str) -> Option<AnyView> {
    let services = use_context::<Services>()?;
    let url = services.config().public_url.clone();
    let here = request_path();
    let tag = |property: &'static str, content: String| view! { <Meta property=property content=content/> };
    let view = view! {
        {tag("og:site_name", SITE_NAME.to_owned())}
        {tag("og:type", "website".to_owned())}
        {tag("og:title", title.to_owned())}
        {tag("og:description", description.to_owned())}
        {tag("og:url", format!("{url}{here}"))}
        {tag("og:image", format!("{url}{}", SOCIAL_CARD.path))}
        {tag("og:image:width", SOCIAL_CARD.width.to_owned())}
        {tag("og:image:height", SOCIAL_CARD.height.to_owned())}
        {tag("og:image:alt", "Reef: your own AI assistant on Telegram".to_owned())}
        <Meta name="twitter:card" content="summary_large_image"/>
    };
    Some(view.into_any())
}

/// Renders a part that waits for its data. The server sends nothing until the data is there, because it decides the status and
/// redirects.
pub fn render<F>(view: F) -> impl IntoView
where
    F: Future<Output = AnyView> + Send + 'static,
{
    view! { <Suspense>{Suspend::new(view)}</Suspense> }.into_any()
}

/// A part of a page that the browser replaces whenever its content changes on the server. A region with a form that is being
/// filled in is kept, unless `key` has changed.
#[component]
pub fn Region(
    /// The name, unique within the page.
    name: &'static str,
    /// What the forms in it are for.
    #[prop(optional, into)]
    key: String,
    /// Whether screen readers read out changes.
    #[prop(optional)]
    announced: bool,
    children: Children,
) -> impl IntoView {
    view! { <div data-region=name data-key=key aria-live=announced.then_some("polite")>{children()}</div> }
}

#[cfg(test)]
mod tests {
    use super::document_title;

    #[test]
    fn title_is_escaped() {
        let title = |text: &str| document_title(text.to_owned());
        assert_eq!(title("Reef"), "Reef");
        assert_eq!(title("Ann & Bob"), "Ann &amp; Bob · Reef");
        assert_eq!(title("</title><b>"), "&lt;/title&gt;&lt;b&gt; · Reef");
        assert_eq!(title("a\u{202e}b\u{2066}c\u{200f}"), "abc · Reef");
        assert_eq!(title("a\nb\u{0}"), "a b  · Reef");
    }
}

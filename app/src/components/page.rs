//! What a page is drawn with: its data first, then its words.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

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

/// What a page is called, and what it is in a sentence, for search engines. Every page has one.
#[component]
pub fn Head(#[prop(into)] title: String, #[prop(into)] description: String) -> impl IntoView {
    view! {
        <Title text=title/>
        <Meta name="description" content=description/>
    }
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

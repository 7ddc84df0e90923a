//! The API reference: the pages of `reef-docs`, with a navigation over all of them.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Link;
use reef_docs::{Docs, Group, Page};

use crate::components::page::Head;
use crate::pages::not_found::NotFoundPage;
use crate::request::request_path;

/// The page of `/docs` and `/docs/{page}` that the path names.
#[component]
pub(crate) fn DocsPage() -> impl IntoView {
    let path = request_path();
    let docs = use_context::<Arc<Docs>>();
    let found = docs.as_ref().and_then(|docs| Some((docs, docs.page(path.trim_end_matches('/'))?)));
    match found {
        Some((docs, page)) => {
            view! { <Reference groups=docs.groups().to_vec() page=page.clone()/> }.into_any()
        }
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

#[component]
fn Reference(groups: Vec<Group>, page: Page) -> impl IntoView {
    let Page { path, title, description, html, toc, .. } = page;
    let markdown_path = format!("{path}.md");
    let groups: Vec<_> = groups.into_iter().map(|group| pages_of(group, &path, &toc)).collect();
    view! {
        <Head title=title description=description is_public=true/>
        <Link rel="alternate" type_="text/markdown" href=markdown_path.clone()/>
        <div class="docs">
            <article>
                <p class="all-pages"><a href="#docs-pages">"All pages"</a></p>
                // `reef-docs` has escaped this HTML.
                <div inner_html=html></div>
                <p class="twin"><a href=markdown_path>"This page as Markdown"</a></p>
            </article>
            <nav id="docs-pages" aria-label="API reference">{groups}</nav>
        </div>
    }
}

/// A group of the navigation. The headings of the current page are below its link.
fn pages_of(group: Group, here: &str, toc: &[reef_docs::TocEntry]) -> AnyView {
    let links: Vec<_> = group
        .links
        .into_iter()
        .map(|link| {
            let is_here = link.path == here;
            let headings = is_here.then(|| headings(toc));
            let method = link.method.map(|method| {
                let class = format!("method {}", method.to_ascii_lowercase());
                view! { <span class=class>{method}</span> " " }
            });
            view! {
                <li>
                    <a href=link.path aria-current=is_here.then_some("page")>{method} {link.label}</a>
                    {headings}
                </li>
            }
        })
        .collect();
    view! { <h2>{group.title}</h2> <ul>{links}</ul> }.into_any()
}

fn headings(toc: &[reef_docs::TocEntry]) -> AnyView {
    let entries: Vec<_> = toc
        .iter()
        .map(|entry| view! { <li><a href=format!("#{}", entry.id)>{entry.text.clone()}</a></li> })
        .collect();
    view! { <ul>{entries}</ul> }.into_any()
}

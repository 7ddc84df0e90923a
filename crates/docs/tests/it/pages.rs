//! Tests of all pages: links, anchors, headings, navigation and escaping.

use std::collections::BTreeSet;

use reef_docs::Docs;
use serde_json::json;

use crate::{DOCS, URL};

/// Other pages of the site that the reference links to.
const OTHER_PATHS: [&str; 5] = ["/assistants", "/keys", "/api/openapi", "/llms.txt", "/llms-full.txt"];

/// Returns the values of an attribute, in order.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!(" {attribute}=\"");
    html.split(mark.as_str()).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn links_and_anchors_exist() {
    let mut followed = 0;
    for page in DOCS.pages() {
        for link in values(&page.html, "href") {
            if link.starts_with("https://") || OTHER_PATHS.contains(&link) {
                continue;
            }
            let (path, anchor) =
                link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { Some(page) } else { DOCS.page(path) };
            let target = target.unwrap_or_else(|| panic!("{}: {link} points to no page", page.path));
            if let Some(anchor) = anchor {
                assert!(values(&target.html, "id").contains(&anchor), "{}: {link}", page.path);
            }
            followed += 1;
        }
    }
    assert!(followed > 150, "{followed}");
}

#[test]
fn markdown_links_point_to_markdown() {
    for page in DOCS.pages() {
        for link in page.markdown.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let Some(path) = link.strip_prefix(URL) else { continue };
            let path = path.split('#').next().unwrap();
            let is_page = path.strip_suffix(".md").is_some_and(|path| DOCS.page(path).is_some());
            assert!(is_page || OTHER_PATHS.contains(&path), "{}: {link}", page.path);
        }
    }
}

#[test]
fn ids_are_unique_and_labels_refer_to_fields() {
    for page in DOCS.pages() {
        let ids = values(&page.html, "id");
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{}", page.path);
        for attribute in ["for", "aria-describedby"] {
            for name in values(&page.html, attribute) {
                assert!(ids.contains(&name), "{}: {attribute}={name}", page.path);
            }
        }
        for entry in &page.toc {
            assert!(ids.contains(&entry.id.as_str()), "{}: {}", page.path, entry.id);
        }
    }
}

#[test]
fn headings_are_in_order_and_directives_are_expanded() {
    for page in DOCS.pages() {
        assert_eq!(page.html.matches("<h1").count(), 1, "{}", page.path);
        let levels: Vec<u32> =
            page.html.split("<h").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).collect();
        assert_eq!(levels[0], 1, "{}", page.path);
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{}: {levels:?}", page.path);
        assert!(!page.markdown.contains("{{") && !page.html.contains("{{"), "{}", page.path);
        assert!(
            (40..=160).contains(&page.description.chars().count()),
            "{}: {}",
            page.path,
            page.description
        );
        // The content security policy blocks inline styles and scripts.
        assert!(!page.html.contains(" style=") && !page.html.contains("<script"), "{}", page.path);
        assert!(!page.html.contains("<table") || page.html.contains("<th scope=\"row\">"), "{}", page.path);
    }
}

#[test]
fn titles_and_descriptions_are_unique() {
    let titles: BTreeSet<_> = DOCS.pages().iter().map(|page| &page.title).collect();
    let descriptions: BTreeSet<_> = DOCS.pages().iter().map(|page| &page.description).collect();
    assert_eq!((titles.len(), descriptions.len()), (DOCS.pages().len(), DOCS.pages().len()));
}

#[test]
fn navigation_lists_every_page_once() {
    let listed: Vec<_> = DOCS.groups().iter().flat_map(|group| &group.links).map(|link| &link.path).collect();
    let pages: Vec<_> = DOCS.pages().iter().map(|page| &page.path).collect();
    assert_eq!(listed, pages);
    assert_eq!(listed[0], "/docs");
}

#[test]
fn html_in_the_document_is_escaped() {
    let evil = "<img src=x onerror=alert(1)>\"'&";
    let document = json!({
        "info": {"title": evil, "description": evil},
        "tags": [{"name": evil, "description": evil}],
        "paths": {format!("/{evil}/{{id}}"): {"post": {
            "operationId": "doIt", "summary": evil, "description": format!("`{evil}` **{evil}** [{evil}](/{evil})"), "tags": [evil],
            "security": [{"apiKey": [evil]}],
            "parameters": [{"in": "path", "name": evil, "description": evil, "schema": {"type": evil, "enum": [evil]}}],
            "requestBody": {"content": {"application/json": {"example": {evil: evil}, "schema": {"properties": {evil: {"description": evil}}}}}},
            "responses": {"200": {"description": evil, "headers": {evil: {"description": evil}},
                "content": {"application/json": {"example": evil, "schema": {"properties": {evil: {"type": evil}}}}, evil: {}}},
                "400": {"description": format!("`CODE`: {evil}")}}}}},
    });
    let docs = Docs::new(&document, "https://reef.test");
    let page = docs.page("/docs/do-it").unwrap();
    assert!(page.html.contains("&lt;img") && !page.html.contains("<img"), "{}", page.html);
    // A quote must not end an attribute.
    assert!(!page.html.contains("onerror=alert(1)>\""), "{}", page.html);
}

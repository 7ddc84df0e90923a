//! Rendering of blocks as HTML. All text is escaped.

use maud::{Markup, html};

use crate::block::{Block, Code, Table};
use crate::inline::to_html;
use crate::try_it;

/// Renders the content of a page, which begins with its `<h1>`.
pub(crate) fn render_page(title: &str, lead: &str, blocks: &[Block]) -> String {
    let mut tabs = 0;
    let content = html! {
        h1 { (to_html(title)) }
        p.lead { (to_html(lead)) }
        @for block in blocks { (render(block, &mut tabs)) }
    };
    content.into_string()
}

fn render(block: &Block, tabs: &mut usize) -> Markup {
    match block {
        Block::Heading { level: 2, id, text } => html! { h2 id=(id) { (render_anchor(id, text)) } },
        Block::Heading { id, text, .. } => html! { h3 id=(id) { (render_anchor(id, text)) } },
        Block::Paragraph(text) => html! { p { (to_html(text)) } },
        Block::Note(text) => html! { p.notice { (to_html(text)) } },
        Block::List { is_ordered: true, items } => html! { ol { (render_items(items)) } },
        Block::List { items, .. } => html! { ul { (render_items(items)) } },
        Block::Table(table) => render_table(table),
        Block::Code(one) => render_code(one, one.label()),
        Block::Tabs { label, codes } => {
            *tabs += 1;
            render_tabs(label, codes, *tabs)
        }
        Block::Endpoint { method, url } => render_endpoint(method, url),
        Block::TryIt(form) => try_it::render(form),
    }
}

/// Renders a heading as a link to itself, so that its URL can be copied.
fn render_anchor(id: &str, text: &str) -> Markup {
    html! { a.anchor href=(format!("#{id}")) { (to_html(text)) } }
}

fn render_items(items: &[String]) -> Markup {
    html! { @for item in items { li { (to_html(item)) } } }
}

/// Renders a table. On narrow screens the style sheet shows each row as a card and labels its cells with `data-label`.
fn render_table(table: &Table) -> Markup {
    html! {
        table.params {
            caption { (table.caption) }
            thead { tr { @for name in &table.head { th scope="col" { (name) } } } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (at, cell) in row.iter().enumerate() {
                            @if at == 0 {
                                th scope="row" { (to_html(cell)) }
                            } @else {
                                td data-label=(table.head.get(at).map_or("", String::as_str)) { (to_html(cell)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Renders a code block that can be focused, so that it scrolls by keyboard. The site's script makes the button copy its
/// sibling.
fn render_code(code: &Code, label: &str) -> Markup {
    html! {
        div.code data-copy data-language=(code.language) {
            pre tabindex="0" role="group" aria-label=(label) { code { (code.text) } }
            button.copy.quiet.small.needs-script type="button" aria-live="polite" { "Copy" }
        }
    }
}

/// Renders tabs as one radio button per language. The style sheet shows the code of the selected one.
fn render_tabs(label: &str, codes: &[Code], number: usize) -> Markup {
    html! {
        div.tabs {
            div.choices role="radiogroup" aria-label=(format!("{label}: language")) {
                @for (at, one) in codes.iter().enumerate() {
                    @let id = format!("tab-{number}-{}", one.language);
                    input type="radio" name=(format!("tab-{number}")) id=(id) checked[at == 0] value=(one.language) {}
                    label for=(id) { (one.label()) }
                }
            }
            @for one in codes { (render_code(one, &format!("{label} in {}", one.label()))) }
        }
    }
}

fn render_endpoint(method: &str, url: &str) -> Markup {
    html! {
        p.endpoint {
            span class=(format!("method {}", method.to_ascii_lowercase())) { (method) }
            " "
            code { (url) }
        }
    }
}

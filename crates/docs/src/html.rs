//! Blocks as HTML. Everything that is not markup is escaped.

use maud::{Markup, html};

use crate::block::{Block, Code, Table};
use crate::inline::{self, Span};
use crate::trial;

/// The fragment of a whole page, beginning with its `<h1>`.
pub(crate) fn page(title: &str, lead: &str, blocks: &[Block]) -> String {
    let mut tabs = 0;
    let drawn = html! {
        h1 { (spans(title)) }
        p.lead { (spans(lead)) }
        @for block in blocks { (draw(block, &mut tabs)) }
    };
    drawn.into_string()
}

fn draw(block: &Block, tabs: &mut usize) -> Markup {
    match block {
        Block::Heading { level: 2, id, text } => html! { h2 id=(id) { (anchor(id, text)) } },
        Block::Heading { id, text, .. } => html! { h3 id=(id) { (anchor(id, text)) } },
        Block::Paragraph(text) => html! { p { (spans(text)) } },
        Block::Note(text) => html! { p.notice { (spans(text)) } },
        Block::List { is_ordered: true, items } => html! { ol { (entries(items)) } },
        Block::List { items, .. } => html! { ul { (entries(items)) } },
        Block::Table(table) => draw_table(table),
        Block::Code(one) => code(one, one.label()),
        Block::Tabs { label, codes } => {
            *tabs += 1;
            draw_tabs(label, codes, *tabs)
        }
        Block::Endpoint { method, url } => endpoint(method, url),
        Block::Trial(form) => trial::draw(form),
    }
}

/// A heading links to itself, so that its address can be copied.
fn anchor(id: &str, text: &str) -> Markup {
    html! { a.anchor href=(format!("#{id}")) { (spans(text)) } }
}

fn entries(items: &[String]) -> Markup {
    html! { @for item in items { li { (spans(item)) } } }
}

/// A text with its code, strong words and links.
pub(crate) fn spans(text: &str) -> Markup {
    html! {
        @for span in inline::spans(text) {
            @match span {
                Span::Text(text) => (text),
                Span::Code(text) => code { (text) },
                Span::Strong(text) => strong { (text) },
                // What is data to a browser takes no page's place.
                Span::Link { text, href } if href.starts_with("/api/") => {
                    a href=(href) target="_blank" rel="noopener" { (spans(text)) }
                }
                Span::Link { text, href } => a href=(href) { (spans(text)) },
            }
        }
    }
}

/// On a narrow screen each row is a card whose cells are named by `data-label`.
fn draw_table(table: &Table) -> Markup {
    html! {
        table.params {
            caption { (table.caption) }
            thead { tr { @for name in &table.head { th scope="col" { (name) } } } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (at, cell) in row.iter().enumerate() {
                            @if at == 0 {
                                th scope="row" { (spans(cell)) }
                            } @else {
                                td data-label=(table.head.get(at).map_or("", String::as_str)) { (spans(cell)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Code that scrolls by itself, by keyboard too. The site's script copies what stands beside the button.
fn code(code: &Code, label: &str) -> Markup {
    html! {
        div.code data-copy data-language=(code.language) {
            pre tabindex="0" role="group" aria-label=(label) { code { (code.text) } }
            button.copy.quiet.small.needs-script type="button" aria-live="polite" { "Copy" }
        }
    }
}

/// A radio button a language: the style sheet shows the code of the one that is chosen.
fn draw_tabs(label: &str, codes: &[Code], number: usize) -> Markup {
    html! {
        div.tabs {
            div.choices role="radiogroup" aria-label=(format!("{label}: language")) {
                @for (at, one) in codes.iter().enumerate() {
                    @let id = format!("tab-{number}-{}", one.language);
                    input type="radio" name=(format!("tab-{number}")) id=(id) checked[at == 0] value=(one.language) {}
                    label for=(id) { (one.label()) }
                }
            }
            @for one in codes { (code(one, &format!("{label} in {}", one.label()))) }
        }
    }
}

fn endpoint(method: &str, url: &str) -> Markup {
    html! {
        p.endpoint {
            span class=(format!("method {}", method.to_ascii_lowercase())) { (method) }
            " "
            code { (url) }
        }
    }
}

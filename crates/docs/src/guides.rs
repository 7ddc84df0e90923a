//! The guides, which are written by hand. Lines such as `{{codes}}` are replaced with parts of the OpenAPI document.

use crate::block::Block;
use crate::document::Document;
use crate::page::Draft;
use crate::{parse, reference, schema, tables};

/// The group of the guides in the navigation.
const GROUP: &str = "Guides";

/// A guide and its Markdown.
struct Guide {
    slug: &'static str,
    /// The label in the navigation.
    label: &'static str,
    text: &'static str,
}

const GUIDES: [Guide; 13] = [
    Guide { slug: "", label: "Overview", text: include_str!("../guides/overview.md") },
    Guide { slug: "quick-start", label: "Quick start", text: include_str!("../guides/quick-start.md") },
    Guide { slug: "settings", label: "Settings and people", text: include_str!("../guides/settings.md") },
    Guide { slug: "health", label: "Health", text: include_str!("../guides/health.md") },
    Guide { slug: "usage", label: "Usage and messages", text: include_str!("../guides/usage.md") },
    Guide { slug: "callbacks", label: "Callbacks", text: include_str!("../guides/callbacks.md") },
    Guide { slug: "errors", label: "Errors", text: include_str!("../guides/errors.md") },
    Guide { slug: "idempotency", label: "Idempotency", text: include_str!("../guides/idempotency.md") },
    Guide { slug: "limits", label: "Limits", text: include_str!("../guides/limits.md") },
    Guide {
        slug: "paging",
        label: "Paging and conditional requests",
        text: include_str!("../guides/paging.md"),
    },
    Guide { slug: "events", label: "Live events", text: include_str!("../guides/events.md") },
    Guide { slug: "owners", label: "Guide for owners", text: include_str!("../guides/owners.md") },
    Guide { slug: "talking", label: "Talking to an assistant", text: include_str!("../guides/talking.md") },
];

/// Code that guides include and tests run.
const CODE_FILES: [(&str, &str); 3] = [
    ("{{file verify.py}}", include_str!("../guides/verify.py")),
    ("{{file verify.mjs}}", include_str!("../guides/verify.mjs")),
    ("{{file verify.rs}}", include_str!("../guides/verify.rs")),
];

/// Returns every guide, in navigation order.
pub(crate) fn drafts(document: &Document<'_>) -> Vec<Draft> {
    GUIDES.iter().map(|guide| draft(*document, guide)).collect()
}

fn draft(document: Document<'_>, guide: &Guide) -> Draft {
    let mut text = guide.text.replace("{{url}}", document.public_url);
    for (name, content) in CODE_FILES {
        text = text.replace(name, content.trim_end());
    }
    let parsed = parse::parse_guide(&text, &|name, argument| expand(document, name, argument));
    Draft {
        slug: guide.slug.to_owned(),
        title: parsed.title,
        label: guide.label.to_owned(),
        lead: parsed.lead,
        group: GROUP.to_owned(),
        method: None,
        blocks: parsed.blocks,
    }
}

/// Returns the blocks that replace `{{name argument}}`.
fn expand(document: Document<'_>, name: &str, argument: &str) -> Vec<Block> {
    match name {
        "codes" => vec![tables::codes(document)],
        "values" => vec![tables::values(document, argument)],
        "fields" => {
            vec![tables::response_fields("Fields", schema::list_fields(document, document.schema(argument)))]
        }
        "sample" => {
            let operation = document.find_operation(argument);
            operation.map(|operation| reference::request_samples(document, operation)).into_iter().collect()
        }
        "endpoints" => endpoints(document),
        // An unknown name stays in the page, where a test finds it.
        _ => vec![Block::Note(format!("{{{{{name} {argument}}}}}"))],
    }
}

fn endpoints(document: Document<'_>) -> Vec<Block> {
    let of_tag = |(tag, words): (&str, &str)| {
        [crate::block::heading(3, tag), Block::Paragraph(words.to_owned()), tables::endpoints(document, tag)]
    };
    document.tags().into_iter().flat_map(of_tag).collect()
}

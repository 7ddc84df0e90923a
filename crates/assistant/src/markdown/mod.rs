//! Renders the Markdown that models write as text with Telegram's formatting.
//!
//! No word is lost: what Telegram cannot show, such as HTML or the address of a link that is not one for Telegram, stays visible
//! as text. Line breaks are kept, because in a chat they are meant.

mod links;
mod renderer;
mod table;
mod unfinished;

use pulldown_cmark::{BrokenLink, CowStr, Options, Parser};

use crate::formatted::Formatted;
use links::Definitions;
use renderer::Renderer;

pub(crate) use unfinished::render_unfinished;

/// What models write beyond CommonMark.
const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH).union(Options::ENABLE_TASKLISTS);

/// Renders a Markdown text.
pub(crate) fn render(source: &str) -> Formatted {
    let Some(definitions) = Definitions::find(source) else { return Formatted::plain(source) };
    let text = &*definitions.text;
    let resolve = |link: BrokenLink<'_>| {
        let address = definitions.address(&link.reference)?;
        Some((CowStr::from(address.to_owned()), CowStr::from("")))
    };
    let parser = Parser::new_with_broken_link_callback(text, OPTIONS, Some(resolve));
    let mut renderer = Renderer::new(text);
    for (event, range) in parser.into_offset_iter() {
        renderer.event(event, range);
    }
    renderer.finish()
}

/// Renders a text that begins inside a code block.
pub(crate) fn render_in_code(source: &str) -> Formatted {
    render(&format!("```\n{source}"))
}

#[cfg(test)]
mod tests;

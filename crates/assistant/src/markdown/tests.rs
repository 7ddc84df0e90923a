use proptest::prelude::*;
use reef_protocols::telegram::{EntityKind, TextEntity};

use super::*;
use crate::formatted::ENTITIES_MAX;
use crate::memory::Part;
use crate::split::split;

/// Returns the text that is shown, with entities as `<b>`-like marks of their kinds.
fn shown(source: &str) -> String {
    render(source).into_part().map_or_else(String::new, |part| marked(&part))
}

fn marked(part: &Part) -> String {
    let units: Vec<u16> = part.text.encode_utf16().collect();
    let text = |from: usize, to: usize| String::from_utf16(&units[from..to]).unwrap();
    let mut out = String::new();
    let mut open: Vec<&TextEntity> = Vec::new();
    let mut at = 0;
    let end = |entity: &TextEntity| entity.offset + entity.length;
    let close = |out: &mut String, open: &mut Vec<&TextEntity>, at: &mut usize, until: usize| {
        while let Some(last) = open.last().filter(|last| end(last) <= until) {
            out.push_str(&text(*at, end(last)));
            *at = end(last);
            out.push('>');
            open.pop();
        }
    };
    for entity in &part.entities {
        close(&mut out, &mut open, &mut at, entity.offset);
        out.push_str(&text(at, entity.offset));
        at = entity.offset;
        out.push_str(&match &entity.kind {
            EntityKind::Bold => "<b:".to_owned(),
            EntityKind::Italic => "<i:".to_owned(),
            EntityKind::Strikethrough => "<s:".to_owned(),
            EntityKind::Code => "<c:".to_owned(),
            EntityKind::Pre { language } => format!("<pre {}:", language.as_deref().unwrap_or_default()),
            EntityKind::TextLink { url } => format!("<a {url}:"),
            EntityKind::Blockquote => "<q:".to_owned(),
        });
        open.push(entity);
    }
    close(&mut out, &mut open, &mut at, units.len());
    out.push_str(&text(at, units.len()));
    out
}

#[test]
fn inline_markup_becomes_entities() {
    for (markdown, expected) in [
        ("plain", "plain"),
        ("**bold** and *italic*", "<b:bold> and <i:italic>"),
        ("__bold__ and _italic_", "<b:bold> and <i:italic>"),
        ("***both***", "<i:<b:both>>"),
        ("**a *b* c**", "<b:a <i:b> c>"),
        ("~~gone~~ ~5 ~ish~", "<s:gone> ~5 ~ish~"),
        ("`a < b` and ``a ` b``", "<c:a < b> and <c:a ` b>"),
        ("*a `*` b*", "<i:a> <c:*> <i:b>"),
        ("**`code`**", "<c:code>"),
        ("```on one line```", "<c:on one line>"),
        ("[Rust](https://rust-lang.org/?a=1&b=2)", "<a https://rust-lang.org/?a=1&b=2:Rust>"),
        ("[x](https://e.org/a_(b))", "<a https://e.org/a_(b):x>"),
        ("[`f()`](https://e.org)", "<a https://e.org:f()>"),
        ("**[b](https://e.org)**", "<b:<a https://e.org:b>>"),
        ("<https://e.org>", "<a https://e.org:https://e.org>"),
        ("[](https://e.org)", "<a https://e.org:https://e.org>"),
        ("[x](javascript:alert(1))", "x (javascript:alert(1))"),
        ("[docs](/docs) [a@b.org](mailto:a@b.org) [me](mailto:a@b.org)", "docs (/docs) a@b.org me (a@b.org)"),
        ("![A fish](https://e.org/f.png \"Nemo\")", "<a https://e.org/f.png:A fish> (Nemo)"),
        ("[![a](https://i.org)](https://e.org)", "<a https://e.org:a (https://i.org)>"),
        ("see [this][1]\n\n[1]: https://e.org", "see <a https://e.org:this>\n\n[1]: https://e.org"),
        ("\\*not italic\\*", "*not italic*"),
        ("2 * 3 * 4, snake_case_name", "2 * 3 * 4, snake_case_name"),
        ("an unbalanced *star and <b", "an unbalanced *star and <b"),
        ("**never closed", "**never closed"),
        ("#hashtag", "#hashtag"),
        ("a <script>x</script> &amp; <br>", "a <script>x</script> & <br>"),
        ("one\ntwo  \nthree\r\nfour", "one\ntwo\nthree\nfour"),
        ("😀 **ü**", "😀 <b:ü>"),
    ] {
        assert_eq!(shown(markdown), expected, "{markdown}");
    }
}

#[test]
fn blocks_become_lines_and_entities() {
    for (markdown, expected) in [
        ("# Title\n- one\n* two", "<b:Title>\n• one\n• two"),
        ("# A **b** `c`\ntext", "<b:A b> <c:c>\ntext"),
        ("a\n\n\n\nb\n***\nc", "a\n\nb\n──────────\nc"),
        ("- a\n  - b\n    c\n- d", "• a\n  • b\n    c\n• d"),
        ("- a\n\n  more\n\n- b", "• a\n\n  more\n\n• b"),
        ("1. a\n1. b\n1. c", "1. a\n2. b\n3. c"),
        ("3) a\n5) b", "3) a\n5) b"),
        ("1986. A great year", "1986. A great year"),
        ("- [x] done\n- [ ] open", "☑ done\n☐ open"),
        ("a\n```rust\nlet x = &1;\n```\nb", "a\n<pre rust:let x = &1;>\nb"),
        ("```\na\n\nb\n```", "<pre :a\n\nb>"),
        ("```not a language\nx\n```", "<pre :not a language\nx>"),
        ("- item\n\n  ```c\n  int x;\n  ```", "• item\n\n<pre c:int x;>"),
        ("```\ncut off <", "<pre :cut off <>"),
        ("```word\n```", "<pre :word>"),
        ("> one\n> two\n>\n> **three**\n\nafter", "<q:one\ntwo\n\n<b:three>>\n\nafter"),
        ("> a\n> > b\n> > c", "<q:a\n> b\n> c>"),
        ("- > a\n  > b", "• > a\n  > b"),
        ("> ```\n>   x\n> ```", "<q:<pre :  x>>"),
        ("<div>\n**x**\n</div>\n\nafter", "<div>\n**x**\n</div>\n\nafter"),
        (
            "| A | B |\n|---|--:|\n| **x** | 1 |\n| [l](https://e.org) | 22 |",
            "<pre :A                 |  B\n------------------+---\nx                 |  1\nl (https://e.org) | 22>",
        ),
        ("|A|\n|-|\n|1|2|", "<pre :A |\n--+--\n1 | 2>"),
    ] {
        assert_eq!(shown(markdown), expected, "{markdown}");
    }
    let wide = format!("| Name | Text |\n|---|---|\n| a | {0} |\n| b | {0} |", "long ".repeat(10));
    let long = "long ".repeat(10).trim().to_owned();
    assert_eq!(shown(&wide), format!("<b:Name:> a\n<b:Text:> {long}\n\n<b:Name:> b\n<b:Text:> {long}"));
}

#[test]
fn text_does_not_grow_much() {
    let quotes = format!("{}a\n{}", "> ".repeat(2_000), "b\n".repeat(5_000));
    let table = format!("| {} |\n|--|\n{}", "long ".repeat(2_000), "|a|\n".repeat(5_000));
    for source in
        [quotes, table, "***\n".repeat(3_000), "- ".repeat(5_000), "**".repeat(9_000), "[".repeat(9_000)]
    {
        let rendered = render(&source);
        assert!(rendered.text.len() < 20 * source.len(), "{} of {}", rendered.text.len(), source.len());
    }
}

#[test]
fn continued_code_is_rendered_as_code() {
    let part = render_in_code("rest\n```\nafter").into_part().unwrap();
    assert_eq!(marked(&part), "<pre :rest>\nafter");
}

/// Checks what Telegram requires of entities (Bot API, "Message entities can be nested").
fn check(part: &Part) -> Result<(), TestCaseError> {
    let units: Vec<u16> = part.text.encode_utf16().collect();
    prop_assert!(!part.text.trim().is_empty());
    prop_assert!(part.entities.len() <= ENTITIES_MAX);
    let mut last = 0;
    for (index, entity) in part.entities.iter().enumerate() {
        let (start, end) = (entity.offset, entity.offset + entity.length);
        prop_assert!(start >= last && start < end && end <= units.len(), "{part:?}");
        last = start;
        let text = String::from_utf16(&units[start..end]);
        let Ok(text) = text else { return Err(TestCaseError::fail(format!("half a character: {part:?}"))) };
        let is_block = matches!(entity.kind, EntityKind::Pre { .. } | EntityKind::Blockquote);
        prop_assert_eq!(text.trim_matches('\n'), &text);
        prop_assert!(is_block || text.trim() == text, "{part:?}");
        for inner in &part.entities[index + 1..] {
            if inner.offset >= end {
                break;
            }
            prop_assert!(inner.offset + inner.length <= end, "overlap: {part:?}");
            let is_code = |kind: &EntityKind| matches!(kind, EntityKind::Code | EntityKind::Pre { .. });
            prop_assert!(!is_code(&entity.kind), "something in code: {part:?}");
            let is_quote = entity.kind == EntityKind::Blockquote;
            prop_assert!(!is_code(&inner.kind) || is_quote, "code in something: {part:?}");
            prop_assert!(!is_quote || inner.kind != EntityKind::Blockquote, "nested quotations: {part:?}");
        }
    }
    Ok(())
}

/// The words that [`markup`] contains apart from markup.
const WORDS: [&str; 6] = ["w1", "w2", "w3", "w4", "w5", "wurl"];

fn markup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "*",
        "**",
        "_",
        "~~",
        "~",
        "`",
        "``",
        "```\n",
        "```rust\n",
        "\n",
        "\n\n",
        "> ",
        "- ",
        "1. ",
        "    ",
        "  ",
        "# ",
        "| ",
        "|\n|--|--|\n",
        "---\n",
        "[",
        "]",
        "](https://e.org/)",
        "](wurl)",
        "![",
        "<b>",
        "</b>",
        "<div>\n",
        "- [ ] ",
        "\\",
        "&amp;",
        ": ",
        "]: ",
        "😀",
        "é",
        "w1",
        "w2 ",
        "w3 w4",
        "\t",
        "\r\n",
        "[^w5]",
        "===\n",
        "\u{a0}",
        "!",
        "(",
        ")",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_markup_gives_valid_entities_and_keeps_words(source in markup(), units_max in 5usize..200) {
        let rendered = render(&source);
        // The name of a language is shown with its code.
        let languages: Vec<_> = rendered.spans.iter().filter_map(|span| match &span.kind {
            EntityKind::Pre { language } => language.as_deref(),
            _ => None,
        }).collect();
        let shown_text = format!("{}\n{}", rendered.text, languages.join("\n"));
        for word in WORDS {
            let (shown, written) = (shown_text.matches(word).count(), source.matches(word).count());
            // An address that the text of its link contains is shown once.
            let written = if word == "wurl" { written.min(1) } else { written };
            prop_assert!(shown >= written, "{word} is lost: {:?}", rendered.text);
        }
        for part in rendered.clone().into_part().iter().chain(&split(&rendered, units_max)) {
            check(part)?;
        }
        if let Some(part) = render_unfinished(&source).into_part() {
            check(&part)?;
        }
    }

    #[test]
    fn any_text_gives_valid_entities(source in "\\PC{0,300}") {
        let rendered = render(&source);
        if let Some(part) = rendered.clone().into_part() {
            check(&part)?;
        }
        if let Some(part) = render_in_code(&source).into_part() {
            check(&part)?;
        }
    }

    #[test]
    fn plain_words_are_unchanged(words in prop::collection::vec("[a-zäöü]{1,9}[.,!?]?", 1..40)) {
        let text = words.join(" ");
        prop_assert_eq!(render(&text).into_part().map(|part| (part.text, part.entities)), Some((text, Vec::new())));
    }
}

//! The longer replies.

/// The approximate length of a long reply in bytes.
const LONG_BYTES: usize = 9_000;

/// Formatting that strict parsers reject: an unbalanced asterisk, half a tag, an open code fence.
pub(super) const BROKEN_MARKDOWN: &str = "Here is *bold without an end, a <b tag, snake_case_words, [a link](without an end and **half\n\n\
     ```rust\nlet x = \"<i>unclosed</i>\" & 1;\n\nThat is all.";

/// What `fail halfway` says before it fails.
pub(super) const HALF_ANSWER: &str =
    "This answer starts well, goes on for a few more words, and then the connection to the model is";

/// Every kind of formatting that models use.
pub(super) const MARKDOWN: &str = r#"# Everything at once

A paragraph with **bold**, *italic*, ***both***, ~~struck~~ and `inline code`, and [a link](https://example.com/reef?a=1&b=2).

## A list

- one
- two, with a nested list:
  - two and a half
  - *almost three*
- three

1. first
2. second

## A table

| Plan | Who pays for the model | Price |
| --- | --- | ---: |
| Bring your own key | you | $15 |
| Managed | Reef | $25 |

## Code

```rust
fn main() {
    let reef = "<coral> & \"fish\"";
    println!("{reef}");
}
```

> A quote of
> two lines.

---

That was a horizontal line. Special characters survive: 1 < 2 & 3 > 2, snake_case_words, 5 * 3, \*not italic\*.
"#;

pub(super) fn long_reply() -> String {
    let mut text = String::with_capacity(LONG_BYTES + 400);
    let mut paragraph = 0;
    while text.len() < LONG_BYTES {
        paragraph += 1;
        text.push_str(&format!("Paragraph {paragraph}. "));
        for sentence in 1..=6 {
            text.push_str(&format!(
                "This is sentence {sentence} of a long answer about the sea, its tides and its reefs. "
            ));
        }
        text.truncate(text.trim_end().len());
        text.push_str("\n\n");
    }
    text.push_str("That is the end of the long answer.");
    text
}

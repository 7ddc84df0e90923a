//! Keeps every log event on one line: control characters in values are escaped, so that they can neither forge a line nor
//! control a terminal.

use std::io::{self, Write};

/// A writer that escapes control characters. It relies on tracing's formatters, which write each event in one call.
pub struct LineWriter<W>(pub W);

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        if is_plain(text) {
            self.0.write_all(event)?;
        } else {
            let escaped = escape(&String::from_utf8_lossy(text));
            self.0.write_all(format!("{escaped}\n").as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether there is certainly nothing to escape: no ASCII control character, and no first byte of a character between U+0080
/// and U+009F, of U+2028 or of U+2029, which some viewers treat as the end of a line.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| byte.is_ascii_control() || matches!(byte, 0xC2 | 0xE2))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str) -> String {
        let mut lines = LineWriter(Vec::new());
        lines.write_all(event.as_bytes()).unwrap();
        String::from_utf8(lines.0).unwrap()
    }

    #[test]
    fn control_characters_are_escaped() {
        for (event, line) in [
            ("plain\n", "plain\n"),
            ("Ünïcode — “fine” 🪸\n", "Ünïcode — “fine” 🪸\n"),
            ("a\nINFO forged\r\n", "a\\nINFO forged\\r\n"),
            ("\u{1b}[31mred\u{7f}\u{9b}2J\0\t\n", "\\u{1b}[31mred\\u{7f}\\u{9b}2J\\u{0}\\t\n"),
            ("a\u{2028}b\u{85}c\n", "a\\u{2028}b\\u{85}c\n"),
        ] {
            assert_eq!(written(event), line);
        }
    }
}

//! Streams replies as server-sent events at the pace of a real model.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures::stream;

/// The delay before the first event with text.
const FIRST_DELAY: Duration = Duration::from_millis(40);
/// The delay between two events.
const DELAY: Duration = Duration::from_millis(10);
/// All delays of a reply at normal pace take at most this long, because tests wait for them.
const TOTAL_MAX: Duration = Duration::from_millis(1_500);
/// How long a slow reply takes.
const SLOW_TOTAL: Duration = Duration::from_secs(5);
/// The approximate size of a piece of a reply in bytes.
const PIECE_BYTES: usize = 16;
/// Longer replies come in larger pieces, because a timer is not exact enough for shorter delays.
const PIECES_MAX: usize = 150;

/// How fast a reply is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Normal,
    Slow,
}

impl Pace {
    /// Waits as long as a whole reply takes. At normal pace, that is not worth waiting for.
    pub async fn wait_for_whole(self) {
        if self == Self::Slow {
            tokio::time::sleep(SLOW_TOTAL).await;
        }
    }

    fn delay(self, events: usize) -> Duration {
        let events = u32::try_from(events.max(1)).unwrap_or(u32::MAX);
        match self {
            Self::Normal => DELAY.min(TOTAL_MAX / events),
            Self::Slow => SLOW_TOTAL / events,
        }
    }
}

/// Streams rendered events: `head` at once, then the others one by one.
pub(super) fn stream_response(head: Vec<String>, events: Vec<String>, pace: Pace) -> Response {
    let delay = pace.delay(events.len());
    let at_once = head.into_iter().map(|event| (Duration::ZERO, event));
    let paced = events
        .into_iter()
        .enumerate()
        .map(move |(index, event)| (if index == 0 { FIRST_DELAY.max(delay) } else { delay }, event));
    let chunks = stream::unfold(at_once.chain(paced), |mut rest| async {
        let (delay, event) = rest.next()?;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        Some((Ok::<_, Infallible>(Bytes::from(event)), rest))
    });
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(chunks)).into_response()
}

/// Splits a reply into pieces of a few words, as models write it.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let piece_bytes = PIECE_BYTES.max(text.len() / PIECES_MAX);
    let mut pieces = vec![String::new()];
    for word in text.split_inclusive(char::is_whitespace) {
        let last = pieces.last_mut().filter(|last| last.len() + word.len() <= piece_bytes);
        match last {
            Some(last) => last.push_str(word),
            None => pieces.push(word.to_owned()),
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_together_are_the_text() {
        for text in ["", "one", "a sentence of some words,\n\nand äöü more", &"x".repeat(100)] {
            assert_eq!(pieces(text).concat(), text);
        }
        assert!(pieces("a sentence that is longer than a piece").len() > 2);
    }
}

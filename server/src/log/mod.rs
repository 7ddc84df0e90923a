//! Logs: to standard error, filtered by `RUST_LOG`, as text or JSON, one line an event.

mod line;

use anyhow::Context as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Config, LogFormat};
use line::Lines;

/// Starts logging; the first call counts.
///
/// # Errors
/// When `RUST_LOG` can't be read, naming it.
pub fn init(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_filter).context("RUST_LOG: not a log filter")?;
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Lines(std::io::stderr()));
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        // The list of spans holds the innermost one too.
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    if tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().is_ok() {
        // Tests start several servers in one process; the first one's logger serves all.
        log_panics();
    }
    Ok(())
}

/// A panic is one line as everything else, in the span of what panicked, and not the many lines Rust prints.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(message = "panicked", panic = panic.payload_as_str().unwrap_or("no message"), place);
    }));
}

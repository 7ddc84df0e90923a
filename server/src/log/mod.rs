//! Logs go to standard error as text or JSON, one line per event, filtered by `RUST_LOG`. Traces go to a collector if the
//! operator configures one.
//!
//! A thread of its own writes the lines, so that no request waits for a slow reader of standard error. If the reader is too
//! slow for long, lines are lost and counted. A killed process loses the lines of its last moments.

mod line;

use std::io::{BufWriter, stderr};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reef_outbound::Http;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Config, LogFormat};
use line::LineWriter;

/// How long sending the last spans may take. Orchestrators allow 30 s for a stop, of which draining takes up to 25 s.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Lines that may wait to be written: about a second of a busy server. Their places take 1 MB.
const LINES_MAX: usize = 32_768;

/// How many lines were lost because standard error was not read.
static LOST_LINES: OnceLock<ErrorCounter> = OnceLock::new();

/// The writer of the log and the exporter of traces, which have to be shut down before the process exits.
#[derive(Debug)]
#[must_use = "the last lines and spans are only written when it is shut down"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    _lines: WorkerGuard,
}

/// How many lines this process has lost because standard error was not read fast enough.
#[must_use]
pub fn lost_lines() -> usize {
    LOST_LINES.get().map_or(0, ErrorCounter::dropped_lines)
}

/// Starts logging, and tracing if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Only the first call in a process has an effect.
///
/// # Errors
/// Returns an error that names `RUST_LOG` or the exporter's variable if its value is invalid.
pub fn init(config: &Config) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&config.log_filter).context("RUST_LOG: is not a valid log filter")?;
    let writer = NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).thread_name("log");
    let (writer, guard) = writer.finish(BufWriter::new(stderr()));
    let counter = writer.error_counter();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || LineWriter(writer.clone()));
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        // The list of spans already contains the current one.
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let traces = if config.traces { Some(traces()?) } else { None };
    // Only Reef's own spans are exported, because those of other crates might contain secrets.
    let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("reef_"));
    let spans = traces.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("reef"));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(ours)
    });
    let registry = tracing_subscriber::registry().with(spans).with(lines.with_filter(filter));
    if registry.try_init().is_ok() {
        // Tests start several servers in one process, which share the logger of the first.
        log_panics();
        LOST_LINES.get_or_init(|| counter);
    }
    Ok(Telemetry { traces, _lines: guard })
}

fn traces() -> anyhow::Result<SdkTracerProvider> {
    let http = Http::new().context("the HTTP client could not be built")?;
    reef_outbound::tracer_provider(&http).context("OTEL_EXPORTER_OTLP_ENDPOINT")
}

impl Telemetry {
    /// Sends the last spans, which takes at most 3 s.
    pub async fn shutdown(self) {
        let Some(traces) = self.traces else { return };
        // The call blocks until the exporter's thread is done, and that thread needs this runtime.
        let ended = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_TIMEOUT)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be sent");
        }
    }
}

/// Logs a panic as one event in its span, instead of the lines that Rust prints by default.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(message = "panicked", panic = panic.payload_as_str().unwrap_or("no message"), place);
    }));
}

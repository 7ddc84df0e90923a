//! Logs: to standard error, filtered by `RUST_LOG`, as text or JSON, one line an event. Traces: to a collector, if the
//! operator names one.

mod line;

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reef_outbound::Http;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Config, LogFormat};
use line::Lines;

/// How long the last spans may take to be sent: the stop has 30 s, of which draining takes up to 25.
const FLUSH: Duration = Duration::from_secs(3);

/// What has to be ended when the process ends.
#[derive(Debug)]
#[must_use = "the last spans are sent when it is ended"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Starts logging, and traces if `OTEL_EXPORTER_OTLP_ENDPOINT` is set; the first call counts.
///
/// # Errors
/// When `RUST_LOG` or a variable of the exporter can't be used, naming it.
pub fn init(config: &Config) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&config.log_filter).context("RUST_LOG: not a log filter")?;
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Lines(std::io::stderr()));
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        // The list of spans holds the innermost one too.
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let traces = if config.traces { Some(traces()?) } else { None };
    // Reef's own spans and nothing else: what is in them is known to hold no secret.
    let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("reef_"));
    let spans = traces.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("reef"));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(ours)
    });
    let registry = tracing_subscriber::registry().with(spans).with(lines.with_filter(filter));
    if registry.try_init().is_ok() {
        // Tests start several servers in one process; the first one's logger serves all.
        log_panics();
    }
    Ok(Telemetry { traces })
}

fn traces() -> anyhow::Result<SdkTracerProvider> {
    let http = Http::new().context("the HTTP client cannot be made")?;
    reef_outbound::traces(&http).context("OTEL_EXPORTER_OTLP_ENDPOINT")
}

impl Telemetry {
    /// Sends the last spans, for at most 3 s.
    pub async fn end(self) {
        let Some(traces) = self.traces else { return };
        // It waits for the exporter's thread, which in turn needs this runtime.
        let ended = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be sent");
        }
    }
}

/// A panic is one line as everything else, in the span of what panicked, and not the many lines Rust prints.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(message = "panicked", panic = panic.payload_as_str().unwrap_or("no message"), place);
    }));
}

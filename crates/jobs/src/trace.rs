//! Traces across gaps that no span covers: between processes, and between a request and the jobs it enqueues.
//!
//! They are passed on as W3C Trace Context: `00-{trace id}-{span id}-{flags}`. Without an exporter there are no traces,
//! and these functions do nothing.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header that carries a trace.
pub const TRACEPARENT: &str = "traceparent";

/// The `traceparent` of the current span; `None` outside of a trace.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Makes a span that has not been entered part of a trace. An invalid `traceparent` changes nothing.
pub fn continue_trace(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // This fails without an exporter, and then there is no trace to continue.
        drop(span.set_parent(context));
    }
}

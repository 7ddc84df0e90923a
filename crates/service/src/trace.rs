//! Traces over the gaps that no span reaches over: between processes, and between a request and the jobs it enqueues.
//!
//! In the form of W3C Trace Context: `00-{trace id}-{span id}-{flags}`. Without an exporter there are no traces, and all
//! of this does nothing.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header that carries a trace.
pub const TRACEPARENT: &str = "traceparent";

/// The trace that the present span is in; `None` when it is in none.
#[must_use]
pub fn current() -> Option<String> {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Has a span that nobody has entered yet go on with a trace. What is no `traceparent` changes nothing.
pub fn go_on(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // Fails without an exporter, when there is nothing to go on with.
        drop(span.set_parent(context));
    }
}

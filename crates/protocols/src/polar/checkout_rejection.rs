//! Classifies Polar's reasons for rejecting a checkout. Names and formats are those of Polar's checkout service and its
//! exception handlers.

use reef_ports::CheckoutRefusal;
use serde::Deserialize;
use serde_json::Value;

use crate::http::HttpResponse;

/// The maximum length of Polar's message in the log, in characters.
const MESSAGE_CHARS_MAX: usize = 300;
/// The maximum number of issues in that message.
const ISSUES_MAX: usize = 5;

/// An error response of Polar. `detail` is a text or a list of issues.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: String,
    #[serde(default)]
    detail: Value,
}

/// Returns the reason by what can be done about it, and Polar's message for the log.
pub(super) fn classify(answer: &HttpResponse) -> (CheckoutRefusal, String) {
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (reason(answer.status, &body), log_message(answer.status, &body))
}

fn reason(status: u16, body: &Body) -> CheckoutRefusal {
    let is_about = |names: &[&str]| {
        let issues = body.detail.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut steps = issues.iter().filter_map(|issue| issue["loc"].as_array()).flatten();
        steps.any(|step| step.as_str().is_some_and(|step| names.contains(&step)))
    };
    match (&*body.error, status) {
        ("CheckoutCustomerExternalIdMismatch", _) => CheckoutRefusal::OtherCustomer,
        ("AlreadyActiveSubscriptionError", _) => CheckoutRefusal::OneSubscriptionOnly,
        ("PaymentNotReady", _) => CheckoutRefusal::NotReady,
        // A 404 without this name means that Polar does not know the path or the version.
        ("ResourceNotFound", _) => CheckoutRefusal::Product,
        (_, 422) if is_about(&["customer_email"]) => CheckoutRefusal::Email,
        (_, 422) if is_about(&["products", "product_id", "product_price_id"]) => CheckoutRefusal::Product,
        _ => CheckoutRefusal::Other,
    }
}

/// Returns Polar's message as one line for the log, without the input that it repeats and without the local parts of
/// email addresses.
fn log_message(status: u16, body: &Body) -> String {
    let detail = match &body.detail {
        Value::String(text) => text.clone(),
        Value::Array(issues) => {
            let issues: Vec<_> = issues.iter().take(ISSUES_MAX).map(issue).collect();
            issues.join("; ")
        }
        _ => String::new(),
    };
    let words = detail.split_whitespace().map(|word| match word.rsplit_once('@') {
        Some((_, domain)) => format!("…@{domain}"),
        None => word.to_owned(),
    });
    let whole = format!("{status} {}: {}", body.error, words.collect::<Vec<_>>().join(" "));
    whole.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect()
}

fn issue(issue: &Value) -> String {
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    let steps: Vec<_> = issue["loc"].as_array().into_iter().flatten().map(step).collect();
    format!("{}: {}", steps.join("."), issue["msg"].as_str().unwrap_or_default())
}

//! Why Polar refuses to make a checkout. (Names and shapes: Polar's checkout service and its exception handlers.)

use reef_assistant::HttpResponse;
use reef_service::ports::CheckoutRefusal;
use serde::Deserialize;
use serde_json::Value;

/// Of what Polar says, more than this is not kept.
const SAID_CHARS_MAX: usize = 300;
/// So many of its issues are kept.
const ISSUES_MAX: usize = 5;

/// An error as Polar words it: `detail` is a text, or a list of issues.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: String,
    #[serde(default)]
    detail: Value,
}

/// Why, by what can be done about it, and what Polar said.
pub(super) fn read(answer: &HttpResponse) -> (CheckoutRefusal, String) {
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (why(answer.status, &body), said(answer.status, &body))
}

fn why(status: u16, body: &Body) -> CheckoutRefusal {
    let is_about = |names: &[&str]| {
        let issues = body.detail.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut steps = issues.iter().filter_map(|issue| issue["loc"].as_array()).flatten();
        steps.any(|step| step.as_str().is_some_and(|step| names.contains(&step)))
    };
    match (&*body.error, status) {
        ("CheckoutCustomerExternalIdMismatch", _) => CheckoutRefusal::OtherCustomer,
        ("AlreadyActiveSubscriptionError", _) => CheckoutRefusal::OneSubscriptionOnly,
        ("PaymentNotReady", _) => CheckoutRefusal::NotReady,
        // Without a name it is the path or the version that Polar does not know.
        ("ResourceNotFound", _) => CheckoutRefusal::Product,
        (_, 422) if is_about(&["customer_email"]) => CheckoutRefusal::Email,
        (_, 422) if is_about(&["products", "product_id", "product_price_id"]) => CheckoutRefusal::Product,
        _ => CheckoutRefusal::Other,
    }
}

/// What Polar said, in a line for the operator's log: without what it repeats of the request, and without anybody's
/// address.
fn said(status: u16, body: &Body) -> String {
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
    whole.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARS_MAX).collect()
}

fn issue(issue: &Value) -> String {
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    let steps: Vec<_> = issue["loc"].as_array().into_iter().flatten().map(step).collect();
    format!("{}: {}", steps.join("."), issue["msg"].as_str().unwrap_or_default())
}

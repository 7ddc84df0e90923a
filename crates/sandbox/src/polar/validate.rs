//! Validation of request bodies. Polar's 422 lists all issues, each with its location.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use url::Url;

use super::products::{ARCHIVED_MARKER, UNKNOWN_MARKER};
use crate::{
    clock::is_uuid,
    web::{ErrorResponse, HandlerResult},
};

/// The first element of an issue's `loc`.
#[derive(Clone, Copy)]
pub(super) enum Location {
    Body,
    Query,
    Path,
}

#[derive(Default)]
pub(super) struct Issues(Vec<Value>);

impl Issues {
    pub fn add(&mut self, place: Location, path: &[&str], message: &str, kind: &str) {
        let place = match place {
            Location::Body => "body",
            Location::Query => "query",
            Location::Path => "path",
        };
        let steps =
            path.iter().map(|step| step.parse::<usize>().map_or_else(|_| json!(step), |index| json!(index)));
        let loc: Vec<Value> = std::iter::once(json!(place)).chain(steps).collect();
        self.0.push(json!({"loc": loc, "msg": message, "type": kind}));
    }

    fn body(&mut self, path: &[&str], message: &str, kind: &str) {
        self.add(Location::Body, path, message, kind);
    }

    /// Returns the 422 if there are issues.
    pub fn check(self) -> HandlerResult<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(ErrorResponse::new(422, json!({"error": "RequestValidationError", "detail": self.0})))
    }
}

/// Parses a body that must be a JSON object.
pub(super) fn object(raw: &[u8]) -> HandlerResult<Map<String, Value>> {
    let mut issues = Issues::default();
    match serde_json::from_slice(raw) {
        Ok(Value::Object(map)) => return Ok(map),
        Ok(_) => issues.body(&[], "Input should be a valid dictionary or object", "model_attributes_type"),
        Err(error) => issues.body(&[&error.column().to_string()], "JSON decode error", "json_invalid"),
    }
    Err(issues.check().expect_err("one issue was added"))
}

/// Validates an id in the path.
pub(super) fn uuid(id: &str) -> HandlerResult<()> {
    let mut issues = Issues::default();
    if !is_uuid(id) {
        issues.add(Location::Path, &["id"], "Input should be a valid UUID", "uuid_parsing");
    }
    issues.check()
}

/// Validates the body of `POST /v1/checkouts/`. Like Polar, it ignores unknown keys.
pub(super) fn checkout(body: &Map<String, Value>) -> HandlerResult<()> {
    let mut issues = Issues::default();
    products(body, &mut issues);
    metadata(body, "metadata", &mut issues);
    metadata(body, "customer_metadata", &mut issues);
    for name in [
        "external_customer_id",
        "customer_name",
        "customer_billing_name",
        "locale",
        "discount_id",
        "customer_tax_id",
    ] {
        string(body, name, 256, &mut issues);
    }
    for name in ["allow_discount_codes", "allow_trial", "require_billing_address", "is_business_customer"] {
        if body.get(name).is_some_and(|value| !value.is_boolean()) {
            issues.body(&[name], "Input should be a valid boolean", "bool_type");
        }
    }
    for name in ["success_url", "return_url"] {
        web_url(body, name, &mut issues);
    }
    for name in ["customer_id", "subscription_id"] {
        if_present(body, name, |value| {
            if !value.as_str().is_some_and(is_uuid) {
                issues.body(&[name], "Input should be a valid UUID", "uuid_parsing");
            }
        });
    }
    if_present(body, "customer_ip_address", |value| {
        if value.as_str().is_none_or(|text| text.parse::<IpAddr>().is_err()) {
            issues.body(
                &["customer_ip_address"],
                "value is not a valid IPv4 or IPv6 address",
                "ip_any_address",
            );
        }
    });
    if_present(body, "customer_email", |value| {
        if !value.as_str().is_some_and(is_deliverable) {
            issues.body(&["customer_email"], "value is not a valid email address", "value_error");
        }
    });
    if_present(body, "currency", |value| {
        if value.as_str().is_none_or(|text| text.len() != 3 || !text.bytes().all(|c| c.is_ascii_lowercase()))
        {
            issues.body(&["currency"], "Input should be a supported currency", "enum");
        }
    });
    issues.check()
}

/// Calls `check` with the value of an optional field, unless it is absent or null.
fn if_present(body: &Map<String, Value>, name: &str, check: impl FnOnce(&Value)) {
    if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
        check(value);
    }
}

fn products(body: &Map<String, Value>, issues: &mut Issues) {
    match body.get("products") {
        None => issues.body(&["products"], "Field required", "missing"),
        Some(Value::Array(products)) if products.is_empty() => {
            issues.body(
                &["products"],
                "List should have at least 1 item after validation, not 0",
                "too_short",
            );
        }
        Some(Value::Array(products)) => {
            for (index, product) in products.iter().enumerate() {
                let problem = match product.as_str() {
                    Some(id) if id.contains(ARCHIVED_MARKER) => "Product is archived.",
                    Some(id) if !id.contains(UNKNOWN_MARKER) && !id.trim().is_empty() => continue,
                    _ => "Product does not exist.",
                };
                issues.body(&["products", &index.to_string()], problem, "value_error");
            }
        }
        Some(_) => issues.body(&["products"], "Input should be a valid list", "list_type"),
    }
}

fn string(body: &Map<String, Value>, name: &str, length_max: usize, issues: &mut Issues) {
    if_present(body, name, |value| match value.as_str() {
        None => issues.body(&[name], "Input should be a valid string", "string_type"),
        Some(text) if text.chars().count() > length_max => {
            issues.body(
                &[name],
                &format!("String should have at most {length_max} characters"),
                "string_too_long",
            );
        }
        Some(_) => {}
    });
}

/// Validates metadata: at most 50 keys of 1 to 40 characters, with values that are strings of 1 to 500 characters, numbers
/// or booleans.
pub(super) fn metadata(body: &Map<String, Value>, name: &str, issues: &mut Issues) {
    let Some(value) = body.get(name) else { return };
    let Some(map) = value.as_object() else {
        issues.body(&[name], "Input should be a valid dictionary", "dict_type");
        return;
    };
    if map.len() > 50 {
        issues.body(&[name], "Dictionary should have at most 50 items after validation", "too_long");
    }
    for (key, value) in map {
        if key.is_empty() || key.chars().count() > 40 {
            issues.body(&[name, key, "[key]"], "String should have at most 40 characters", "string_too_long");
        }
        match value {
            Value::String(text) if (1..=500).contains(&text.chars().count()) => {}
            Value::String(_) => {
                issues.body(&[name, key, "str"], "String should have 1 to 500 characters", "string_too_long");
            }
            Value::Number(_) | Value::Bool(_) => {}
            _ => issues.body(&[name, key, "str"], "Input should be a valid string", "string_type"),
        }
    }
}

pub(super) fn web_url(body: &Map<String, Value>, name: &str, issues: &mut Issues) {
    if_present(body, name, |value| {
        let url = value.as_str().filter(|text| text.len() <= 2083).and_then(|text| Url::parse(text).ok());
        if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            issues.body(&[name], "Input should be a valid URL", "url_parsing");
        }
    });
}

/// Polar looks up whether a domain can receive mail, so domains reserved for examples and tests are rejected.
fn is_deliverable(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let domain = domain.to_ascii_lowercase();
    let labels: Vec<&str> = domain.split('.').collect();
    let is_well_formed = labels.len() >= 2
        && labels
            .iter()
            .all(|label| !label.is_empty() && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
    let reserved = matches!(
        labels.last().copied(),
        Some("test" | "example" | "invalid" | "local" | "localhost" | "onion" | "arpa" | "internal")
    ) || ["example.com", "example.net", "example.org"].iter().any(|name| domain == *name);
    let is_local_valid =
        !local.is_empty() && local.len() <= 64 && !local.contains(|c: char| c.is_whitespace() || c == '@');
    is_local_valid && is_well_formed && !reserved
}

//! New Polar objects, with every field of version 2026-10 of the API.

use serde_json::{Map, Value, json};

use crate::clock::{month_after, new_id, random_base62, rfc3339};

/// The id of the sandbox's only organization.
pub(super) const ORGANIZATION_ID: &str = "5a4db0c5-0000-4000-8000-000000000001";
/// Polar expires a checkout after a day.
const CHECKOUT_TTL_MS: i64 = 24 * 60 * 60 * 1000;
/// Polar ends a customer session after an hour.
const CUSTOMER_SESSION_TTL_MS: i64 = 60 * 60 * 1000;

/// Returns the monthly price in cents. The sandbox has no price list, so the id of a product decides.
fn amount(product_id: &str) -> i64 {
    if product_id.contains("managed") { 2_900 } else { 1_900 }
}

/// Returns the name of a product as customers read it. The sandbox has no product list, so the id decides here too.
fn product_name(product_id: &str) -> &str {
    if product_id.contains("managed") {
        "Assistant (Managed)"
    } else if product_id.contains("byok") {
        "Assistant (Bring your own key)"
    } else {
        product_id
    }
}

fn price(product_id: &str, created_at: &str) -> Value {
    json!({
        "id": product_id, "created_at": created_at, "modified_at": null, "source": "catalog", "amount_type": "fixed",
        "is_archived": false, "product_id": product_id, "price_currency": "usd", "tax_behavior": null,
        "price_amount": amount(product_id),
    })
}

/// A product with a fixed monthly price.
pub(super) fn product(product_id: &str, created_at: &str) -> Value {
    json!({
        "id": product_id, "created_at": created_at, "modified_at": null, "trial_interval": null,
        "trial_interval_count": null, "name": product_name(product_id), "description": null, "visibility": "public",
        "recurring_interval": "month", "recurring_interval_count": 1, "meter_interval": null,
        "meter_interval_count": null, "is_recurring": true, "is_archived": false, "organization_id": ORGANIZATION_ID,
        "metadata": {}, "prices": [price(product_id, created_at)], "benefits": [], "medias": [],
        "attached_custom_fields": [],
    })
}

/// An open checkout from a valid body.
pub(super) fn checkout(
    body: &Map<String, Value>,
    public_url: &str,
    customer: Option<&Value>,
    now: i64,
) -> Value {
    let given = |name: &str| body.get(name).cloned().unwrap_or(Value::Null);
    let (id, client_secret) = (new_id(), format!("polar_c_{}", random_base62(43)));
    let created_at = rfc3339(now);
    let url = format!("{public_url}/sandbox/polar/checkout/{client_secret}");
    let products: Vec<&str> =
        body["products"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let first = products.first().copied().unwrap_or_default();
    let amount = amount(first);
    let success_url = match body.get("success_url").and_then(Value::as_str) {
        Some(template) => template.replace("{CHECKOUT_ID}", &id).replace("%7BCHECKOUT_ID%7D", &id),
        None => url.clone(),
    };
    let all: Vec<Value> = products.iter().map(|id| product(id, &created_at)).collect();
    let prices: Map<String, Value> =
        products.iter().map(|id| ((*id).to_owned(), json!([price(id, &created_at)]))).collect();
    json!({
        "id": id, "created_at": created_at, "modified_at": null, "custom_field_data": {}, "payment_processor": "stripe",
        "status": "open", "client_secret": client_secret, "url": url, "expires_at": rfc3339(now + CHECKOUT_TTL_MS),
        "success_url": success_url, "return_url": given("return_url"), "embed_origin": given("embed_origin"),
        "amount": amount, "seats": null, "min_seats": null, "max_seats": null, "discount_amount": 0,
        "net_amount": amount, "tax_amount": 0, "tax_behavior": null, "total_amount": amount, "currency": "usd",
        "allow_trial": body.get("allow_trial").unwrap_or(&Value::Bool(true)), "active_trial_interval": null,
        "active_trial_interval_count": null, "trial_end": null, "organization_id": ORGANIZATION_ID,
        "product_id": first, "product_price_id": first, "discount_id": given("discount_id"),
        "allow_discount_codes": body.get("allow_discount_codes").unwrap_or(&Value::Bool(true)),
        "require_billing_address": body.get("require_billing_address").unwrap_or(&Value::Bool(false)),
        "is_discount_applicable": true, "is_free_product_price": false, "is_payment_required": true,
        "is_payment_setup_required": true, "is_payment_form_required": true,
        "customer_id": customer.map_or(Value::Null, |customer| customer["id"].clone()),
        "is_business_customer": body.get("is_business_customer").unwrap_or(&Value::Bool(false)),
        "customer_name": given("customer_name"),
        "customer_email": customer.map_or_else(|| given("customer_email"), |customer| customer["email"].clone()),
        "customer_ip_address": given("customer_ip_address"), "customer_billing_name": given("customer_billing_name"),
        "customer_billing_address": given("customer_billing_address"), "customer_tax_id": given("customer_tax_id"),
        "locale": given("locale"), "payment_processor_metadata": {},
        "billing_address_fields": {"country": "required", "state": "disabled", "city": "disabled",
            "postal_code": "disabled", "line1": "disabled", "line2": "disabled"},
        "trial_interval": null, "trial_interval_count": null,
        "metadata": body.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "external_customer_id": given("external_customer_id"), "products": all,
        "product": all.first(), "product_price": price(first, &created_at), "prices": prices, "discount": null,
        "subscription_id": given("subscription_id"), "attached_custom_fields": [],
        "customer_metadata": body.get("customer_metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

/// The customer that a checkout creates.
pub(super) fn customer(checkout: &Value, now: i64) -> Value {
    let id = new_id();
    let email = checkout["customer_email"]
        .as_str()
        .map_or_else(|| format!("buyer-{}@sandbox.polar.sh", &id[..8]), str::to_owned);
    json!({
        "id": id, "created_at": rfc3339(now), "modified_at": null, "metadata": checkout["customer_metadata"],
        "external_id": checkout["external_customer_id"], "email": email, "email_verified": false, "type": "individual",
        "name": checkout["customer_name"], "billing_name": checkout["customer_billing_name"],
        "billing_address": checkout["customer_billing_address"], "tax_id": null, "locale": checkout["locale"],
        "organization_id": ORGANIZATION_ID, "default_payment_method_id": null, "deleted_at": null, "avatar_url": null,
    })
}

/// A subscription that is active from now. It copies the checkout's metadata.
pub(super) fn subscription(checkout: &Value, customer: &Value, now: i64) -> Value {
    json!({
        "created_at": rfc3339(now), "modified_at": null, "id": new_id(), "amount": checkout["amount"],
        "currency": checkout["currency"], "recurring_interval": "month", "recurring_interval_count": 1,
        "status": "active", "current_period_start": rfc3339(now), "current_period_end": rfc3339(month_after(now)),
        "current_meter_period_start": null, "current_meter_period_end": null, "trial_start": null, "trial_end": null,
        "cancel_at_period_end": false, "canceled_at": null, "started_at": rfc3339(now), "ends_at": null,
        "ended_at": null, "past_due_at": null, "pause_at_period_end": false, "paused_at": null, "resumes_at": null,
        "customer_id": customer["id"], "product_id": checkout["product_id"], "discount_id": null,
        "checkout_id": checkout["id"], "seats": null, "customer_cancellation_reason": null,
        "customer_cancellation_comment": null, "metadata": checkout["metadata"], "custom_field_data": {},
        "customer": customer, "product": checkout["product"], "discount": null,
        "prices": checkout["product"]["prices"], "meters": [], "pending_update": null,
    })
}

/// An unpaid order. Only the first order of a subscription has a checkout.
pub(super) fn order(subscription: &Value, checkout_id: Option<&str>, now: i64) -> Value {
    let amount = &subscription["amount"];
    let mut inner = subscription.clone();
    for left_out in
        ["customer", "product", "discount", "prices", "meters", "pending_update", "custom_field_data"]
    {
        inner.as_object_mut().and_then(|fields| fields.shift_remove(left_out));
    }
    json!({
        "id": new_id(), "created_at": rfc3339(now), "modified_at": null, "status": "pending", "paid": false,
        "subtotal_amount": amount, "discount_amount": 0, "net_amount": amount, "tax_amount": 0, "total_amount": amount,
        "applied_balance_amount": 0, "due_amount": amount, "refunded_amount": 0, "refunded_tax_amount": 0,
        "currency": subscription["currency"],
        "billing_reason": if checkout_id.is_some() { "subscription_create" } else { "subscription_cycle" },
        "billing_name": subscription["customer"]["billing_name"], "billing_address": subscription["customer"]["billing_address"],
        "invoice_number": format!("SANDBOX-{}", random_base62(8)), "is_invoice_generated": false,
        "receipt_number": null, "seats": null, "customer_id": subscription["customer_id"],
        "product_id": subscription["product_id"], "discount_id": null, "subscription_id": subscription["id"],
        "checkout_id": checkout_id, "next_payment_attempt_at": null, "metadata": subscription["metadata"],
        "custom_field_data": {}, "platform_fee_amount": 0, "platform_fee_currency": subscription["currency"],
        "customer": subscription["customer"], "product": subscription["product"], "discount": null,
        "subscription": inner,
        "items": [{"created_at": rfc3339(now), "modified_at": null, "id": new_id(), "label": subscription["product"]["name"],
            "amount": amount, "tax_amount": 0, "proration": false, "product_price_id": subscription["product_id"]}],
        "description": subscription["product"]["name"], "refundable_amount": amount, "refundable_tax_amount": 0,
    })
}

/// A refund of a whole order.
pub(super) fn refund(order: &Value, now: i64) -> Value {
    json!({
        "created_at": rfc3339(now), "modified_at": null, "id": new_id(), "metadata": {}, "status": "succeeded",
        "reason": "customer_request", "amount": order["total_amount"], "tax_amount": 0, "currency": order["currency"],
        "organization_id": ORGANIZATION_ID, "order_id": order["id"], "subscription_id": order["subscription_id"],
        "customer_id": order["customer_id"], "revoke_benefits": false, "dispute": null,
    })
}

/// A customer session, which opens the portal for an hour.
pub(super) fn customer_session(
    customer: &Value,
    return_url: Option<&str>,
    public_url: &str,
    now: i64,
) -> Value {
    let token = format!("polar_cst_{}", random_base62(43));
    json!({
        "created_at": rfc3339(now), "modified_at": null, "id": new_id(), "token": token,
        "expires_at": rfc3339(now + CUSTOMER_SESSION_TTL_MS), "return_url": return_url,
        "customer_portal_url": format!("{public_url}/sandbox/polar/portal?customer_session_token={token}"),
        "customer_id": customer["id"], "customer": customer,
    })
}

/// A card that becomes the customer's default payment method.
pub(super) fn payment_method(customer: &Value, last4: &str, now: i64) -> Value {
    json!({
        "id": new_id(), "created_at": rfc3339(now), "modified_at": null, "processor": "stripe", "type": "card",
        "customer_id": customer["id"], "is_default": true,
        "method_metadata": {"brand": "visa", "last4": last4, "exp_month": 12, "exp_year": 2034},
    })
}

//! The checkout page, and an overview with a button for every action on a subscription.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde_json::{Map, json};
use sqlx::FromRow;
use url::Url;

use super::{
    checkouts,
    lifecycle::{self, SubscriptionAction},
    objects::{self, Kind, Object},
    subscriptions,
};
use crate::{
    World,
    clock::rfc3339,
    page::{button, page},
    web::{HandlerResult, error_response, header_text},
};

/// The overview shows the newest rows of each table.
const SHOWN_MAX: i64 = 50;

/// `GET …/checkout/{client_secret}`: the checkout page.
pub(super) async fn checkout(State(world): State<World>, Path(secret): Path<String>) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    Ok(match objects::find_by_secret(&mut conn, Kind::Checkout, &secret).await? {
        None => checkout_not_found(),
        Some(checkout) => checkout_page(200, &checkout, None),
    })
}

/// `POST …/pay`: 303 to the `success_url`, 409 if the checkout is paid already, 410 if it has expired.
pub(super) async fn pay(State(world): State<World>, Path(secret): Path<String>) -> HandlerResult {
    let mut tx = world.db.begin().await?;
    let Some(mut checkout) = objects::find_by_secret(&mut tx, Kind::Checkout, &secret).await? else {
        return Ok(checkout_not_found());
    };
    if checkouts::is_expired(&checkout) {
        checkouts::expire(&mut tx, &mut checkout).await?;
    }
    let paid = checkout.text("status") == "open";
    if paid {
        lifecycle::pay(&mut tx, &mut checkout).await?;
    }
    tx.commit().await?;
    world.polar_events.notify_one();
    if !paid {
        return Ok(checkout_closed(&checkout));
    }
    // A header must be ASCII, which a parsed URL is.
    let location = Url::parse(checkout.text("success_url")).map_or_else(|_| "/".to_owned(), String::from);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// `POST …/decline`: 402. The checkout stays open.
pub(super) async fn decline(State(world): State<World>, Path(secret): Path<String>) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    Ok(match objects::find_by_secret(&mut conn, Kind::Checkout, &secret).await? {
        None => checkout_not_found(),
        Some(checkout) if checkout.text("status") != "open" => checkout_closed(&checkout),
        Some(checkout) => {
            checkout_page(402, &checkout, Some("The card was declined. You haven’t been charged. Try again."))
        }
    })
}

/// `POST …/expire`: expires the checkout before its 24 hours are over.
pub(super) async fn expire(State(world): State<World>, Path(secret): Path<String>) -> HandlerResult {
    let mut tx = world.db.begin().await?;
    let Some(mut checkout) = objects::find_by_secret(&mut tx, Kind::Checkout, &secret).await? else {
        return Ok(checkout_not_found());
    };
    if checkout.text("status") != "open" {
        return Ok(checkout_closed(&checkout));
    }
    checkouts::expire(&mut tx, &mut checkout).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(checkout_page(200, &checkout, None))
}

/// `POST /sandbox/polar/subscriptions/{id}/{action}`: `{"data": <the subscription>}`, or a redirect to the overview for a
/// browser's form.
pub(super) async fn apply_action(
    State(world): State<World>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> HandlerResult {
    let Some(action) = SubscriptionAction::parse(&name) else {
        return Err(error_response(
            404,
            "Unknown action. Use past_due, lapse, revoke, renew, refund, cancel, uncancel, pause or resume.",
        ));
    };
    let subscription =
        subscriptions::apply_action(&world, &id, action, Map::new()).await.map_err(|refusal| {
            if refusal.status == 404 { error_response(404, "Subscription not found.") } else { refusal }
        })?;
    if header_text(&headers, "accept").is_some_and(|kinds| kinds.contains("text/html")) {
        return Ok(Redirect::to("/sandbox/polar/").into_response());
    }
    Ok(Json(json!({"data": subscription})).into_response())
}

fn checkout_not_found() -> Response {
    page(404, "Checkout not found", &html! { p.error { "This checkout does not exist." } })
}

/// The response to an attempt to use a checkout that is no longer open.
fn checkout_closed(checkout: &Object) -> Response {
    match checkout.text("status") {
        "expired" => checkout_page(410, checkout, None),
        _ => checkout_page(409, checkout, None),
    }
}

fn checkout_page(status: u16, checkout: &Object, problem: Option<&str>) -> Response {
    let amount = checkout.doc["total_amount"].as_i64().unwrap_or_default();
    let path = format!("/sandbox/polar/checkout/{}", checkout.text("client_secret"));
    page(
        status,
        "Checkout",
        &html! {
            p { strong { (product_name(checkout)) } ": " (money(amount)) " / month" }
            @if let Some(problem) = problem { p.error role="alert" { (problem) } }
            @match checkout.text("status") {
                "open" => {
                    (button(&format!("{path}/pay"), "Pay", true))
                    (button(&format!("{path}/decline"), "Decline the card", false))
                    (button(&format!("{path}/expire"), "Expire the checkout", false))
                }
                "expired" => p.error role="alert" { "This checkout expired. You haven’t been charged." },
                _ => {
                    p.good role="status" { "This checkout is paid." }
                    p { a href=(checkout.text("success_url")) { "Back to Reef" } }
                }
            }
        },
    )
}

/// The name of the product that a checkout, a subscription or an order is for.
pub(super) fn product_name(object: &Object) -> &str {
    object.doc["product"]["name"].as_str().unwrap_or_default()
}

/// Renders what distinguishes objects of the same product: the id of the assistant in the merchant's metadata, and its name
/// if the metadata contains one.
pub(super) fn assistant_reference(object: &Object) -> Markup {
    let metadata = &object.doc["metadata"];
    html! {
        @if let Some(name) = metadata["assistant_name"].as_str() { (name) " " }
        @if let Some(id) = metadata["assistant_id"].as_str() { code { (id) } }
    }
}

/// Formats an amount such as `$19.00`.
pub(super) fn money(cents: i64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[derive(FromRow)]
struct Delivery {
    r#type: String,
    url: String,
    state: String,
    attempts: i64,
    created_at: i64,
    last_status: Option<i64>,
    last_error: Option<String>,
}

/// `GET /sandbox/polar/`: the overview.
pub(super) async fn overview(State(world): State<World>) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let checkouts = objects::list(&mut conn, Kind::Checkout, &Map::new(), SHOWN_MAX, 0).await?;
    let subscriptions = objects::list(&mut conn, Kind::Subscription, &Map::new(), SHOWN_MAX, 0).await?;
    let deliveries: Vec<Delivery> = sqlx::query_as(
        "select type, url, state, attempts, created_at, last_status, last_error
         from polar_deliveries order by seq desc limit $1",
    )
    .bind(SHOWN_MAX)
    .fetch_all(&mut *conn)
    .await?;
    Ok(page(
        200,
        "Payments",
        &html! {
            h2 { "Checkouts" }
            (table(&["Created", "Product", "Assistant", "Status", "Page"], &checkouts, |checkout| html! {
                td { (checkout.text("created_at")) }
                td { (product_name(checkout)) }
                td { (assistant_reference(checkout)) }
                td { (checkout.text("status")) }
                td { a href={ "/sandbox/polar/checkout/" (checkout.text("client_secret")) } { "Checkout " (checkout.id) } }
            }))
            h2 { "Subscriptions" }
            (table(&["Subscription", "Product", "Assistant", "Status", "Period ends", "Actions"], &subscriptions, subscription_row))
            h2 { "Webhook deliveries" }
            (table(&["Time", "Event", "Endpoint", "State", "Attempts", "Last response"], &deliveries, |delivery| html! {
                td { (rfc3339(delivery.created_at)) }
                td { (delivery.r#type) }
                td { (delivery.url) }
                td { (delivery.state) }
                td { (delivery.attempts) }
                td { @if let Some(status) = delivery.last_status { (status) " " } (delivery.last_error.as_deref().unwrap_or_default()) }
            }))
        },
    ))
}

fn subscription_row(subscription: &Object) -> Markup {
    let ended = !subscription.doc["ended_at"].is_null();
    let ending = subscription.doc["cancel_at_period_end"] == true;
    let (status, pausing) = (subscription.text("status"), subscription.doc["pause_at_period_end"] == true);
    let act = |name: &str, label: &str| {
        button(&format!("/sandbox/polar/subscriptions/{}/{name}", subscription.id), label, false)
    };
    html! {
        td { (subscription.id) }
        td { (product_name(subscription)) }
        td { (assistant_reference(subscription)) }
        td {
            (status)
            @if ending && !ended { ", cancels at period end" }
            @if pausing { ", pauses at period end" }
        }
        td { (subscription.text("current_period_end")) }
        td {
            @if status == "paused" {
                (act("resume", "Resume"))
                (act("revoke", "Revoke"))
            } @else if !ended {
                (act("renew", "Renew now"))
                (act("past_due", "Fail the renewal payment"))
                (act("lapse", "Fail it and revoke benefits"))
                @if ending { (act("uncancel", "Uncancel")) } @else { (act("cancel", "Cancel")) }
                @if status == "active" && !ending { (act("pause", "Pause")) }
                (act("revoke", "Revoke"))
            }
            (act("refund", "Refund"))
        }
    }
}

pub(super) fn table<T>(headings: &[&str], rows: &[T], row: impl Fn(&T) -> Markup) -> Markup {
    if rows.is_empty() {
        return html! { p { "Nothing here yet." } };
    }
    html! {
        table {
            thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
            tbody { @for item in rows { tr { (row(item)) } } }
        }
    }
}

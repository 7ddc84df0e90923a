//! The checkout page, and an overview with a button for everything that can happen to a subscription.

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
    lifecycle::{self, Happening},
    objects::{self, Kind, Object},
    subscriptions,
};
use crate::{
    World,
    clock::rfc3339,
    page::{button, page},
    web::{Answer, header_text, refuse},
};

/// What the overview shows of each kind.
const SHOWN_MAX: i64 = 50;

/// `GET …/checkout/{client_secret}`.
pub(super) async fn checkout(State(world): State<World>, Path(secret): Path<String>) -> Answer {
    let mut conn = world.db.acquire().await?;
    Ok(match objects::by_secret(&mut conn, Kind::Checkout, &secret).await? {
        None => no_such_checkout(),
        Some(checkout) => checkout_page(200, &checkout, None),
    })
}

/// `POST …/pay`: 303 to the `success_url`; 409 when it is paid, 410 when it has expired.
pub(super) async fn pay(State(world): State<World>, Path(secret): Path<String>) -> Answer {
    let mut tx = world.db.begin().await?;
    let Some(mut checkout) = objects::by_secret(&mut tx, Kind::Checkout, &secret).await? else {
        return Ok(no_such_checkout());
    };
    if checkouts::is_over(&checkout) {
        checkouts::expire(&mut tx, &mut checkout).await?;
    }
    let paid = checkout.text("status") == "open";
    if paid {
        lifecycle::pay(&mut tx, &mut checkout).await?;
    }
    tx.commit().await?;
    world.polar_events.notify_one();
    if !paid {
        return Ok(closed(&checkout));
    }
    // As a URL: a header takes ASCII only.
    let location = Url::parse(checkout.text("success_url")).map_or_else(|_| "/".to_owned(), String::from);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// `POST …/decline`: 402, and the checkout stays open.
pub(super) async fn decline(State(world): State<World>, Path(secret): Path<String>) -> Answer {
    let mut conn = world.db.acquire().await?;
    Ok(match objects::by_secret(&mut conn, Kind::Checkout, &secret).await? {
        None => no_such_checkout(),
        Some(checkout) if checkout.text("status") != "open" => closed(&checkout),
        Some(checkout) => {
            checkout_page(402, &checkout, Some("The card was declined. Nothing was charged; try again."))
        }
    })
}

/// `POST …/expire`: as if its 24 hours were over.
pub(super) async fn expire(State(world): State<World>, Path(secret): Path<String>) -> Answer {
    let mut tx = world.db.begin().await?;
    let Some(mut checkout) = objects::by_secret(&mut tx, Kind::Checkout, &secret).await? else {
        return Ok(no_such_checkout());
    };
    if checkout.text("status") != "open" {
        return Ok(closed(&checkout));
    }
    checkouts::expire(&mut tx, &mut checkout).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(checkout_page(200, &checkout, None))
}

/// `POST /sandbox/polar/subscriptions/{id}/{happening}`: `{"data": <the subscription>}`, or back to the overview for a
/// browser's form.
pub(super) async fn happen(
    State(world): State<World>,
    Path((id, happening)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let Some(happening) = Happening::parse(&happening) else {
        return Err(refuse(
            404,
            "a subscription can be: past_due, lapse, revoke, renew, refund, cancel, uncancel, pause, resume",
        ));
    };
    let subscription =
        subscriptions::happen(&world, &id, happening, Map::new()).await.map_err(|refusal| {
            if refusal.status == 404 { refuse(404, "there is no such subscription") } else { refusal }
        })?;
    if header_text(&headers, "accept").is_some_and(|kinds| kinds.contains("text/html")) {
        return Ok(Redirect::to("/sandbox/polar/").into_response());
    }
    Ok(Json(json!({"data": subscription})).into_response())
}

fn no_such_checkout() -> Response {
    page(404, "No such checkout", &html! { p.error { "This checkout does not exist." } })
}

/// A checkout that is no longer open, when someone tries to use it.
fn closed(checkout: &Object) -> Response {
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
            p { strong { (checkout.text("product_id")) } ": " (money(amount)) " a month" }
            @if let Some(problem) = problem { p.error role="alert" { (problem) } }
            @match checkout.text("status") {
                "open" => {
                    (button(&format!("{path}/pay"), "Pay", true))
                    (button(&format!("{path}/decline"), "Have the card declined", false))
                    (button(&format!("{path}/expire"), "Let the checkout expire", false))
                }
                "expired" => p.error role="alert" { "This checkout has expired. Nothing was charged." },
                _ => {
                    p.good role="status" { "This checkout is paid." }
                    p { a href=(checkout.text("success_url")) { "Back to the shop" } }
                }
            }
        },
    )
}

/// `$19.00`.
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

/// `GET /sandbox/polar/`.
pub(super) async fn overview(State(world): State<World>) -> Answer {
    let mut conn = world.db.acquire().await?;
    let checkouts = objects::find(&mut conn, Kind::Checkout, &Map::new(), SHOWN_MAX, 0).await?;
    let subscriptions = objects::find(&mut conn, Kind::Subscription, &Map::new(), SHOWN_MAX, 0).await?;
    let deliveries: Vec<Delivery> = sqlx::query_as(
        "select type, url, state, attempts, created_at, last_status, last_error
         from polar_deliveries order by seq desc limit $1",
    )
    .bind(SHOWN_MAX)
    .fetch_all(&mut *conn)
    .await?;
    Ok(page(
        200,
        "Polar",
        &html! {
            h2 { "Checkouts" }
            (table(&["Made", "Product", "Status", "Page"], &checkouts, |checkout| html! {
                td { (checkout.text("created_at")) }
                td { (checkout.text("product_id")) }
                td { (checkout.text("status")) }
                td { a href={ "/sandbox/polar/checkout/" (checkout.text("client_secret")) } { "Page of " (checkout.text("product_id")) } }
            }))
            h2 { "Subscriptions" }
            (table(&["Subscription", "Product", "Status", "Period ends", "What happens next"], &subscriptions, subscription_row))
            h2 { "Webhook deliveries" }
            (table(&["At", "Event", "To", "State", "Tries", "Last answer"], &deliveries, |delivery| html! {
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
        td { (subscription.text("product_id")) }
        td {
            (status)
            @if ending && !ended { ", ends with its period" }
            @if pausing { ", pauses with its period" }
        }
        td { (subscription.text("current_period_end")) }
        td {
            @if status == "paused" {
                (act("resume", "Resume"))
                (act("revoke", "Revoke"))
            } @else if !ended {
                (act("renew", "Renew"))
                (act("past_due", "Payment fails"))
                (act("lapse", "Payment fails, access revoked"))
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
        return html! { p { "None yet." } };
    }
    html! {
        table {
            thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
            tbody { @for item in rows { tr { (row(item)) } } }
        }
    }
}

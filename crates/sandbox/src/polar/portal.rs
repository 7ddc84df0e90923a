//! The customer portal: subscriptions, invoices and the payment method of one customer.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use sqlx::SqliteConnection;

use super::{
    cards,
    lifecycle::{self, Happening},
    objects::{self, Kind, Object},
    pages::{money, product_name, reference, table},
};
use crate::{
    World,
    clock::{date, date_time, now_ms, parse_rfc3339},
    page::{button, page},
    web::{Answer, refuse},
};

/// The portal shows at most this many subscriptions and orders, the newest first.
const SHOWN_MAX: i64 = 100;

#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    customer_session_token: String,
}

impl Token {
    /// Finds the session and its customer, unless the session has expired.
    async fn opens(&self, conn: &mut SqliteConnection) -> sqlx::Result<Option<(Object, Object)>> {
        let token = &self.customer_session_token;
        let found = objects::by_secret(conn, Kind::CustomerSession, token).await?;
        let is_live =
            |session: &Object| parse_rfc3339(session.text("expires_at")).is_some_and(|at| at > now_ms());
        let Some(session) = found.filter(is_live) else { return Ok(None) };
        let customer = objects::get(conn, Kind::Customer, session.text("customer_id")).await?;
        Ok(customer.map(|customer| (session, customer)))
    }

    /// Returns the URL of a portal page, which carries the token.
    fn on(&self, path: &str) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("customer_session_token", &self.customer_session_token)
            .finish();
        format!("/sandbox/polar/portal{path}?{query}")
    }
}

fn no_session() -> Response {
    page(
        401,
        "Customer portal",
        &html! {
            p.error { "This link has expired. Go back to Reef and open the billing portal again." }
        },
    )
}

/// `GET …/portal?customer_session_token=…`: the overview.
pub(super) async fn overview(State(world): State<World>, Query(token): Query<Token>) -> Answer {
    let mut conn = world.db.acquire().await?;
    let Some((session, customer)) = token.opens(&mut conn).await? else { return Ok(no_session()) };
    let subscriptions = objects::of_customer(&mut conn, Kind::Subscription, &customer.id, SHOWN_MAX).await?;
    let orders = objects::of_customer(&mut conn, Kind::Order, &customer.id, SHOWN_MAX).await?;
    let last4 = cards::last4(&mut conn, &customer).await?;
    Ok(page(
        200,
        "Customer portal",
        &html! {
            p { "Signed in to Polar as " strong { (customer.text("email")) } ". "
                @if let Some(back) = session.doc["return_url"].as_str() { a href=(back) { "Back to Reef" } } }
            h2 { "Subscriptions" }
            (table(&["Product", "Assistant", "Started", "Price", "Status", "Actions"], &subscriptions, |found| subscription_row(&token, found)))
            h2 { "Invoices" }
            (table(&["Date", "Product", "Assistant", "Amount", "Status", "Invoice"], &orders, |order| html! {
                td { (day(order, "created_at")) }
                td { (product_name(order)) }
                td { (reference(order)) }
                td { (money(order.doc["total_amount"].as_i64().unwrap_or_default())) }
                td { (status_text(order.text("status"))) }
                td { a href=(token.on(&format!("/orders/{}", order.id))) { "Invoice " (order.text("invoice_number")) } }
            }))
            h2 { "Payment method" }
            p { "Visa ending in " (last4) "." }
            form method="post" action=(token.on("/card")) {
                fieldset {
                    legend { "Change card" }
                    (card_choice(cards::WORKS, "4242 4242 4242 4242 (payments succeed)", last4 == cards::WORKS))
                    (card_choice(cards::FAILS, "4000 0000 0000 0341 (payments are declined)", last4 == cards::FAILS))
                    button type="submit" { "Use this card" }
                }
            }
        },
    ))
}

fn card_choice(last4: &str, label: &str, is_chosen: bool) -> Markup {
    html! {
        label { input type="radio" name="card" value=(last4) checked[is_chosen] style="width: auto"; " " (label) }
    }
}

/// Formats the date of a time field of an object.
fn day(object: &Object, field: &str) -> String {
    parse_rfc3339(object.text(field)).map(date).unwrap_or_default()
}

/// Names the status of an order.
fn status_text(status: &str) -> &str {
    match status {
        "paid" => "Paid",
        "pending" => "Awaiting payment",
        "refunded" => "Refunded",
        other => other,
    }
}

fn subscription_row(token: &Token, subscription: &Object) -> Markup {
    let has_ended = !subscription.doc["ended_at"].is_null();
    let ends = subscription.doc["cancel_at_period_end"] == true;
    let pauses = subscription.doc["pause_at_period_end"] == true;
    let status = subscription.text("status");
    let until = day(subscription, "current_period_end");
    let started = parse_rfc3339(subscription.text("started_at")).map(date_time).unwrap_or_default();
    let act = |name: &str, label: &str| {
        button(&token.on(&format!("/subscriptions/{}/{name}", subscription.id)), label, false)
    };
    html! {
        td { (product_name(subscription)) }
        td { (reference(subscription)) }
        td { (started) }
        td { (money(subscription.doc["amount"].as_i64().unwrap_or_default())) " / month" }
        td {
            @if has_ended { "Ended" }
            @else if status == "paused" { "Paused. You aren’t charged." }
            @else if ends { "Cancels on " (until) }
            @else if pauses { "Pauses on " (until) }
            @else if status == "past_due" { "Past due. Change the card to pay now." }
            @else { "Renews on " (until) }
        }
        td {
            @if has_ended {}
            @else if status == "paused" { (act("resume", "Resume and pay for a new month")) }
            @else if ends { (act("uncancel", "Undo the cancellation")) }
            @else {
                (act("cancel", "Cancel at period end"))
                @if pauses { (act("unpause", "Undo the pause")) }
                @else if status == "active" { (act("pause", "Pause at period end")) }
            }
        }
    }
}

/// `GET …/portal/orders/{id}`: the invoice of an order.
pub(super) async fn invoice(
    State(world): State<World>,
    Path(id): Path<String>,
    Query(token): Query<Token>,
) -> Answer {
    let mut conn = world.db.acquire().await?;
    let Some((_, customer)) = token.opens(&mut conn).await? else { return Ok(no_session()) };
    let order = objects::get(&mut conn, Kind::Order, &id).await?;
    let Some(order) = order.filter(|order| order.text("customer_id") == customer.id) else {
        return Err(refuse(404, "Order not found."));
    };
    let amount = money(order.doc["total_amount"].as_i64().unwrap_or_default());
    Ok(page(
        200,
        &format!("Invoice {}", order.text("invoice_number")),
        &html! {
            p { "Billed to " (customer.text("email")) " on " (day(&order, "created_at")) "." }
            p { (product_name(&order)) ", one month: " strong { (amount) } ". " (status_text(order.text("status"))) "." }
            p { "Assistant: " (reference(&order)) }
            p { a href=(token.on("")) { "Back to the customer portal" } }
        },
    ))
}

/// `POST …/portal/subscriptions/{id}/{cancel|uncancel|pause|unpause|resume}`.
pub(super) async fn happen(
    State(world): State<World>,
    Path((id, name)): Path<(String, String)>,
    Query(token): Query<Token>,
) -> Answer {
    let happening = match name.as_str() {
        "cancel" => Happening::Cancel,
        "uncancel" => Happening::Uncancel,
        "pause" => Happening::SchedulePause,
        "unpause" => Happening::UnschedulePause,
        "resume" => Happening::Resume,
        _ => return Err(refuse(404, "Unknown action. Use cancel, uncancel, pause, unpause or resume.")),
    };
    let mut tx = world.db.begin().await?;
    let Some((_, customer)) = token.opens(&mut tx).await? else { return Ok(no_session()) };
    let found = objects::get(&mut tx, Kind::Subscription, &id).await?;
    let Some(mut subscription) = found.filter(|found| found.text("customer_id") == customer.id) else {
        return Err(refuse(404, "Subscription not found."));
    };
    // A second press of a button succeeds without a change.
    let is = |flag: &str| subscription.doc[flag] == true;
    let is_so = match happening {
        Happening::SchedulePause => is("pause_at_period_end"),
        Happening::UnschedulePause => !is("pause_at_period_end"),
        Happening::Resume => subscription.text("status") != "paused",
        _ => is("cancel_at_period_end") == (happening == Happening::Cancel),
    };
    if !is_so {
        lifecycle::happen(&mut tx, &mut subscription, happening).await?;
    }
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(Redirect::to(&token.on("")).into_response())
}

#[derive(Deserialize)]
pub(super) struct Card {
    card: String,
}

/// `POST …/portal/card`: changes the payment method.
pub(super) async fn change_card(
    State(world): State<World>,
    Query(token): Query<Token>,
    Form(Card { card }): Form<Card>,
) -> Answer {
    if card != cards::WORKS && card != cards::FAILS {
        return Err(refuse(400, "card must be 4242 or 0341."));
    }
    let mut tx = world.db.begin().await?;
    let Some((_, mut customer)) = token.opens(&mut tx).await? else { return Ok(no_session()) };
    cards::change(&mut tx, &mut customer, &card).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(Redirect::to(&token.on("")).into_response())
}

//! The customer portal: what a customer has bought, the invoices, the end of a subscription, the card.

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
    pages::{money, table},
};
use crate::{
    World,
    clock::{now_ms, parse_rfc3339},
    page::{button, page},
    web::{Answer, refuse},
};

/// Subscriptions and orders that are shown.
const SHOWN_MAX: i64 = 100;

#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    customer_session_token: String,
}

impl Token {
    /// The session, and whose it is; none when its hour is over.
    async fn opens(&self, conn: &mut SqliteConnection) -> sqlx::Result<Option<(Object, Object)>> {
        let token = &self.customer_session_token;
        let found = objects::by_secret(conn, Kind::CustomerSession, token).await?;
        let is_live =
            |session: &Object| parse_rfc3339(session.text("expires_at")).is_some_and(|at| at > now_ms());
        let Some(session) = found.filter(is_live) else { return Ok(None) };
        let customer = objects::get(conn, Kind::Customer, session.text("customer_id")).await?;
        Ok(customer.map(|customer| (session, customer)))
    }

    /// A path of the portal with this token.
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
            p.error { "This link is over: it is good for an hour. Go back to the shop and open the portal again." }
        },
    )
}

/// `GET …/portal?customer_session_token=…`.
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
            p { "Polar's page for customers, signed in as " strong { (customer.text("email")) } ". "
                @if let Some(back) = session.doc["return_url"].as_str() { a href=(back) { "Back to the shop" } } }
            h2 { "Subscriptions" }
            (table(&["Product", "Bought", "Price", "Standing", "Cancellation"], &subscriptions, |found| subscription_row(&token, found)))
            h2 { "Orders and invoices" }
            (table(&["Date", "Product", "Amount", "Status", "Invoice"], &orders, |order| html! {
                td { (day(order.text("created_at"))) }
                td { (order.text("product_id")) }
                td { (money(order.doc["total_amount"].as_i64().unwrap_or_default())) }
                td { (order.text("status")) }
                td { a href=(token.on(&format!("/orders/{}", order.id))) { "Invoice " (order.text("invoice_number")) } }
            }))
            h2 { "Payment method" }
            p { "Visa ending in " (last4) "." }
            form method="post" action=(token.on("/card")) {
                fieldset {
                    legend { "Another card" }
                    (card_choice(cards::WORKS, "4242 4242 4242 4242: works", last4 == cards::WORKS))
                    (card_choice(cards::FAILS, "4000 0000 0000 0341: every charge fails", last4 == cards::FAILS))
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

/// `2026-03-13` of a full moment.
fn day(moment: &str) -> &str {
    moment.get(..10).unwrap_or(moment)
}

fn subscription_row(token: &Token, subscription: &Object) -> Markup {
    let has_ended = !subscription.doc["ended_at"].is_null();
    let ends = subscription.doc["cancel_at_period_end"] == true;
    let pauses = subscription.doc["pause_at_period_end"] == true;
    let status = subscription.text("status");
    let until = day(subscription.text("current_period_end"));
    let act = |name: &str, label: &str| {
        button(&token.on(&format!("/subscriptions/{}/{name}", subscription.id)), label, false)
    };
    html! {
        td { (subscription.text("product_id")) }
        td { (day(subscription.text("created_at"))) }
        td { (money(subscription.doc["amount"].as_i64().unwrap_or_default())) " a month" }
        td {
            @if has_ended { "ended" }
            @else if status == "paused" { "paused: nothing is charged" }
            @else if ends { "ends on " (until) }
            @else if pauses { "pauses on " (until) }
            @else if status == "past_due" { "the last charge failed" }
            @else { "renews on " (until) }
        }
        td {
            @if has_ended {}
            @else if status == "paused" { (act("resume", "Resume and pay for a new month")) }
            @else if ends { (act("uncancel", "Take the cancellation back")) }
            @else {
                (act("cancel", "Cancel at the period's end"))
                @if pauses { (act("unpause", "Take the pause back")) }
                @else if status == "active" { (act("pause", "Pause at the period's end")) }
            }
        }
    }
}

/// `GET …/portal/orders/{id}`: the invoice.
pub(super) async fn invoice(
    State(world): State<World>,
    Path(id): Path<String>,
    Query(token): Query<Token>,
) -> Answer {
    let mut conn = world.db.acquire().await?;
    let Some((_, customer)) = token.opens(&mut conn).await? else { return Ok(no_session()) };
    let order = objects::get(&mut conn, Kind::Order, &id).await?;
    let Some(order) = order.filter(|order| order.text("customer_id") == customer.id) else {
        return Err(refuse(404, "there is no such order"));
    };
    let amount = money(order.doc["total_amount"].as_i64().unwrap_or_default());
    Ok(page(
        200,
        &format!("Invoice {}", order.text("invoice_number")),
        &html! {
            p { "To " (customer.text("email")) ", " (day(order.text("created_at"))) "." }
            p { (order.text("product_id")) ", one month: " strong { (amount) } ", " (order.text("status")) "." }
            p { a href=(token.on("")) { "Back to the portal" } }
        },
    ))
}

/// `POST …/portal/subscriptions/{id}/{cancel|uncancel|pause|unpause|resume}`.
pub(super) async fn happen(
    State(world): State<World>,
    Path((id, happening)): Path<(String, String)>,
    Query(token): Query<Token>,
) -> Answer {
    let happening = match happening.as_str() {
        "cancel" => Happening::Cancel,
        "uncancel" => Happening::Uncancel,
        "pause" => Happening::SchedulePause,
        "unpause" => Happening::UnschedulePause,
        "resume" => Happening::Resume,
        _ => return Err(refuse(404, "a customer can cancel, uncancel, pause, unpause and resume")),
    };
    let mut tx = world.db.begin().await?;
    let Some((_, customer)) = token.opens(&mut tx).await? else { return Ok(no_session()) };
    let found = objects::get(&mut tx, Kind::Subscription, &id).await?;
    let Some(mut subscription) = found.filter(|found| found.text("customer_id") == customer.id) else {
        return Err(refuse(404, "there is no such subscription"));
    };
    // Pressed twice, it is as it is asked to be.
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

/// `POST …/portal/card`.
pub(super) async fn change_card(
    State(world): State<World>,
    Query(token): Query<Token>,
    Form(Card { card }): Form<Card>,
) -> Answer {
    if card != cards::WORKS && card != cards::FAILS {
        return Err(refuse(400, "a card is 4242 or 0341"));
    }
    let mut tx = world.db.begin().await?;
    let Some((_, mut customer)) = token.opens(&mut tx).await? else { return Ok(no_session()) };
    cards::change(&mut tx, &mut customer, &card).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(Redirect::to(&token.on("")).into_response())
}

//! The billing portal: subscriptions, invoices and the payment method of one customer.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use sqlx::SqliteConnection;

use super::{
    card_change, cards,
    lifecycle::{self, SubscriptionAction},
    objects::{self, Kind, Object},
    pages::{assistant_reference, money, product_name, table},
};
use crate::{
    World,
    clock::{format_date, format_date_time, now_ms, parse_rfc3339},
    page::{button, page},
    web::{HandlerResult, error_response},
};

/// The portal shows at most this many subscriptions and orders, the newest first.
const SHOWN_MAX: i64 = 100;

#[derive(Deserialize)]
pub(super) struct SessionToken {
    #[serde(default)]
    customer_session_token: String,
}

impl SessionToken {
    /// Finds the session and its customer, unless the session has expired.
    async fn find_session(&self, conn: &mut SqliteConnection) -> sqlx::Result<Option<(Object, Object)>> {
        let token = &self.customer_session_token;
        let found = objects::find_by_secret(conn, Kind::CustomerSession, token).await?;
        let is_live =
            |session: &Object| parse_rfc3339(session.text("expires_at")).is_some_and(|at| at > now_ms());
        let Some(session) = found.filter(is_live) else { return Ok(None) };
        let customer = objects::find(conn, Kind::Customer, session.text("customer_id")).await?;
        Ok(customer.map(|customer| (session, customer)))
    }

    /// Returns the URL of a portal page, which carries the token.
    fn portal_url(&self, path: &str) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("customer_session_token", &self.customer_session_token)
            .finish();
        format!("/sandbox/polar/portal{path}?{query}")
    }
}

fn session_expired() -> Response {
    page(
        401,
        "Billing portal",
        &html! {
            p.error { "This link has expired. Go back to Reef and open the billing portal again." }
        },
    )
}

/// `GET …/portal?customer_session_token=…`: the overview.
pub(super) async fn overview(State(world): State<World>, Query(token): Query<SessionToken>) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let Some((session, customer)) = token.find_session(&mut conn).await? else {
        return Ok(session_expired());
    };
    let subscriptions =
        objects::list_by_customer(&mut conn, Kind::Subscription, &customer.id, SHOWN_MAX).await?;
    let orders = objects::list_by_customer(&mut conn, Kind::Order, &customer.id, SHOWN_MAX).await?;
    let last4 = cards::last4(&mut conn, &customer).await?;
    Ok(page(
        200,
        "Billing portal",
        &html! {
            p { "Signed in to Polar as " strong { (customer.text("email")) } ". "
                @if let Some(back) = session.doc["return_url"].as_str() { a href=(back) { "Back to Reef" } } }
            h2 { "Subscriptions" }
            (table(&["Product", "Assistant", "Started", "Price", "Status", "Actions"], &subscriptions, |found| subscription_row(&token, found)))
            h2 { "Invoices" }
            (table(&["Date", "Product", "Assistant", "Amount", "Status", "Invoice"], &orders, |order| html! {
                td { (format_day(order, "created_at")) }
                td { (product_name(order)) }
                td { (assistant_reference(order)) }
                td { (money(order.doc["total_amount"].as_i64().unwrap_or_default())) }
                td { (status_text(order.text("status"))) }
                td { a href=(token.portal_url(&format!("/orders/{}", order.id))) { "Invoice " (order.text("invoice_number")) } }
            }))
            h2 { "Payment method" }
            p { "Visa ending in " (last4) "." }
            form method="post" action=(token.portal_url("/card")) {
                fieldset {
                    legend { "Change card" }
                    (card_choice(cards::VALID_LAST4, "4242 4242 4242 4242 (payments succeed)", last4 == cards::VALID_LAST4))
                    (card_choice(cards::DECLINED_LAST4, "4000 0000 0000 0341 (payments are declined)", last4 == cards::DECLINED_LAST4))
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
fn format_day(object: &Object, field: &str) -> String {
    parse_rfc3339(object.text(field)).map(format_date).unwrap_or_default()
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

fn subscription_row(token: &SessionToken, subscription: &Object) -> Markup {
    let has_ended = !subscription.doc["ended_at"].is_null();
    let ends = subscription.doc["cancel_at_period_end"] == true;
    let pauses = subscription.doc["pause_at_period_end"] == true;
    let status = subscription.text("status");
    let until = format_day(subscription, "current_period_end");
    let started = parse_rfc3339(subscription.text("started_at")).map(format_date_time).unwrap_or_default();
    let act = |name: &str, label: &str| {
        button(&token.portal_url(&format!("/subscriptions/{}/{name}", subscription.id)), label, false)
    };
    html! {
        td { (product_name(subscription)) }
        td { (assistant_reference(subscription)) }
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
    Query(token): Query<SessionToken>,
) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let Some((_, customer)) = token.find_session(&mut conn).await? else { return Ok(session_expired()) };
    let order = objects::find(&mut conn, Kind::Order, &id).await?;
    let Some(order) = order.filter(|order| order.text("customer_id") == customer.id) else {
        return Err(error_response(404, "Order not found."));
    };
    let amount = money(order.doc["total_amount"].as_i64().unwrap_or_default());
    Ok(page(
        200,
        &format!("Invoice {}", order.text("invoice_number")),
        &html! {
            p { "Billed to " (customer.text("email")) " on " (format_day(&order, "created_at")) "." }
            p { (product_name(&order)) ", one month: " strong { (amount) } ". " (status_text(order.text("status"))) "." }
            p { "Assistant: " (assistant_reference(&order)) }
            p { a href=(token.portal_url("")) { "Back to the billing portal" } }
        },
    ))
}

/// `POST …/portal/subscriptions/{id}/{cancel|uncancel|pause|unpause|resume}`.
pub(super) async fn update_subscription(
    State(world): State<World>,
    Path((id, name)): Path<(String, String)>,
    Query(token): Query<SessionToken>,
) -> HandlerResult {
    let action = match name.as_str() {
        "cancel" => SubscriptionAction::Cancel,
        "uncancel" => SubscriptionAction::Uncancel,
        "pause" => SubscriptionAction::SchedulePause,
        "unpause" => SubscriptionAction::UnschedulePause,
        "resume" => SubscriptionAction::Resume,
        _ => {
            return Err(error_response(
                404,
                "Unknown action. Use cancel, uncancel, pause, unpause or resume.",
            ));
        }
    };
    let mut tx = world.db.begin().await?;
    let Some((_, customer)) = token.find_session(&mut tx).await? else { return Ok(session_expired()) };
    let found = objects::find(&mut tx, Kind::Subscription, &id).await?;
    let Some(mut subscription) = found.filter(|found| found.text("customer_id") == customer.id) else {
        return Err(error_response(404, "Subscription not found."));
    };
    // A second press of a button succeeds without a change.
    let is = |flag: &str| subscription.doc[flag] == true;
    let is_done = match action {
        SubscriptionAction::SchedulePause => is("pause_at_period_end"),
        SubscriptionAction::UnschedulePause => !is("pause_at_period_end"),
        SubscriptionAction::Resume => subscription.text("status") != "paused",
        _ => is("cancel_at_period_end") == (action == SubscriptionAction::Cancel),
    };
    if !is_done {
        lifecycle::apply(&mut tx, &mut subscription, action).await?;
    }
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(Redirect::to(&token.portal_url("")).into_response())
}

#[derive(Deserialize)]
pub(super) struct CardForm {
    card: String,
}

/// `POST …/portal/card`: changes the payment method.
pub(super) async fn change_card(
    State(world): State<World>,
    Query(token): Query<SessionToken>,
    Form(CardForm { card }): Form<CardForm>,
) -> HandlerResult {
    if card != cards::VALID_LAST4 && card != cards::DECLINED_LAST4 {
        return Err(error_response(400, "card must be 4242 or 0341."));
    }
    let mut tx = world.db.begin().await?;
    let Some((_, mut customer)) = token.find_session(&mut tx).await? else { return Ok(session_expired()) };
    card_change::replace_card(&mut tx, &mut customer, &card).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(Redirect::to(&token.portal_url("")).into_response())
}

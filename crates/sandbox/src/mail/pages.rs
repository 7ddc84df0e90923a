//! The mailbox as pages for people and as JSON for tests.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect},
    routing::get,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{MAILS_MAX, Mail};
use crate::{
    World,
    clock::rfc3339,
    page::page,
    web::{HandlerResult, error_response},
};

const SHOWN_MAX: i64 = 200;

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/sandbox/mail", get(|| async { Redirect::to("/sandbox/mail/") }))
        .route("/sandbox/mail/", get(list))
        .route("/sandbox/mail/messages", get(messages))
        .route("/sandbox/mail/{id}", get(show))
}

/// `GET /sandbox/mail/`: the newest messages first.
async fn list(State(world): State<World>) -> HandlerResult {
    let mails: Vec<Mail> = sqlx::query_as("select * from mails order by seq desc limit $1")
        .bind(SHOWN_MAX)
        .fetch_all(&world.db)
        .await?;
    let content = html! {
        p { "Email sent by Reef, to any address. Nothing leaves this machine." }
        @if mails.is_empty() {
            p { "No email yet. Sign up, and the confirmation email appears here." }
        } @else {
            table {
                thead { tr { th { "To" } th { "Subject" } th { "Arrived" } } }
                tbody {
                    @for mail in &mails {
                        tr {
                            td { (mail.recipient) }
                            td { a href={ "/sandbox/mail/" (mail.seq) } { (mail.subject) } }
                            td { (rfc3339(mail.at)) }
                        }
                    }
                }
            }
        }
    };
    Ok(page(200, "Email", &content))
}

/// `GET /sandbox/mail/{id}`: one message.
async fn show(State(world): State<World>, Path(id): Path<i64>) -> HandlerResult {
    let mail: Option<Mail> =
        sqlx::query_as("select * from mails where seq = $1").bind(id).fetch_optional(&world.db).await?;
    let mail = mail.ok_or_else(|| error_response(404, "This email does not exist or was pruned."))?;
    let content = html! {
        p { "From " (mail.sender) " to " strong { (mail.recipient) } ", " (rfc3339(mail.at)) }
        pre.mail tabindex="0" { (with_links(&mail.text)) }
        p { a href="/sandbox/mail/" { "All email" } }
    };
    Ok(page(200, &mail.subject, &content))
}

/// Renders the text with its URLs as links.
fn with_links(text: &str) -> Markup {
    html! {
        @for piece in text.split_inclusive(char::is_whitespace) {
            @let link = piece.trim_end().trim_end_matches(['.', ',']);
            @if link.starts_with("http://") || link.starts_with("https://") {
                a href=(link) { (link) } (piece[link.len()..])
            } @else {
                (piece)
            }
        }
    }
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

/// `GET /sandbox/mail/messages?to=`: oldest first. Without `to` it lists the messages to all addresses.
async fn messages(State(world): State<World>, Query(filter): Query<Filter>) -> HandlerResult {
    let to = filter.to.filter(|to| !to.trim().is_empty());
    let mails: Vec<Mail> =
        sqlx::query_as("select * from mails where $1 is null or recipient = $1 order by seq limit $2")
            .bind(to)
            .bind(MAILS_MAX)
            .fetch_all(&world.db)
            .await?;
    let data: Vec<Value> = mails
        .iter()
        .map(|mail| {
            json!({"from": mail.sender, "to": mail.recipient, "subject": mail.subject, "text": mail.text,
                "at": rfc3339(mail.at)})
        })
        .collect();
    Ok(Json(json!({"data": data})).into_response())
}

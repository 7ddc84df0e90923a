//! An SMTP server and one mailbox for every address: each message is stored and shown on a page.

mod pages;
mod smtp;

use mail_parser::MessageParser;
use sqlx::FromRow;

pub(crate) use pages::routes;
pub(crate) use smtp::serve;

use crate::{World, clock::now_ms};

const MAILS_MAX: i64 = 1_000;

#[derive(FromRow)]
struct Mail {
    seq: i64,
    sender: String,
    recipient: String,
    subject: String,
    text: String,
    at: i64,
}

/// The SMTP envelope: sender and recipients, which arrive before the message.
#[derive(Default)]
struct Envelope {
    sender: Option<String>,
    /// Whether the message may hold bytes that are not ASCII.
    is_8bit: bool,
    recipients: Vec<String>,
}

/// Returns the subject and the text of a message, or what is wrong with it.
fn parse_message(message: &[u8], is_8bit: bool) -> Result<(String, String), &'static str> {
    if !is_8bit && !message.is_ascii() {
        return Err("message is not ASCII and was sent without BODY=8BITMIME");
    }
    let parsed = MessageParser::default().parse(message).ok_or("message could not be parsed")?;
    let has_all_headers = parsed.from().is_some()
        && parsed.to().is_some()
        && parsed.date().is_some()
        && parsed.message_id().is_some();
    if !has_all_headers {
        return Err("From, To, Date or Message-ID is missing");
    }
    let subject = parsed.subject().ok_or("Subject is missing")?.to_owned();
    let text = parsed.body_text(0).ok_or("text part is missing")?.replace("\r\n", "\n");
    Ok((subject, text))
}

/// Stores a message once for each recipient.
async fn insert(world: &World, envelope: &Envelope, subject: &str, text: &str) -> sqlx::Result<()> {
    let mut tx = world.db.begin().await?;
    for recipient in &envelope.recipients {
        sqlx::query("insert into mails (sender, recipient, subject, text, at) values ($1, $2, $3, $4, $5)")
            .bind(envelope.sender.as_deref().unwrap_or_default())
            .bind(recipient)
            .bind(subject)
            .bind(text)
            .bind(now_ms())
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query("delete from mails where seq <= (select max(seq) from mails) - $1")
        .bind(MAILS_MAX)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

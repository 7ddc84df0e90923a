//! A mail server and the mailbox behind it: whatever is sent to anybody is kept and shown.

mod pages;
mod smtp;

use mail_parser::MessageParser;
use sqlx::FromRow;

pub(crate) use pages::routes;
pub(crate) use smtp::serve;

use crate::{World, clock::now_ms};

/// Mails that are kept.
const KEPT_MAX: i64 = 1_000;

/// One mail to one recipient.
#[derive(FromRow)]
struct Mail {
    seq: i64,
    sender: String,
    recipient: String,
    subject: String,
    text: String,
    at: i64,
}

/// What the mail server was told before the message.
#[derive(Default)]
struct Envelope {
    sender: Option<String>,
    /// Whether the message may hold bytes that are not ASCII.
    is_8bit: bool,
    recipients: Vec<String>,
}

/// What is read of a message; or what is wrong with it, in a few words.
fn read(message: &[u8], is_8bit: bool) -> Result<(String, String), &'static str> {
    if !is_8bit && !message.is_ascii() {
        return Err("not ASCII, and BODY=8BITMIME was not said");
    }
    let parsed = MessageParser::default().parse(message).ok_or("no message")?;
    let is_whole = parsed.from().is_some()
        && parsed.to().is_some()
        && parsed.date().is_some()
        && parsed.message_id().is_some();
    if !is_whole {
        return Err("From, To, Date and Message-ID have to be there");
    }
    let subject = parsed.subject().ok_or("there is no Subject")?.to_owned();
    let text = parsed.body_text(0).ok_or("there is no text")?.replace("\r\n", "\n");
    Ok((subject, text))
}

/// Keeps a message for each of its recipients.
async fn keep(world: &World, envelope: &Envelope, subject: &str, text: &str) -> sqlx::Result<()> {
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
        .bind(KEPT_MAX)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

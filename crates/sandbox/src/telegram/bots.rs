//! Bots: their tokens, their stored state and their profiles.

use serde_json::{Value, json};
use sqlx::{FromRow, SqliteConnection};

use super::error;
use crate::{clock::now_ms, web::HandlerResult};

/// The stored state of a bot.
#[derive(FromRow)]
pub(super) struct Bot {
    pub id: i64,
    pub webhook_url: Option<String>,
    pub secret_token: Option<String>,
    #[sqlx(json)]
    pub allowed_updates: Value,
    pub max_connections: i64,
    pub last_error_at: Option<i64>,
    pub last_error: Option<String>,
    #[sqlx(json)]
    pub commands: Value,
}

/// A failure that the secret part of a token selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenFailure {
    None,
    /// Every call fails with 401.
    Revoked,
    /// `setWebhook` fails with 409.
    Conflict,
    /// `setWebhook` never responds.
    Stuck,
    /// `deleteWebhook` fails with 500.
    Stubborn,
}

/// Parses `123456:secret` into the bot's id and its failure mode. Malformed tokens get Telegram's errors.
pub(super) fn parse_token(token: &str) -> HandlerResult<(i64, TokenFailure)> {
    let Some((digits, secret)) = token.split_once(':') else { return Err(error(404, "Not Found")) };
    let well_formed = (6..=16).contains(&digits.len())
        && digits.bytes().all(|c| c.is_ascii_digit())
        && !digits.starts_with('0')
        && (20..=80).contains(&secret.len())
        && secret.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
    let id = digits.parse::<i64>().ok().filter(|id| *id < 1 << 54);
    let (true, Some(id)) = (well_formed, id) else {
        return Err(error(401, "Unauthorized: invalid token specified"));
    };
    let failures = [
        ("revoked", TokenFailure::Revoked),
        ("conflict", TokenFailure::Conflict),
        ("stuck", TokenFailure::Stuck),
        ("stubborn", TokenFailure::Stubborn),
    ];
    Ok((
        id,
        failures
            .iter()
            .find(|(prefix, _)| secret.starts_with(prefix))
            .map_or(TokenFailure::None, |(_, magic)| *magic),
    ))
}

/// Returns the bot with this id, which is created on first use.
pub(super) async fn get_or_create(conn: &mut SqliteConnection, id: i64) -> sqlx::Result<Bot> {
    if let Some(bot) = find(conn, id).await? {
        return Ok(bot);
    }
    // Telegram numbers the updates of a bot from a random start.
    sqlx::query("insert into telegram_bots (id, next_update) values ($1, $2) on conflict (id) do nothing")
        .bind(id)
        .bind(100_000_000 + now_ms() % 100_000_000)
        .execute(&mut *conn)
        .await?;
    find(conn, id).await?.ok_or(sqlx::Error::RowNotFound)
}

pub(super) async fn find(conn: &mut SqliteConnection, id: i64) -> sqlx::Result<Option<Bot>> {
    sqlx::query_as(
        "select id, webhook_url, secret_token, allowed_updates, max_connections, last_error_at, last_error, commands
         from telegram_bots where id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// The names and profile pictures of bots.
const PROFILES: [(&str, &[u8]); 8] = [
    ("Coral", include_bytes!("pictures/coral.png")),
    ("Pearl", include_bytes!("pictures/pearl.png")),
    ("Kelp", include_bytes!("pictures/kelp.png")),
    ("Urchin", include_bytes!("pictures/urchin.png")),
    ("Marlin", include_bytes!("pictures/marlin.png")),
    ("Anemone", include_bytes!("pictures/anemone.png")),
    ("Nautilus", include_bytes!("pictures/nautilus.png")),
    ("Wrasse", include_bytes!("pictures/wrasse.png")),
];

impl Bot {
    /// The profile depends on the id only, so that it never changes.
    fn profile(&self) -> (&'static str, &'static [u8]) {
        PROFILES[usize::try_from(self.id).unwrap_or(0) % PROFILES.len()]
    }

    pub fn first_name(&self) -> String {
        format!("{} {}", self.profile().0, self.id % 1000)
    }

    /// Returns the profile picture, a square PNG.
    pub fn picture(&self) -> &'static [u8] {
        self.profile().1
    }

    /// Telegram requires usernames of bots to end in `bot`.
    pub fn username(&self) -> String {
        format!("reef_{}_bot", self.id)
    }

    /// Renders the `User` object of `getMe`.
    pub fn full_user(&self) -> Value {
        json!({
            "id": self.id, "is_bot": true, "first_name": self.first_name(), "username": self.username(),
            "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
            "can_connect_to_business": false, "has_main_web_app": false,
        })
    }

    /// Renders the shorter `User` object of a message.
    pub fn user(&self) -> Value {
        json!({"id": self.id, "is_bot": true, "first_name": self.first_name(), "username": self.username()})
    }
}

/// Reserves the next message id of a bot.
pub(super) async fn reserve_message_id(conn: &mut SqliteConnection, bot_id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "update telegram_bots set next_message = next_message + 1 where id = $1 returning next_message - 1",
    )
    .bind(bot_id)
    .fetch_one(conn)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_tokens_are_rejected() {
        let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let parse = |token: &str| parse_token(token).map_err(|refusal| refusal.status);
        assert_eq!(parse(&format!("123456:ok{secret}")), Ok((123_456, TokenFailure::None)));
        assert_eq!(parse(&format!("123456:stuck{secret}")), Ok((123_456, TokenFailure::Stuck)));
        assert_eq!(parse(&format!("123456{secret}")), Err(404));
        for bad in [
            format!("023456:{secret}"),
            format!("12:{secret}"),
            "123456:short".into(),
            format!("123456:{secret}!"),
        ] {
            assert_eq!(parse(&bad), Err(401), "{bad}");
        }
    }
}

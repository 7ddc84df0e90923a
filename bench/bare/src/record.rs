//! The JSON of the two endpoints.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use sqlx::FromRow;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The envelope of all responses.
#[derive(Serialize)]
pub struct Data<T> {
    pub data: T,
}

/// The status of an assistant.
#[derive(FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    id: Uuid,
    status: String,
    status_message: Option<String>,
    worker_url: Option<String>,
}

/// An assistant with all fields of v1. `T` is how the database stores times.
#[derive(FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<T> {
    id: Uuid,
    user_id: Uuid,
    #[sqlx(skip)]
    organization_id: Option<Uuid>,
    name: String,
    model_provider: Option<String>,
    model_id: Option<String>,
    channel_type: String,
    api_mode: String,
    worker_name: Option<String>,
    worker_url: Option<String>,
    status: String,
    status_message: Option<String>,
    payment_status: String,
    polar_subscription_id: Option<String>,
    current_period_end: Option<T>,
    canceled_at: Option<T>,
    is_prebuy: bool,
    user_callback_url: Option<String>,
    created_at: T,
    updated_at: T,
}

/// A time in PostgreSQL.
#[derive(sqlx::Type)]
#[sqlx(transparent)]
pub struct Timestamptz(OffsetDateTime);

/// A time in SQLite: milliseconds since 1970.
#[derive(sqlx::Type)]
#[sqlx(transparent)]
pub struct UnixMs(i64);

impl Serialize for Timestamptz {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.format(FORMAT).map_err(S::Error::custom)?)
    }
}

impl Serialize for UnixMs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Timestamptz(OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(self.0)).serialize(serializer)
    }
}

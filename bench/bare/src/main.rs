//! The bare limit: two endpoints of Reef with axum and sqlx, one select for each request and nothing else. There is no
//! authentication, no rate limit, no log and no `ETag`, and the pools have sqlx's defaults.
//!
//! It is a member of the workspace, so that it has the versions and the profile of Reef's binary, and the lints compile it.
//!
//! `reef-bench-bare ADDRESS DATABASE_URL` serves the tables of Reef until it is killed. The caller is named by the header
//! `X-User-Id`, as behind a gateway that has authenticated the request.

mod postgres;
mod queries;
mod record;
mod sqlite;

use std::env;

use anyhow::{Context as _, Result};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use record::Data;
use serde::Deserialize;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The query of a list.
#[derive(Deserialize)]
struct Page {
    #[serde(default = "default_limit")]
    limit: i64,
}

const fn default_limit() -> i64 {
    100
}

/// A response, or the status of an error.
type Answer<T> = Result<Json<Data<T>>, StatusCode>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let address = args.next().context("the first argument is the address to listen on")?;
    let url = args.next().context("the second argument is the URL of the database")?;
    let router =
        if url.starts_with("sqlite:") { sqlite::router(&url).await? } else { postgres::router(&url).await? };
    let listener = TcpListener::bind(&address).await.with_context(|| format!("{address} is not free"))?;
    axum::serve(listener, router).await.context("the server stopped")
}

fn user_of(headers: &HeaderMap) -> Result<Uuid, StatusCode> {
    let id = headers.get("x-user-id").and_then(|id| id.to_str().ok());
    id.and_then(|id| id.parse().ok()).ok_or(StatusCode::UNAUTHORIZED)
}

#[expect(clippy::print_stderr, reason = "the program has no other log")]
#[expect(clippy::needless_pass_by_value, reason = "map_err passes a value")]
fn internal_error(error: sqlx::Error) -> StatusCode {
    eprintln!("the database failed: {error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

//! The endpoints on SQLite.

use anyhow::{Context as _, Result};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::queries::{LIST, STATUS};
use crate::record::{Data, Record, Status, UnixMs};
use crate::{Answer, Page, internal_error, user_of};

pub async fn router(url: &str) -> Result<Router> {
    let pool = SqlitePool::connect(url).await.context("the database could not be opened")?;
    let router = Router::new()
        .route("/api/v1/assistants/{id}/status", get(status))
        .route("/api/v1/assistants", get(list));
    Ok(router.with_state(pool))
}

async fn status(State(pool): State<SqlitePool>, Path(id): Path<Uuid>, headers: HeaderMap) -> Answer<Status> {
    let found = sqlx::query_as(STATUS).bind(id).bind(user_of(&headers)?).fetch_optional(&pool);
    let data = found.await.map_err(internal_error)?.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(Data { data }))
}

async fn list(
    State(pool): State<SqlitePool>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Answer<Vec<Record<UnixMs>>> {
    let rows = sqlx::query_as(LIST).bind(user_of(&headers)?).bind(page.limit).fetch_all(&pool);
    Ok(Json(Data { data: rows.await.map_err(internal_error)? }))
}

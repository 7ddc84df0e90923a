//! Whose key a request to OpenRouter has, and what it may do.

use axum::http::HeaderMap;

use super::error;
use super::key_records::{self, Key};
use crate::models::key_kind::KeyKind;
use crate::{
    World,
    clock::now_ms,
    web::{HandlerResult, bearer_token},
};

/// The key of a request. A key that was not created here is valid as well.
pub(super) enum Caller {
    /// The key was created with `POST /keys`.
    Created(Box<Key>),
    /// The key was not created here.
    External(KeyKind),
    /// The key may only call `/keys` and `/credits`.
    Management,
}

pub(super) async fn get_caller(world: &World, headers: &HeaderMap) -> HandlerResult<Caller> {
    let Some(secret) = bearer_token(headers) else { return Err(error(401, "No auth credentials found")) };
    if KeyKind::of(secret) == KeyKind::Rejected {
        return Err(error(401, "User not found."));
    }
    if secret.contains("management") || secret.contains("mgmt") || secret.contains("provisioning") {
        return Ok(Caller::Management);
    }
    match key_records::find_by_secret(world, secret).await? {
        None => Ok(Caller::External(KeyKind::of(secret))),
        Some(key) if key.is_live(now_ms()) => Ok(Caller::Created(Box::new(key))),
        Some(_) => Err(error(401, "User not found.")),
    }
}

/// Requires a key that may manage others, which is any key that was not created with `POST /keys`.
pub(super) async fn authorize_management(world: &World, headers: &HeaderMap) -> HandlerResult<()> {
    match get_caller(world, headers).await? {
        Caller::Management | Caller::External(_) => Ok(()),
        Caller::Created(_) => Err(error(403, "Only management keys can perform this operation")),
    }
}

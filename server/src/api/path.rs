//! Ids in a path.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// One id, or several. What is not even UTF-8 is nobody's id: it comes as an empty one, so that the use case answers it
/// like any other that does not exist, in its turn.
#[derive(Debug)]
pub struct Ids<T>(pub T);

impl<T: Default + DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let ids = Path::<T>::from_request_parts(parts, state).await;
        Ok(Self(ids.map(|Path(ids)| ids).unwrap_or_default()))
    }
}

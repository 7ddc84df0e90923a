//! An extractor for the ids in a path.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// One or several ids from the path. An id that is not UTF-8 becomes an empty string, so that the use case answers
/// `NOT_FOUND` at its place among the checks, as for any other unknown id.
#[derive(Debug)]
pub struct PathIds<T>(pub T);

impl<T: Default + DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathIds<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let ids = Path::<T>::from_request_parts(parts, state).await;
        Ok(Self(ids.map(|Path(ids)| ids).unwrap_or_default()))
    }
}

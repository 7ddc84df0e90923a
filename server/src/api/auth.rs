//! Who calls: the header `X-API-Key` alone. A session cookie opens nothing here.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use reef_service::{Caller, Error, Services};
use secrecy::SecretString;

use super::ApiError;

/// Where the key is.
pub const KEY_HEADER: &str = "x-api-key";

/// A caller with a live API key. A handler that takes it answers nobody else.
#[derive(Clone, Copy, Debug)]
pub struct KeyHolder(pub Caller);

impl FromRequestParts<Services> for KeyHolder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let mut keys = parts.headers.get_all(KEY_HEADER).iter();
        // Two keys name two callers: neither is believed.
        let (Some(key), None) = (keys.next(), keys.next()) else { return Err(Error::Unauthorized.into()) };
        let key = key.to_str().map_err(|_| Error::Unauthorized)?.trim();
        let caller = services.authenticate(&SecretString::from(key)).await?;
        tracing::Span::current().record("user_id", tracing::field::display(caller.user_id));
        Ok(Self(caller))
    }
}

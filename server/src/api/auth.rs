//! Authentication of API requests by the header `X-API-Key`. A session cookie is never accepted here.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use reef_service::caller::Via;
use reef_service::{Caller, ClientAddress, Error, Services};
use secrecy::SecretString;

use super::ApiError;
use super::limit::QuotaSlot;
use crate::http::request::Asker;

pub(super) const KEY_HEADER: &str = "x-api-key";

/// The caller of a request with a valid API key. A handler that extracts it answers 401 to everyone else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHolder(pub Caller);

impl FromRequestParts<Services> for KeyHolder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(*known);
        }
        let mut keys = parts.headers.get_all(KEY_HEADER).iter();
        // Two keys could name two different callers, so a request with both is rejected.
        let (Some(key), None) = (keys.next(), keys.next()) else { return Err(Error::Unauthorized.into()) };
        let key = key.to_str().unwrap_or("?").trim();
        if key.is_empty() {
            return Err(Error::Unauthorized.into());
        }
        let from = parts.extensions.get().copied().unwrap_or(ClientAddress::UNKNOWN);
        let caller = services.authenticate_from(&SecretString::from(key), from).await?;
        if let Some(asker) = parts.extensions.get::<Asker>() {
            asker.is(caller);
        }
        count(parts, &caller, services).await?;
        parts.extensions.insert(Self(caller));
        Ok(Self(caller))
    }
}

/// Counts the request against its key and against the account, so that more keys do not mean a higher limit. The response
/// headers describe the limit that is closer to being reached.
async fn count(parts: &Parts, caller: &Caller, services: &Services) -> Result<(), Error> {
    let Via::Key { id, .. } = caller.via else { return Ok(()) };
    let mut quota = services.count_request(id).await?;
    let mut message = "Too many requests with this API key. Wait and try again.";
    if !quota.is_over {
        let of_account = services.count_account_request(caller.user_id).await?;
        if of_account.is_over || of_account.remaining < quota.remaining {
            quota = of_account;
            message = "Too many requests with the API keys of this account. Wait and try again.";
        }
    }
    if let Some(slot) = parts.extensions.get::<QuotaSlot>() {
        slot.0.get_or_init(|| quota);
    }
    if quota.is_over {
        return Err(Error::RateLimited { message, retry_after_seconds: quota.resets_in });
    }
    Ok(())
}

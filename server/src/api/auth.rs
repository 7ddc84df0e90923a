//! Authentication of API requests by the header `X-API-Key`. A session cookie is never accepted here.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use reef_app::RequestPrincipal;
use reef_domain::wire::Scope;
use reef_service::caller::Credential;
use reef_service::{Caller, ClientAddress, Error, Services};
use secrecy::SecretString;

use super::rate_limit::QuotaSlot;
use crate::api_error::ApiError;

pub(super) const KEY_HEADER: &str = "x-api-key";

/// The caller of a request with a valid API key. A handler that extracts it answers 401 to everyone else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ApiKeyAuth(pub Caller);

impl FromRequestParts<Services> for ApiKeyAuth {
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
        let client_address = parts.extensions.get().copied().unwrap_or(ClientAddress::UNKNOWN);
        let needed = if parts.method.is_safe() { Scope::Read } else { Scope::Write };
        let caller = services.authenticate_from(&SecretString::from(key), needed, client_address).await?;
        if let Some(principal) = parts.extensions.get::<RequestPrincipal>() {
            principal.set(caller);
        }
        enforce_rate_limits(parts, &caller, services).await?;
        parts.extensions.insert(Self(caller));
        Ok(Self(caller))
    }
}

/// Counts the request against its key and against the account, so that more keys do not mean a higher limit. The response
/// headers describe the limit that is closer to being reached.
async fn enforce_rate_limits(parts: &Parts, caller: &Caller, services: &Services) -> Result<(), Error> {
    let Credential::ApiKey { id, .. } = caller.credential else { return Ok(()) };
    let mut quota = services.count_request(id).await?;
    let mut message = "Too many requests with this API key. Wait and try again.";
    if !quota.is_exceeded {
        let account_quota = services.count_account_request(caller.user_id).await?;
        if account_quota.is_exceeded || account_quota.remaining < quota.remaining {
            quota = account_quota;
            message = "Too many requests with the API keys of this account. Wait and try again.";
        }
    }
    if let Some(slot) = parts.extensions.get::<QuotaSlot>() {
        slot.0.get_or_init(|| quota);
    }
    if quota.is_exceeded {
        return Err(Error::RateLimited { message, retry_after_seconds: quota.resets_in_seconds });
    }
    Ok(())
}

//! Extractors for request bodies. A body is a JSON object of at most 64 KiB without duplicate keys.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use reef_domain::input::Parsed;
use reef_domain::{ErrorChain, Issue, json};
use serde_json::{Map, Value};

use crate::api_error::ApiError;

/// The longest request body that is read, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// An invalid header that is reported together with the body, because ownership is checked before the form of a request.
#[derive(Clone, Debug)]
pub(super) struct InvalidHeader(pub Issue);

/// A request body as it was read. Its issues are reported only after the use case has checked that the caller owns the
/// assistant, so that other callers learn nothing from them.
pub(crate) struct JsonBody(Parsed<Map<String, Value>>);

impl JsonBody {
    /// Passes the object on to `parse`.
    pub fn parse<T>(self, parse: impl FnOnce(Map<String, Value>) -> Parsed<T>) -> Parsed<T> {
        self.0.and_then(parse)
    }
}

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let bytes = read_body(body).await?;
        if let Some(InvalidHeader(issue)) = parts.extensions.remove() {
            return Ok(Self(Err(vec![issue])));
        }
        Ok(Self(parse_object(&parts.headers, &bytes)))
    }
}

pub(super) async fn read_body(body: Body) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::body_too_large(BODY_MAX)),
        Err(error) => {
            tracing::info!(error = %ErrorChain(&*error), "request body incomplete");
            Err(reef_service::Error::invalid_field(
                "",
                "incomplete",
                "The request body is incomplete. Send the request again.",
            )
            .into())
        }
    }
}

/// Parses an absent body as an empty object; the use case decides whether that is enough.
fn parse_object(headers: &HeaderMap, bytes: &[u8]) -> Parsed<Map<String, Value>> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if !is_json(headers) {
        let message = "Send the body as UTF-8 with the header Content-Type: application/json.";
        return Err(vec![Issue::new("", "invalid_content_type", message)]);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        let message = "Send the body uncompressed, without the header Content-Encoding.";
        return Err(vec![Issue::new("", "invalid_content_encoding", message)]);
    }
    json::parse_object(bytes).map_err(|issue| vec![issue])
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    // JSON has no charset parameter (RFC 8259, 11). `utf-8` is harmless; any other value contradicts the body.
    let is_utf8 = |charset: &str| charset.trim_matches('"').eq_ignore_ascii_case("utf-8");
    is_json
        && parts
            .filter_map(|part| part.split_once('='))
            .all(|(name, value)| !name.trim().eq_ignore_ascii_case("charset") || is_utf8(value.trim()))
}

/// The body of an endpoint that takes none: read within the limit, and accepted only if it is empty or `{}`.
pub(crate) struct EmptyBody(pub Parsed<()>);

impl<S: Sync> FromRequest<S> for EmptyBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = JsonBody::from_request(request, state).await?;
        Ok(Self(body.parse(reef_domain::input::parse_empty)))
    }
}

//! Bodies: bounded, JSON, one object, every key once.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use reef_domain::input::Parsed;
use reef_domain::{Chain, Issue, json};
use serde_json::{Map, Value};

use super::ApiError;

/// The longest body that is read, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// A header that is wrong, to be told when the body's turn is.
#[derive(Clone, Debug)]
pub(super) struct BadHeader(pub Issue);

/// A body as it was read. What is wrong with it is told later, to whom the assistant belongs.
pub struct JsonBody(Parsed<Map<String, Value>>);

impl JsonBody {
    /// The object, passed on to `parse`.
    pub fn parse<T>(self, parse: impl FnOnce(Map<String, Value>) -> Parsed<T>) -> Parsed<T> {
        self.0.and_then(parse)
    }
}

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let bytes = read(body).await?;
        if let Some(BadHeader(issue)) = parts.extensions.remove() {
            return Ok(Self(Err(vec![issue])));
        }
        Ok(Self(object(&parts.headers, &bytes)))
    }
}

/// Reads a body to its end, within the limit.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::body_too_large(BODY_MAX)),
        Err(error) => {
            tracing::info!(error = %Chain(&*error), "a body was cut off");
            Err(reef_service::Error::invalid_field(
                "",
                "incomplete",
                "The body could not be read to its end.",
            )
            .into())
        }
    }
}

/// An absent body is an empty object: whether that is enough, the use case says.
fn object(headers: &HeaderMap, bytes: &[u8]) -> Parsed<Map<String, Value>> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if !is_json(headers) {
        let message = "A body needs the header Content-Type: application/json, and UTF-8.";
        return Err(vec![Issue::new("", "invalid_content_type", message)]);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        let message = "A body is sent as it is, without Content-Encoding.";
        return Err(vec![Issue::new("", "invalid_content_encoding", message)]);
    }
    json::object(bytes).map_err(|issue| vec![issue])
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    // JSON has no charset (RFC 8259, 11); one that says what is so does no harm, another one would be a lie.
    let is_utf8 = |charset: &str| charset.trim_matches('"').eq_ignore_ascii_case("utf-8");
    is_json
        && parts
            .filter_map(|part| part.split_once('='))
            .all(|(name, value)| !name.trim().eq_ignore_ascii_case("charset") || is_utf8(value.trim()))
}

/// For endpoints without a body: one that is there is read to its end within the limit, and ignored only
/// when it is empty or `{}`.
pub struct NoBody(pub Parsed<()>);

impl<S: Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = JsonBody::from_request(request, state).await?;
        Ok(Self(body.parse(reef_domain::input::nothing)))
    }
}

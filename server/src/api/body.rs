//! Bodies: bounded, JSON, one object, every key once.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use reef_domain::input::Parsed;
use reef_domain::{Issue, json};
use serde_json::{Map, Value};

use super::ApiError;

/// The longest body that is read, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

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
        let (parts, body) = request.into_parts();
        let bytes = read(body).await?;
        Ok(Self(object(&parts.headers, &bytes)))
    }
}

/// Reads a body to its end, within the limit.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::body_too_large(BODY_MAX)),
        Err(error) => {
            tracing::info!(error = &*error as &dyn std::error::Error, "a body was cut off");
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
        let message = "A body needs the header Content-Type: application/json.";
        return Err(vec![Issue::new("", "invalid_content_type", message)]);
    }
    json::object(bytes).map_err(|issue| vec![issue])
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let kind = value.to_str().ok().and_then(|text| text.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
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

//! The responses of the endpoints that change something, rendered from what the request has done. A request that is repeated
//! with the same idempotency key is answered from its stored outcome, by the same code.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reef_service::Error;
use reef_service::idempotency::{Outcome, Purchased};

use super::messages_schema::MessageResponse;
use super::schema::{AssistantResponse, DeliveryResponse, PurchaseResponse, Success, SuccessResponse};
use super::settings_schema::{OwnerLinkResponse, PersonResponse, SettingsResponse};
use crate::api_error::{ApiError, render_rejection};

/// The response to a request that has changed something. It carries the outcome as an extension.
#[derive(Clone, Debug)]
pub struct Answer(pub Outcome);

impl<T: Into<Outcome>> From<T> for Answer {
    fn from(outcome: T) -> Self {
        Self(outcome.into())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.0.clone() {
            Outcome::Record(record) => Json(AssistantResponse { data: record.into() }).into_response(),
            Outcome::Purchased(purchased) => purchase_response(&purchased),
            Outcome::Deleted => Json(SuccessResponse { data: Success { success: true } }).into_response(),
            Outcome::Delivery(delivery) => {
                Json(DeliveryResponse { data: (*delivery).into() }).into_response()
            }
            Outcome::Settings(settings) => Json(SettingsResponse { data: *settings }).into_response(),
            Outcome::Person(person) => Json(PersonResponse { data: *person }).into_response(),
            Outcome::OwnerLink(link) => Json(OwnerLinkResponse { data: link.into() }).into_response(),
            Outcome::Message(message) => Json(MessageResponse { data: *message }).into_response(),
            Outcome::Rejected(rejection) => render_rejection(&rejection),
            // The keys of forms contain spaces, so no API client can have sent one.
            Outcome::Form => {
                ApiError::from(Error::internal("a form's outcome has no response")).into_response()
            }
        };
        response.extensions_mut().insert(self.0);
        response
    }
}

fn purchase_response(purchased: &Purchased) -> Response {
    (StatusCode::CREATED, Json(PurchaseResponse { data: purchased.into() })).into_response()
}

//! The responses that endpoints share in the OpenAPI document, one type for each group of endpoints. A handler names its group
//! first; what it lists after that replaces the group's response with the same status.

use std::collections::BTreeMap;

use reef_domain::usage::UsageGrouping;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

use super::schema::ErrorResponse;

type Responses = BTreeMap<String, RefOr<Response>>;

const API_DISABLED: &str = "`API_DISABLED`: the API is turned off.";
const UNKNOWN_ASSISTANT: &str = "`NOT_FOUND`: the deployment does not exist, belongs to another account, or is outside the key's access. `API_DISABLED`: the API is turned off.";
const UNKNOWN_CALLBACK: &str = "`NOT_FOUND`: the deployment or its callback does not exist, belongs to another account, or is outside the key's access. `API_DISABLED`: the API is turned off.";
const UNKNOWN_REVISION: &str = "`NOT_FOUND`: the deployment or this revision of its settings does not exist, belongs to another account, or is outside the key's access. `API_DISABLED`: the API is turned off.";
const UNKNOWN_PERSON: &str = "`NOT_FOUND`: the deployment does not exist, belongs to another account, or is outside the key's access, or it has no such person or fact. `API_DISABLED`: the API is turned off.";
const RESENT_TOO_OFTEN: &str = "`RATE_LIMITED`: too many requests with this key, or more than 30 redeliveries and test callbacks of the account within a minute.";

/// The path of every endpoint that is about one assistant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) struct AssistantPath {
    /// Deployment ID of the assistant, from the response to a purchase or from the list of assistants.
    #[param(rename = "deploymentId", format = Uuid)]
    id: String,
}

/// The parameters of every list that has pages.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) struct PageQuery {
    /// Maximum number of entries on a page. Without `limit` and `cursor`, the whole list is returned.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where the page starts: the cursor in the `Link` header of the previous page.
    cursor: Option<String>,
}

/// The parameters of a usage report.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) struct UsageParams {
    /// First day. Without it, the first day of the month of `to`.
    #[param(format = Date)]
    from: Option<String>,
    /// Last day. Without it, today.
    #[param(format = Date)]
    to: Option<String>,
    /// What the items are grouped by: `day` without it.
    by: Option<UsageGrouping>,
}

/// Any endpoint that reads and needs no scope.
pub(super) struct ReadResponses;
/// An endpoint that reads with the scope `read`.
pub(super) struct ScopedReadResponses;
/// An endpoint that reads something about one assistant.
pub(super) struct AssistantReadResponses;
/// An endpoint that changes something.
pub(super) struct WriteResponses;
/// An endpoint that changes one assistant.
pub(super) struct AssistantWriteResponses;
/// An endpoint that changes one assistant and takes no body.
pub(super) struct AssistantActionResponses;
/// An endpoint that sends a callback of an assistant.
pub(super) struct ResendResponses;
/// An endpoint that sends a callback which is in the delivery log.
pub(super) struct RedeliverResponses;

/// An endpoint that restores a revision of the settings.
pub(super) struct RevisionActionResponses;
/// An endpoint that changes a person of an assistant.
pub(super) struct PersonActionResponses;

impl IntoResponses for RevisionActionResponses {
    fn responses() -> Responses {
        with(AssistantActionResponses::responses(), [error(404, UNKNOWN_REVISION)])
    }
}

impl IntoResponses for PersonActionResponses {
    fn responses() -> Responses {
        with(AssistantActionResponses::responses(), [error(404, UNKNOWN_PERSON)])
    }
}

impl IntoResponses for ReadResponses {
    fn responses() -> Responses {
        with(errors_of_all(), [not_modified()])
    }
}

impl IntoResponses for ScopedReadResponses {
    fn responses() -> Responses {
        with(ReadResponses::responses(), [error(403, "`FORBIDDEN`: the key lacks the scope `read`.")])
    }
}

impl IntoResponses for AssistantReadResponses {
    fn responses() -> Responses {
        with(ScopedReadResponses::responses(), [error(404, UNKNOWN_ASSISTANT)])
    }
}

impl IntoResponses for WriteResponses {
    fn responses() -> Responses {
        let scope = error(403, "`FORBIDDEN`: the key lacks the scope `write`.");
        with(errors_of_all(), [scope, error(413, "`INVALID_REQUEST`: the body is larger than 64 KiB.")])
    }
}

impl IntoResponses for AssistantWriteResponses {
    fn responses() -> Responses {
        with(WriteResponses::responses(), [error(404, UNKNOWN_ASSISTANT)])
    }
}

impl IntoResponses for AssistantActionResponses {
    fn responses() -> Responses {
        let body = "`INVALID_REQUEST`: the request has a body that is neither empty nor `{}`.";
        with(AssistantWriteResponses::responses(), [error(400, body)])
    }
}

impl IntoResponses for ResendResponses {
    fn responses() -> Responses {
        with(AssistantActionResponses::responses(), [error(429, RESENT_TOO_OFTEN)])
    }
}

impl IntoResponses for RedeliverResponses {
    fn responses() -> Responses {
        with(ResendResponses::responses(), [error(404, UNKNOWN_CALLBACK)])
    }
}

fn errors_of_all() -> Responses {
    Responses::from([
        error(401, "`UNAUTHORIZED`: the header `X-API-Key` is missing, or its key is not valid."),
        error(404, API_DISABLED),
        error(429, "`RATE_LIMITED`: too many requests with this key."),
        error(500, "`INTERNAL_ERROR`: something went wrong on our side."),
    ])
}

/// The same responses with some added or replaced.
fn with<const N: usize>(mut responses: Responses, more: [(String, RefOr<Response>); N]) -> Responses {
    responses.extend(more);
    responses
}

fn error(status: u16, description: &str) -> (String, RefOr<Response>) {
    let schema = <ErrorResponse as utoipa::ToSchema>::name();
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    let response = ResponseBuilder::new().description(description).content("application/json", body);
    (status.to_string(), response.build().into())
}

fn not_modified() -> (String, RefOr<Response>) {
    let description = "Not modified: the response still matches `If-None-Match`.";
    ("304".to_owned(), ResponseBuilder::new().description(description).build().into())
}

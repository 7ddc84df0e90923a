//! What the derived schemas cannot express: patterns that agree with the rules of `reef_domain`, and strict objects.

use reef_app::status_of;
use reef_domain::error::ErrorCode;
use reef_domain::health::{HealthCode, Verdict};
use reef_domain::people::Role;
use reef_domain::settings::{AccessMode, AuthorKind, GroupMode};
use reef_domain::usage::UsageGrouping;
use reef_domain::wire::{ApiMode, ChannelType, DeliveryState, PaymentStatus, Provider, Scope, Status};
use serde_json::{Value, json};

/// A name has 1 to 100 characters after trimming and no control characters (`validation::name`). It may be surrounded by
/// characters with Unicode's property `White_Space`, which includes some control characters.
const NAME: &str = "^[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*\
    [^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]\
    (?:[^\\u0000-\\u001f\\u007f-\\u009f]{0,98}\
    [^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000])?\
    [\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*$";

/// A bot token has neither white space nor control characters (`validation::bot_token`).
const TOKEN: &str =
    "^[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+$";

/// A model id is not only white space (`validation::model_id`).
const MODEL_ID: &str = "[^\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

/// A message is not only white space and NUL (`messages::parse_message`).
const MESSAGE: &str =
    "[^\\u0000\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

/// A model key consists of visible ASCII characters (`validation::model_key`). Activation has no pattern for it because managed mode ignores the field.
const MODEL_KEY: &str = "^[!-~]+$";

/// An https URL with a host name of two or more labels, a valid port and no fragment (`callback_url::validate`).
const CALLBACK_URL: &str = "^[Hh][Tt][Tt][Pp][Ss]://\
    (?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.){1,6}[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\
    (?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?\
    (?:[/?][!\"$-\\[\\]-~]*)?$";

/// A cursor holds the milliseconds and the id of the last entry (`query::Cursor`).
const CURSOR: &str = "^[0-9]{1,14}_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// A cursor of a list that is ordered by a number (`query::parse_number_page`).
const NUMBER_CURSOR: &str = "^[0-9]{1,18}$";

/// A text of several lines (`settings_input`).
const LINES: &str = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]*$";

/// An allowance greater than 0, or an empty text (`settings_input`).
const ALLOWANCE: &str = "^(?:(?=.*[1-9])[0-9]{1,6}(?:\\.[0-9]{1,2})?)?$";

/// The name of a header that a server may get (`settings_input`).
const HEADER_NAME: &str = "^(?!(?:[Hh][Oo][Ss][Tt]|[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-(?:[Ll][Ee][Nn][Gg][Tt][Hh]|[Tt][Yy][Pp][Ee])|\
    [Cc][Oo][Nn][Nn][Ee][Cc][Tt][Ii][Oo][Nn]|[Tt][Rr][Aa][Nn][Ss][Ff][Ee][Rr]-[Ee][Nn][Cc][Oo][Dd][Ii][Nn][Gg]|\
    [Aa][Cc][Cc][Ee][Pp][Tt])$)[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

/// The value of such a header.
const HEADER_VALUE: &str = "^[!-~](?:[ -~]{0,4094}[!-~])?$";

const PATTERNS: [(&str, &str, &str); 15] = [
    ("ActivateRequest", "name", NAME),
    ("UpdateRequest", "name", NAME),
    ("ActivateRequest", "telegramBotToken", TOKEN),
    ("UpdateRequest", "telegramBotToken", TOKEN),
    ("ActivateRequest", "modelId", MODEL_ID),
    ("UpdateRequest", "modelId", MODEL_ID),
    ("UpdateRequest", "modelApiKey", MODEL_KEY),
    ("ActivateRequest", "callbackUrl", CALLBACK_URL),
    ("RedeployRequest", "callbackUrl", CALLBACK_URL),
    ("UpdateSettingsRequest", "instructions", LINES),
    ("UpdateSettingsRequest", "greeting", LINES),
    ("UpdateAllowance", "perDayUsd", ALLOWANCE),
    ("UpdateAllowance", "perMonthUsd", ALLOWANCE),
    ("UpdateMcpServer", "url", CALLBACK_URL),
    ("SendMessageRequest", "text", MESSAGE),
];

/// Completes the schemas of the components and the parameters.
pub(super) fn complete_schemas(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    for (schema, field, pattern) in PATTERNS {
        schemas[schema]["properties"][field]["pattern"] = json!(pattern);
    }
    // As the name of an assistant, with at most 64 characters.
    schemas["UpdateMcpServer"]["properties"]["name"]["pattern"] = json!(NAME.replace("{0,98}", "{0,62}"));
    let headers = &mut schemas["UpdateMcpServer"]["properties"]["headers"];
    headers["propertyNames"] = json!({"pattern": HEADER_NAME});
    headers["additionalProperties"]["pattern"] = json!(HEADER_VALUE);
    headers["maxProperties"] = json!(20);
    schemas["UpdateSettingsRequest"]["minProperties"] = json!(1);
    describe_values(schemas);
    schemas["PurchaseResult"]["properties"]["checkoutUrl"]["format"] = json!("uri");
    // The reference says: "At least one field is required."
    schemas["UpdateRequest"]["minProperties"] = json!(1);
    // Records and errors have exactly the listed fields, and requests with other keys are rejected.
    for schema in schemas.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if schema["type"] == "object" {
            schema["additionalProperties"] = json!(false);
        }
    }
    for (_, operation) in super::operations(document) {
        let is_by_number = operation["operationId"] == "listSettingsRevisions";
        // An optional body may be omitted but not `null`.
        if let Some(body) = operation.get_mut("requestBody") {
            let schema = &mut body["content"]["application/json"]["schema"];
            let object = schema["oneOf"].as_array().and_then(|options| options.first()).cloned();
            if let Some(object) = object {
                *schema = object;
                body["required"] = json!(false);
            }
        }
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            // An optional parameter is omitted; a query string has no way to write null.
            if parameter["schema"]["type"][1] == "null" {
                parameter["schema"]["type"] = parameter["schema"]["type"][0].clone();
            }
            if parameter["name"] == "cursor" {
                let pattern = if is_by_number { NUMBER_CURSOR } else { CURSOR };
                parameter["schema"]["pattern"] = json!(pattern);
            }
        }
    }
}

/// OpenAPI has no place for the meaning of each value of an enum. Tools that know this extension show it next to the value.
fn describe_values(schemas: &mut Value) {
    macro_rules! describe {
        ($($name:ident),+) => {$(
            let meaning = |value: &$name| (value.as_str().to_owned(), json!(value.meaning()));
            schemas[stringify!($name)]["x-enumDescriptions"] = $name::ALL.iter().map(meaning).collect();
        )+};
    }
    describe!(ApiMode, ChannelType, DeliveryState, ErrorCode, PaymentStatus, Provider, Scope, Status);
    describe!(AccessMode, AuthorKind, GroupMode, Role, UsageGrouping);
    describe!(HealthCode, Verdict);
    let status = |code: &ErrorCode| (code.as_str().to_owned(), json!(status_of(*code).as_u16()));
    schemas["ErrorCode"]["x-enumHttpStatus"] = ErrorCode::ALL.iter().map(status).collect();
}

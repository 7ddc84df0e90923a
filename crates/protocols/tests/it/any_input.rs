//! No input makes a decoder panic: neither random bytes, nor random JSON, nor a real body with a changed value.

use proptest::prelude::*;
use reef_domain::Timestamp;
use reef_domain::wire::Provider;
use reef_protocols::model::{
    AnswerStream, TokenBudget, read_answer, read_key_check, read_model_check, read_transcription,
};
use reef_protocols::polar::WebhookHeaders;
use reef_protocols::telegram::{
    BotUser, File, Photos, PolledUpdate, SentMessage, WebhookInfo, parse_update, read_response,
};
use reef_protocols::{HttpResponse, RESPONSE_HEADERS, openrouter, polar};
use serde_json::{Value, json};

use crate::examples::EXAMPLES;

/// Generates JSON values of a few levels, with values that mean something to one of the vendors.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let field = (prop::sample::select(&FIELDS[..]), inner.clone());
        let object = prop::collection::vec(field, 0..6).prop_map(|fields| fields.into_iter().collect());
        prop_oneof![prop::collection::vec(inner, 0..5).prop_map(Value::from), object]
    })
}

const WORDS: [&str; 14] = [
    "private",
    "text",
    "order.paid",
    "subscription.active",
    "subscription.cycled",
    "refunded",
    "429",
    "max_tokens",
    "rate limit per day, try again in 7m12s",
    "can only afford 3,919",
    "regain access on 2026-12-01 at 00:00 UTC",
    "9999-12-31T23:59:59.999Z",
    "2026-03-01T12:00:00+14:00",
    "01890a5d-ac96-774b-bcce-b302099a8058",
];

const FIELDS: [&str; 40] = [
    "id",
    "type",
    "ok",
    "result",
    "error",
    "error_code",
    "description",
    "parameters",
    "retry_after",
    "update_id",
    "message",
    "chat",
    "from",
    "entities",
    "offset",
    "length",
    "text",
    "choices",
    "content",
    "finish_reason",
    "candidates",
    "parts",
    "stop_reason",
    "code",
    "status",
    "details",
    "metadata",
    "headers",
    "data",
    "items",
    "detail",
    "loc",
    "prices",
    "total_amount",
    "refunded_amount",
    "subscription",
    "current_period_end",
    "usage",
    "limit",
    "created_at",
];

/// Generates a real body in which one value is replaced.
fn changed_example() -> impl Strategy<Value = Value> {
    (prop::sample::select(&EXAMPLES[..]), any::<prop::sample::Index>(), any_json()).prop_map(
        |(example, index, value)| {
            let mut body: Value = serde_json::from_str(example).unwrap();
            let mut paths = vec![String::new()];
            list_paths(&body, "", &mut paths);
            *body.pointer_mut(&paths[index.index(paths.len())]).unwrap() = value;
            body
        },
    )
}

fn list_paths(value: &Value, prefix: &str, paths: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), field)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let path = format!("{prefix}/{name}");
        list_paths(child, &path, paths);
        paths.push(path);
    }
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let json = |value: Value| value.to_string().into_bytes();
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..64),
        2 => any_json().prop_map(json),
        2 => any_json().prop_map(|result| json!({"ok": true, "result": result})).prop_map(json),
        2 => any_json().prop_map(|data| json!({"data": data, "items": [data]})).prop_map(json),
        6 => changed_example().prop_map(json),
    ]
}

fn any_response() -> impl Strategy<Value = HttpResponse> {
    let status = prop_oneof![4 => Just(200), 1 => Just(201), 1 => Just(429), 3 => any::<u16>()];
    let header = (prop::sample::select(&RESPONSE_HEADERS[..]), "[-+0-9a-zA-Z:. ,]{0,30}");
    let headers = prop::collection::vec(header, 0..3);
    (status, any::<Option<u64>>(), headers, any_body()).prop_map(|(status, retry_after_s, headers, body)| {
        HttpResponse { status, retry_after_s, headers, body }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_model_response_is_read(response in any_response(), now_ms in any::<i64>()) {
        for provider in Provider::ALL {
            if let Err(error) = read_answer(*provider, &response, now_ms) {
                let _ = TokenBudget::default().retry_budget(error, &response);
            }
            let mut stream = AnswerStream::new(*provider);
            let _ = stream.push(&response.body);
            let _ = stream.finish();
            let event = [b"data: ", &response.body[..], b"\n\n"].concat();
            let mut stream = AnswerStream::new(*provider);
            let _ = stream.push(&event);
            let _ = stream.finish();
            let _ = read_key_check(*provider, &response);
            let _ = read_model_check(*provider, "openai/gpt-5.5:nitro", &response);
        }
        let _ = read_transcription(&response, now_ms);
    }

    #[test]
    fn any_openrouter_response_is_read(response in any_response()) {
        let _ = openrouter::read_models(&response);
        let _ = openrouter::read_new_key(&response);
        let _ = openrouter::read_key_page(&response);
        let _ = openrouter::read_updated_key(&response);
        let _ = openrouter::read_deletion(&response);
    }

    #[test]
    fn any_telegram_response_is_read(response in any_response()) {
        let _ = read_response::<bool>(&response);
        let _ = read_response::<BotUser>(&response);
        let _ = read_response::<Photos>(&response);
        let _ = read_response::<File>(&response);
        let _ = read_response::<WebhookInfo>(&response);
        let _ = read_response::<SentMessage>(&response);
        let _ = read_response::<Vec<PolledUpdate>>(&response);
    }

    #[test]
    fn any_update_is_read(body in any_body()) {
        if let Ok(update) = parse_update(&body) && let Some(message) = update.message {
            let _ = (message.migration(), message.author_name(), message.attachment_label());
            let _ = (message.is_from_person(), message.text_or_caption().len(), message.entities_with_text().count());
        }
    }

    #[test]
    fn any_polar_response_is_read(response in any_response()) {
        let _ = polar::read_new_checkout(&response);
        let _ = polar::read_checkout(&response);
        let _ = polar::read_price(&response);
        let _ = polar::read_portal_url(&response);
        let _ = polar::read_revocation(&response);
        let _ = polar::read_subscription(&response);
        let _ = polar::read_subscriptions(&response);
        let _ = polar::read_orders(&response);
        let _ = polar::read_webhook_endpoints(&response);
    }

    #[test]
    fn any_polar_webhook_is_read(body in any_body(), kind in prop::sample::select(&KINDS[..]), data in any_json()) {
        let _ = std::str::from_utf8(&body).map(polar::parse_webhook);
        let _ = polar::parse_webhook(&json!({"type": kind, "data": data}).to_string());
    }

    #[test]
    fn any_signature_is_checked(id in ".{0,20}", timestamp in "-?[0-9]{0,20}", signature in ".{0,60}", secret in "(whsec_)?.{0,50}") {
        let headers = WebhookHeaders { id, timestamp, signature };
        let now = Timestamp::from_unix_ms(1_767_225_600_000);
        let _ = headers.may_be_signed(now);
        let is_authentic = headers.is_authentic(&secret, b"{}", now);
        prop_assert!(!is_authentic);
    }
}

const KINDS: [&str; 6] = [
    "order.paid",
    "order.refunded",
    "subscription.active",
    "subscription.revoked",
    "subscription.updated",
    "subscription.cycled",
];

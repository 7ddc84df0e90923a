//! Bodies as the vendors send them.

pub const EXAMPLES: [&str; 16] = [
    // Telegram: an update, the bot, its pictures, and an error.
    r#"{"update_id":1,"message":{"message_id":10,"date":1795392000,"chat":{"id":-100123,"type":"supergroup","title":"Team"},
        "from":{"id":7,"is_bot":false,"first_name":"Bob"},"sender_chat":{"id":-1009,"type":"channel","title":"T"},
        "text":"😀 @ada_bot hi","entities":[{"type":"mention","offset":3,"length":8}],"photo":[{}],"media_group_id":"77",
        "reply_to_message":{"chat":{"id":-100123}},"migrate_to_chat_id":-1005}}"#,
    r#"{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Ada","username":"ada_bot"}}"#,
    r#"{"ok":true,"result":{"photos":[[{"file_id":"a","width":160},{"file_id":"b","width":640}]]}}"#,
    r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
    // Answers of the model providers.
    r#"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},
        {"type":"text","text":"hi"}],"stop_reason":"end_turn"}"#,
    r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null},"finish_reason":"stop",
        "native_finish_reason":"stop"}]}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hi"}]},"finishReason":"STOP"}]}"#,
    // Their errors.
    r#"{"error":{"message":"Rate limit exceeded: free-models-per-day","code":429,"metadata":{"limit_source":"x",
        "headers":{"X-RateLimit-Reset":"1795410000000"},"provider_name":null}},"user_id":"user_x"}"#,
    r#"{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[
        {"violations":[{"quotaId":"GenerateRequestsPerDay"}]},{"retryDelay":"39s"}]}}"#,
    // OpenRouter: a key that was created, the list of keys, and the list of models.
    r#"{"data":{"hash":"h","name":"reef-1","limit":5},"key":"sk-or-v1-new"}"#,
    r#"{"data":[{"hash":"h2","name":"reef-1","disabled":true,"limit":7.5,"usage":1.25,"created_at":"2026-02-13T12:03:21.456Z"}]}"#,
    r#"{"data":[{"id":"openai/gpt-5.5","name":"GPT","canonical_slug":"x","architecture":{"output_modalities":["text"]}}]}"#,
    // Polar: an order in a webhook, a subscription, a product, and a rejection.
    r#"{"type":"order.paid","timestamp":"2026-01-01T00:00:00Z","data":{"id":"o","status":"paid","paid":true,"billing_reason":"x",
        "metadata":{"assistant_id":"01890a5d-ac96-774b-bcce-b302099a8058"},"subscription_id":"s","total_amount":1900,
        "refunded_amount":0,"refunded_tax_amount":0,"modified_at":null,"created_at":"2026-01-01T00:00:00Z",
        "subscription":{"id":"s","status":"active","current_period_end":"2026-03-01T12:00:00Z","metadata":{}}}}"#,
    r#"{"id":"s","status":"active","current_period_end":"2026-03-01T12:00:00.5+01:00","canceled_at":null,"ended_at":null,
        "metadata":{"assistant_id":"01890a5d-ac96-774b-bcce-b302099a8058"},"modified_at":null,"created_at":"2026-01-01T00:00:00Z"}"#,
    r#"{"id":"p","recurring_interval":"month","recurring_interval_count":1,"is_archived":false,
        "prices":[{"amount_type":"fixed","price_amount":1900,"price_currency":"usd","is_archived":false}]}"#,
    r#"{"error":"RequestValidationError","detail":[{"loc":["body","customer_email"],"msg":"of ada@x.org","type":"x"}]}"#,
];

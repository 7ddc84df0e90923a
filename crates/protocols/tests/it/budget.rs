//! The token budget with which a rejected request is sent once more.

use proptest::prelude::*;
use reef_domain::wire::Provider;
use reef_protocols::HttpResponse;
use reef_protocols::model::{ANSWER_TOKENS_MAX, ModelError, TokenBudget, read_answer};
use serde_json::json;

proptest! {
    #[test]
    fn any_rejection_text_is_parsed(message in ".{0,40}(can only afford)? ?[-0-9,.' ]{0,30}.{0,20}") {
        let body = json!({"error": {"code": 402, "message": message}}).to_string().into_bytes();
        let response = HttpResponse { status: 402, retry_after_s: None, headers: Vec::new(), body };
        let error = read_answer(Provider::Openrouter, &response, 0).unwrap_err();
        prop_assert_eq!(error, ModelError::OutOfCredit);
        if let Some(budget) = TokenBudget::default().retry_budget(error, &response) {
            prop_assert!((16..ANSWER_TOKENS_MAX).contains(&budget.tokens_max));
            prop_assert_eq!(budget.retry_budget(error, &response), None);
        }
    }
}

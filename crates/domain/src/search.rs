//! The search over a list of assistants, with the same result on the server and in the browser.

use crate::wire::{AssistantRecord, Status};

/// The number of characters of a search text that count; the rest is ignored.
pub const TEXT_MAX: usize = 100;

/// A search for assistants by words and status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    words: Vec<String>,
    status: Option<Status>,
}

impl Search {
    /// Creates a search for assistants whose name, model or id contain every word of `text`, in any case, and whose
    /// status is `status`, if one is given.
    #[must_use]
    pub fn new(text: &str, status: Option<Status>) -> Self {
        let text: String = text.chars().take(TEXT_MAX).collect();
        Self { words: text.to_lowercase().split_whitespace().map(str::to_owned).collect(), status }
    }

    /// Whether the search has neither words nor a status and so matches every assistant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.status.is_none()
    }

    /// Whether an assistant matches. `model` is the display name of its model.
    #[must_use]
    pub fn matches(&self, record: &AssistantRecord, model: &str) -> bool {
        if self.status.is_some_and(|status| status != record.status) {
            return false;
        }
        let model_id = record.model_id.as_deref().unwrap_or_default();
        let texts = [&record.name, model, model_id, &record.id].map(str::to_lowercase);
        self.words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::assistant::Assistant;
    use crate::ids::{AssistantId, UserId};
    use crate::timestamp::Timestamp;
    use crate::wire::ApiMode;

    #[test]
    fn search_matches_words_in_any_case() {
        let id = AssistantId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let user = UserId::new(Uuid::nil());
        let mut a = Assistant::new(id, user, ApiMode::Byok, Timestamp::from_unix_ms(0));
        a.config.name = Some("Ördek the Helper".to_owned());
        a.config.model_id = Some("claude-opus-5".to_owned());
        let finds = |text, status| Search::new(text, status).matches(&a.record(), "Claude Opus 5");
        for found in [
            "",
            "  ",
            "ördek",
            "HELP ördek",
            "01890a5d",
            "8057 the",
            "Claude Opus 5",
            "opus helper",
            "opus-5",
        ] {
            assert!(finds(found, None), "{found}");
            assert!(finds(found, Some(Status::PendingPayment)), "{found}");
            assert!(!finds(found, Some(Status::Active)), "{found}");
        }
        for missing in ["ordek", "helper duck", "%", "_"] {
            assert!(!finds(missing, None), "{missing}");
        }
        assert!(finds(&" ".repeat(TEXT_MAX + 1), None));
        assert!(Search::new(" ", None).is_empty() && !Search::new("x", None).is_empty());
    }
}

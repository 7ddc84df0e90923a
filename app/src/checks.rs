//! The results of a check of bot, model and webhook URL, as sentences.

use reef_domain::callback_url;
use reef_frontend::CheckResult;
use reef_service::assistants::{BotCheck, ModelCheck, Preflight};
use serde::{Deserialize, Serialize};

/// A model's greeting is truncated after this many characters.
const ANSWER_MAX: usize = 200;

/// The results that a form saves for the page it leads to, where no script shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedChecks {
    pub results: Vec<CheckResult>,
    /// The webhook URL that was entered. Before the activation it is stored nowhere else.
    pub callback_url: String,
}

/// The results about the bot and the model.
pub(crate) fn preflight_results(found: &Preflight) -> Vec<CheckResult> {
    found.bot.as_ref().map(bot_result).into_iter().chain(found.model.as_ref().map(model_result)).collect()
}

/// The result about a webhook URL; `None` for an empty one.
pub(crate) fn callback_url_result(text: &str) -> Option<CheckResult> {
    let text = text.trim();
    let about = "callbackUrl";
    (!text.is_empty()).then(|| match callback_url::validate(about, text) {
        Ok(_) => check_result(about, true, "URL looks good. You can send a test event after going live."),
        Err(issue) => check_result(about, false, issue.message),
    })
}

fn check_result(about: &str, good: bool, words: impl Into<String>) -> CheckResult {
    CheckResult { about: about.to_owned(), good, words: words.into(), picture: None }
}

fn bot_result(found: &BotCheck) -> CheckResult {
    let about = "telegramBotToken";
    match (found, found.problem()) {
        (BotCheck::Accepted { bot, picture }, _) => {
            let message = format!("Connected to {} (@{})", bot.name, bot.username);
            CheckResult { picture: picture.clone(), ..check_result(about, true, message) }
        }
        (_, problem) => check_result(about, false, problem.unwrap_or_default()),
    }
}

fn model_result(found: &ModelCheck) -> CheckResult {
    let say = |good, words: String| check_result("modelApiKey", good, words);
    match found {
        ModelCheck::Managed => say(true, "Model available. Usage comes from your credit.".into()),
        ModelCheck::Accepted { answer: Some(answer) } => {
            say(true, format!("The key works. The model says: “{}”", shortened(answer)))
        }
        ModelCheck::Accepted { answer: None } => {
            say(true, "The key works. The model is busy right now.".into())
        }
        other => say(false, other.problem().unwrap_or_default().into()),
    }
}

fn shortened(answer: &str) -> String {
    let mut text: String = answer.trim().chars().take(ANSWER_MAX).collect();
    if text.len() < answer.trim().len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use reef_ports::BotIdentity;

    use super::*;

    #[test]
    fn only_deployable_values_are_good() {
        let coral = BotIdentity { id: 1, username: "coral_bot".into(), name: "Coral".into() };
        let good =
            BotCheck::Accepted { bot: coral.clone(), picture: Some("data:image/png;base64,AQID".into()) };
        let found = Preflight {
            bot: Some(good),
            model: Some(ModelCheck::Accepted { answer: Some("Hello!".into()) }),
        };
        let [of_bot, of_model] = &*preflight_results(&found) else { panic!("two results") };
        assert_eq!(
            (of_bot.about.as_str(), of_bot.words.as_str()),
            ("telegramBotToken", "Connected to Coral (@coral_bot)")
        );
        assert!(of_bot.good && of_bot.picture.is_some());
        assert_eq!(
            (of_model.about.as_str(), of_model.words.as_str()),
            ("modelApiKey", "The key works. The model says: “Hello!”")
        );

        let bad_bots =
            [BotCheck::Missing, BotCheck::InUse { bot: coral }, BotCheck::Rejected, BotCheck::NoAnswer];
        assert!(bad_bots.iter().all(|found| !bot_result(found).good));
        let bad_models = [
            ModelCheck::Missing,
            ModelCheck::KeyRejected,
            ModelCheck::Unavailable,
            ModelCheck::OutOfCredit,
            ModelCheck::NoAnswer,
        ];
        assert!(bad_models.iter().all(|found| !model_result(found).good));
        assert!(model_result(&ModelCheck::Managed).good);
    }

    #[test]
    fn empty_callback_url_has_no_result() {
        assert_eq!(callback_url_result("  "), None);
        assert!(callback_url_result(" https://example.com/x ").is_some_and(|found| found.good));
        assert!(callback_url_result("http://example.com").is_some_and(|found| !found.good));
    }

    #[test]
    fn long_answer_is_cut_between_characters() {
        let long = "ö".repeat(ANSWER_MAX + 1);
        assert_eq!(shortened(&long), format!("{}…", "ö".repeat(ANSWER_MAX)));
        assert_eq!(shortened(" Hi \n"), "Hi");
    }
}

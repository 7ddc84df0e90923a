//! The words for what a preflight finds.

use reef_domain::callback_url;
use reef_service::Error;
use reef_service::assistants::{BotFinding, ModelFinding, Preflight};
use serde::{Deserialize, Serialize};

use super::Finding;
use crate::error::AppError;

/// The longest answer of a model that is shown, in characters.
const ANSWER_MAX: usize = 200;

/// What a page without scripts is handed by the form that tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What was found.
    pub findings: Vec<Finding>,
    /// What was typed as callback URL: it is kept nowhere else before the activation.
    pub callback_url: String,
}

impl Tried {
    /// Under which name it is handed over: each assistant has its own.
    pub fn flash_name(id: &str) -> String {
        format!("tried_{id}")
    }

    /// As it is handed over.
    ///
    /// # Errors
    /// [`AppError`] when it cannot be written.
    pub fn to_json(&self) -> Result<String, AppError> {
        Ok(serde_json::to_string(self).map_err(Error::internal)?)
    }

    /// As it was handed over.
    ///
    /// # Errors
    /// [`AppError`] when it cannot be read.
    pub fn from_json(text: &str) -> Result<Self, AppError> {
        Ok(serde_json::from_str(text).map_err(Error::internal)?)
    }
}

/// What was found of the bot and of the model.
pub fn of_preflight(found: &Preflight) -> Vec<Finding> {
    found.bot.as_ref().map(bot).into_iter().chain(found.model.as_ref().map(model)).collect()
}

/// What is to be said of a callback URL; nothing of one that is left out.
pub fn callback_url_finding(text: &str) -> Option<Finding> {
    let text = text.trim();
    let about = "callbackUrl";
    (!text.is_empty()).then(|| match callback_url::check(about, text) {
        Ok(_) => finding(about, true, "It can be sent to. Send a test once the assistant is there."),
        Err(issue) => finding(about, false, issue.message),
    })
}

fn finding(about: &str, good: bool, words: impl Into<String>) -> Finding {
    Finding { about: about.to_owned(), good, words: words.into(), picture: None }
}

fn bot(found: &BotFinding) -> Finding {
    let about = "telegramBotToken";
    match (found, found.problem()) {
        (BotFinding::Good { bot, picture }, _) => {
            let words = format!("It opens {} (@{}).", bot.name, bot.username);
            Finding { picture: picture.clone(), ..finding(about, true, words) }
        }
        (_, problem) => finding(about, false, problem.unwrap_or_default()),
    }
}

fn model(found: &ModelFinding) -> Finding {
    let say = |good, words: String| finding("modelApiKey", good, words);
    match found {
        ModelFinding::Managed => say(true, "This model can be used; Reef brings the key.".into()),
        ModelFinding::Good { answer: Some(answer) } => {
            say(true, format!("The model says: “{}”", shortened(answer)))
        }
        ModelFinding::Good { answer: None } => {
            say(true, "The key opens the model, which is too busy to say hello just now.".into())
        }
        other => say(false, other.problem().unwrap_or_default().into()),
    }
}

/// A model may have said much.
fn shortened(answer: &str) -> String {
    let mut words: String = answer.trim().chars().take(ANSWER_MAX).collect();
    if words.len() < answer.trim().len() {
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use reef_service::ports::BotIdentity;

    use super::*;

    #[test]
    fn only_what_can_be_deployed_is_called_good() {
        let coral = BotIdentity { id: 1, username: "coral_bot".into(), name: "Coral".into() };
        let good =
            BotFinding::Good { bot: coral.clone(), picture: Some("data:image/png;base64,AQID".into()) };
        let found =
            Preflight { bot: Some(good), model: Some(ModelFinding::Good { answer: Some("Hello!".into()) }) };
        let [of_bot, of_model] = &*of_preflight(&found) else { panic!("two findings") };
        assert_eq!(
            (of_bot.about.as_str(), of_bot.words.as_str()),
            ("telegramBotToken", "It opens Coral (@coral_bot).")
        );
        assert!(of_bot.good && of_bot.picture.is_some());
        assert_eq!(
            (of_model.about.as_str(), of_model.words.as_str()),
            ("modelApiKey", "The model says: “Hello!”")
        );

        let bad_bots = [
            BotFinding::Missing,
            BotFinding::InUse { bot: coral },
            BotFinding::Rejected,
            BotFinding::NoAnswer,
        ];
        assert!(bad_bots.iter().all(|found| !bot(found).good));
        let bad_models = [
            ModelFinding::Missing,
            ModelFinding::KeyRejected,
            ModelFinding::Unavailable,
            ModelFinding::OutOfCredit,
            ModelFinding::NoAnswer,
        ];
        assert!(bad_models.iter().all(|found| !model(found).good));
        assert!(model(&ModelFinding::Managed).good);
    }

    #[test]
    fn a_callback_url_is_judged_only_if_there_is_one() {
        assert_eq!(callback_url_finding("  "), None);
        assert!(callback_url_finding(" https://example.com/x ").is_some_and(|found| found.good));
        assert!(callback_url_finding("http://example.com").is_some_and(|found| !found.good));
    }

    #[test]
    fn long_answers_are_cut_between_characters() {
        let long = "ö".repeat(ANSWER_MAX + 1);
        assert_eq!(shortened(&long), format!("{}…", "ö".repeat(ANSWER_MAX)));
        assert_eq!(shortened(" Hi \n"), "Hi");
    }
}

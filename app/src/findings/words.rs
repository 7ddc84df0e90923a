//! The sentences for the results of a preflight.

use reef_domain::callback_url;
use reef_service::Error;
use reef_service::assistants::{BotFinding, ModelFinding, Preflight};
use serde::{Deserialize, Serialize};

use super::Finding;
use crate::error::AppError;

/// The greeting of a model is cut after this many characters.
const ANSWER_MAX: usize = 200;

/// The results that a form leaves for the page it leads to, where no script shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub findings: Vec<Finding>,
    /// The webhook URL that was entered: before the activation it is stored nowhere else.
    pub callback_url: String,
}

impl Tried {
    /// The name of the flash: each assistant has its own.
    pub(crate) fn flash_name(id: &str) -> String {
        format!("tried_{id}")
    }

    pub(crate) fn to_json(&self) -> Result<String, AppError> {
        Ok(serde_json::to_string(self).map_err(Error::internal)?)
    }

    pub(crate) fn from_json(text: &str) -> Result<Self, AppError> {
        Ok(serde_json::from_str(text).map_err(Error::internal)?)
    }
}

/// The results about the bot and the model.
pub(crate) fn of_preflight(found: &Preflight) -> Vec<Finding> {
    found.bot.as_ref().map(bot).into_iter().chain(found.model.as_ref().map(model)).collect()
}

/// The result about a webhook URL; `None` for an empty one.
pub(crate) fn callback_url_finding(text: &str) -> Option<Finding> {
    let text = text.trim();
    let about = "callbackUrl";
    (!text.is_empty()).then(|| match callback_url::check(about, text) {
        Ok(_) => finding(about, true, "URL looks good. You can send a test event after going live."),
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
            let words = format!("Connected to {} (@{})", bot.name, bot.username);
            Finding { picture: picture.clone(), ..finding(about, true, words) }
        }
        (_, problem) => finding(about, false, problem.unwrap_or_default()),
    }
}

fn model(found: &ModelFinding) -> Finding {
    let say = |good, words: String| finding("modelApiKey", good, words);
    match found {
        ModelFinding::Managed => say(true, "Model available. Usage comes from your credit.".into()),
        ModelFinding::Good { answer: Some(answer) } => {
            say(true, format!("The key works. The model says: “{}”", shortened(answer)))
        }
        ModelFinding::Good { answer: None } => {
            say(true, "The key works. The model is busy right now.".into())
        }
        other => say(false, other.problem().unwrap_or_default().into()),
    }
}

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
            ("telegramBotToken", "Connected to Coral (@coral_bot)")
        );
        assert!(of_bot.good && of_bot.picture.is_some());
        assert_eq!(
            (of_model.about.as_str(), of_model.words.as_str()),
            ("modelApiKey", "The key works. The model says: “Hello!”")
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

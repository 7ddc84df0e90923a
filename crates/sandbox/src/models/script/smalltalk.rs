//! Greetings, questions about Reef, and a friendly sentence for everything else.

use super::instructions::Language;

/// The words of a greeting. A message that has others is more than a greeting.
const GREETINGS: [&str; 15] = [
    "hello",
    "hi",
    "hey",
    "hallo",
    "bonjour",
    "hola",
    "ciao",
    "good",
    "morning",
    "afternoon",
    "evening",
    "there",
    "again",
    "everyone",
    "start",
];

/// Topics by phrases that a message contains, and what is said about each.
const TOPICS: [(&[&str], &str); 12] = [
    (
        &["what is reef", "what's reef", "about reef", "was ist reef"],
        "Reef runs AI assistants in Telegram: you buy one, connect your bot and a model, and it answers around the clock.",
    ),
    (
        &["how much", "price", "what does it cost", "pricing"],
        "You pay per assistant and month. With “Bring your own key” you also pay your model provider; with “Managed”, model credit is included. The purchase page shows today's price.",
    ),
    (
        &["how do i stop", "how to stop", "how can i stop", "stop my assistant"],
        "Open the assistant in your dashboard and choose Stop. Everything is kept, and Start brings it back.",
    ),
    (
        &["how do i delete", "how to delete", "how can i delete", "delete my assistant"],
        "Open the assistant in your dashboard and choose Delete. That ends its subscription and destroys its keys and its memory.",
    ),
    (
        &["how do i cancel", "how to cancel", "how can i cancel"],
        "Open the billing portal from your dashboard and cancel the subscription. The assistant runs until the period ends.",
    ),
    (
        &["change the model", "another model", "switch models"],
        "Open the assistant's settings, choose another model, and redeploy. It keeps its memory.",
    ),
    (
        &["who are you", "what are you"],
        "I'm the sandbox's scripted model: no intelligence, but always in a good mood, and free of charge.",
    ),
    (&["how are you"], "Very well, thank you! The water is warm and the fish are talkative. And you?"),
    (&["tell me a joke", "a joke"], "Why do fish live in salt water? Because pepper makes them sneeze."),
    (&["thank you", "thanks"], "You're welcome!"),
    (&["goodbye", "bye bye", "see you"], "Goodbye! I'll be here."),
    (&["what can you do"], HELP),
];

const HELP: &str = "Ask me about Reef: what it is, what it costs, how to stop or delete an assistant. Say “my name is …”, \
    show me a picture, or try: count to 50, write a long answer, show markdown, slow, fail, fail halfway, \
    what are your instructions?";

/// Answers what is known. `None` for everything else.
pub(super) fn reply(lower: &str, language: Language) -> Option<String> {
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if !words.is_empty() && words.iter().all(|word| GREETINGS.contains(word)) {
        return Some(greeting(language).to_owned());
    }
    if words == ["help"] {
        return Some(HELP.to_owned());
    }
    let topic = TOPICS.iter().find(|(phrases, _)| phrases.iter().any(|phrase| lower.contains(phrase)));
    topic.map(|(_, answer)| (*answer).to_owned())
}

fn greeting(language: Language) -> &'static str {
    match language {
        Language::English => "Hello! How can I help you?",
        Language::German => "Hallo! Wie kann ich helfen?",
        Language::French => "Bonjour ! Comment puis-je aider ?",
        Language::Spanish => "¡Hola! ¿En qué puedo ayudar?",
        Language::Italian => "Ciao! Come posso aiutare?",
    }
}

/// Repeats what was said, so that nobody has to wonder whether it arrived.
pub(super) fn fallback(said: &str, language: Language) -> String {
    match language {
        Language::English => {
            format!("You asked about “{said}”. I know Reef best: say “help” to see what I can do.")
        }
        Language::German => {
            format!("Es geht um „{said}“. Am besten kenne ich Reef; „help“ zeigt, was ich kann.")
        }
        Language::French => {
            format!("Il s'agit de « {said} ». Je connais surtout Reef ; « help » montre le reste.")
        }
        Language::Spanish => {
            format!("Se trata de «{said}». Conozco sobre todo Reef; «help» muestra el resto.")
        }
        Language::Italian => {
            format!("Si tratta di «{said}». Conosco soprattutto Reef; «help» mostra il resto.")
        }
    }
}

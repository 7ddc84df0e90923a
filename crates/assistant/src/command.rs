//! Decides what a message asks for: a command, a question for the model, or nothing.

use reef_domain::settings::GroupMode;
use reef_protocols::telegram::Message;

use crate::settings::Settings;

/// The commands of the bot's menu with their descriptions, for [`reef_protocols::telegram::Bot::set_my_commands`].
pub const COMMANDS: [(&str, &str); 6] = [
    ("start", "Say hello"),
    ("help", "See what I can do"),
    ("remember", "Remember something"),
    ("memory", "See what I remember, and delete it"),
    ("reset", "Start a new conversation"),
    ("forget_me", "Erase what I know about you"),
];

/// What a message asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Start,
    Help,
    Reset,
    /// Remember what follows the command.
    Remember(String),
    /// List what is remembered.
    Memory,
    /// Forget the fact with this number in the list.
    ForgetFact(usize),
    /// Erase what is known of the person, after a confirmation.
    ForgetMe {
        is_confirmed: bool,
    },
    UnknownCommand,
    /// The message is for the model.
    Question,
}

/// Returns what a person's message asks for, or `None` if it is not addressed to the assistant. In groups, only commands,
/// mentions, and replies to its own messages are, unless it answers everything there, or nothing.
pub(crate) fn intent(settings: &Settings, groups: GroupMode, message: &Message) -> Option<Intent> {
    if !message.chat.is_private() && groups == GroupMode::Off {
        return None;
    }
    if let Some(command) = command(message) {
        return command_intent(settings, message, &command);
    }
    if !message.chat.is_private() && groups != GroupMode::All && !is_addressed(settings, message) {
        return None;
    }
    // Service messages have neither.
    let is_question = !message.text_or_caption().is_empty() || message.has_attachment();
    is_question.then_some(Intent::Question)
}

/// Finds the command at the beginning of a message, without its slash: `reset@my_bot`. Only what Telegram has marked as
/// a command counts, so that a text such as `/etc/passwd` is not one.
fn command(message: &Message) -> Option<String> {
    let mut entities = message.entities_with_text();
    let (_, words) = entities.find(|(entity, _)| entity.kind == "bot_command" && entity.offset == 0)?;
    words.strip_prefix('/').filter(|command| !command.is_empty()).map(str::to_owned)
}

fn command_intent(settings: &Settings, message: &Message, command: &str) -> Option<Intent> {
    let (name, bot) = match command.split_once('@') {
        Some((name, bot)) => (name, Some(bot)),
        None => (command, None),
    };
    let is_for_this_bot = bot.is_some_and(|bot| bot.eq_ignore_ascii_case(&settings.bot_username));
    if bot.is_some() && !is_for_this_bot {
        return None;
    }
    match name.to_ascii_lowercase().as_str() {
        "start" => Some(Intent::Start),
        "help" => Some(Intent::Help),
        "reset" => Some(Intent::Reset),
        "remember" => Some(Intent::Remember(argument(message).to_owned())),
        "memory" => Some(match argument(message).strip_prefix("delete ").map(str::trim) {
            Some(number) => Intent::ForgetFact(number.parse().unwrap_or(0)),
            None => Intent::Memory,
        }),
        "forget_me" => Some(Intent::ForgetMe { is_confirmed: argument(message).eq_ignore_ascii_case("yes") }),
        // In a group, an unknown command without a bot's name may be for another bot.
        _ if message.chat.is_private() || is_for_this_bot => Some(Intent::UnknownCommand),
        _ => None,
    }
}

/// Returns what follows a command.
fn argument(message: &Message) -> &str {
    message.text_or_caption().split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim())
}

fn is_addressed(settings: &Settings, message: &Message) -> bool {
    let bot_id = settings.bot_id();
    let replied = message.reply_to_message.as_ref().and_then(|replied| replied.from.as_ref());
    let is_reply = bot_id.is_some() && replied.map(|from| from.id) == bot_id;
    is_reply
        || message.entities_with_text().any(|(entity, words)| match entity.kind.as_str() {
            "mention" => {
                words.strip_prefix('@').is_some_and(|name| name.eq_ignore_ascii_case(&settings.bot_username))
            }
            "text_mention" => bot_id.is_some() && entity.user.as_ref().map(|user| user.id) == bot_id,
            _ => false,
        })
}

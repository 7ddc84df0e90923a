//! Who may talk to the assistant. The host decides from what it has stored; this module has the questions and answers.

use reef_domain::settings::Settings as Behavior;
use reef_protocols::telegram::{Message, User};

/// Someone's message, as far as it matters for whether it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The update that the message arrived in.
    pub update_id: i64,
    /// Who wrote it; `None` for someone who writes on behalf of a chat.
    pub visitor: Option<Visitor>,
    /// Where it was written.
    pub place: Place,
    /// The code of the owner link that was opened, if the message is from such a link.
    pub owner_code: Option<String>,
}

/// A person, as Telegram names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The person's id at Telegram.
    pub telegram_user_id: i64,
    /// The first and last name.
    pub name: String,
    /// The username without the @.
    pub username: Option<String>,
}

/// Where a message was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the private chat of the person with the bot.
    Private,
    /// In a group.
    Group {
        /// The id of the group.
        chat_id: i64,
        /// The title of the group.
        title: String,
    },
}

/// How the assistant behaves, and whether it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The assistant's current settings.
    pub behavior: Box<Behavior>,
    /// Whether it answers.
    pub verdict: Verdict,
    /// Whether the message is from the owner, in their private chat.
    pub is_owner: bool,
}

/// Whether a message is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Allowed,
    /// It is from someone who has just become the owner by a link.
    NewOwner,
    /// It is not, and the person is informed of that.
    Refused {
        /// The request that the owner should decide on, if it is new.
        request: Option<AccessRequest>,
        /// Whether the owner can approve the person.
        can_be_approved: bool,
    },
    /// It is passed over.
    Silent,
}

/// Whether someone has turns left at an assistant that answers everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// They have, and this one was counted.
    Granted,
    /// They have not.
    UsedUp {
        /// Whether the person is informed of that. Otherwise, the message is passed over.
        is_announced: bool,
    },
}

/// Someone who would like to talk to the assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRequest {
    /// The id of the person at this assistant.
    pub person_id: String,
    /// The private chat of the owner.
    pub owner_chat_id: i64,
}

/// What the owner has decided about a request, by a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The person may talk to the assistant now, or may not.
    Made {
        /// The private chat of the person.
        chat_id: i64,
        /// The name of the person.
        name: String,
        /// Whether this changed anything.
        is_new: bool,
    },
    /// The one who pressed the button is not the owner.
    NotOwner,
    /// There is no such person anymore.
    Unknown,
}

impl Visit {
    /// Describes a message from a person.
    pub(crate) fn of(update_id: i64, message: &Message) -> Self {
        let place = if message.chat.is_private() {
            Place::Private
        } else {
            let title = message.chat.title.clone().unwrap_or_default();
            Place::Group { chat_id: message.chat.id, title }
        };
        let visitor = message.from.as_ref().filter(|_| message.sender_chat.is_none()).map(Visitor::from);
        let owner_code = Some(message)
            .filter(|message| message.chat.is_private())
            .and_then(|message| message.text.as_deref()?.strip_prefix("/start "))
            .map(str::trim)
            .filter(|code| code.starts_with(reef_domain::people::OWNER_CODE_PREFIX))
            .map(str::to_owned);
        Self { update_id, visitor, place, owner_code }
    }
}

/// The maximum length of a stored name, in characters.
const NAME_CHARS_MAX: usize = 128;

impl From<&User> for Visitor {
    fn from(user: &User) -> Self {
        let last = user.last_name.as_deref().unwrap_or_default();
        let name = format!("{} {last}", user.first_name);
        // PostgreSQL cannot store NUL in a text.
        let clean =
            |text: &str| text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect::<String>();
        let name = clean(name.trim());
        Self {
            telegram_user_id: user.id,
            name: if name.is_empty() { "Someone".to_owned() } else { name },
            username: user.username.as_deref().map(clean).filter(|name| !name.is_empty()),
        }
    }
}

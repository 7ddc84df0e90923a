//! Matches replies to messages, and checks that each message has exactly one reply or an excuse.

use std::collections::{BTreeMap, BTreeSet};

/// A reply may have been sent this long before it arrived, by a process that was killed in between.
const IN_FLIGHT_MS: i64 = 5_000;
/// The beginning of a reply in which the sandbox's model repeats the message.
const ECHO: &str = "You asked about “";

/// A message from a person to a bot.
#[derive(Clone, Debug)]
pub struct Message {
    pub chat: i64,
    pub message_id: i64,
    /// The text, which no other message of the run contains.
    pub text: String,
}

/// A reply from a bot.
#[derive(Clone, Debug)]
pub struct Reply {
    /// When it arrived at Telegram, in milliseconds since 1970.
    pub at_ms: i64,
    /// The text, which repeats the message or apologizes.
    pub text: String,
    /// The message that it replies to. Replies in private chats name none.
    pub reply_to: Option<i64>,
}

/// A kill: the process was alive before `began_ms` and dead at `ended_ms`.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    pub began_ms: i64,
    pub ended_ms: i64,
}

/// Finds the problems among the replies of all chats: replies to no message, and second replies that no kill explains. If
/// `all_answered`, messages without a reply are problems, too.
pub fn find_problems(
    messages: &[Message],
    answers: &BTreeMap<i64, Vec<Reply>>,
    kills: &[Kill],
    all_answered: bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut found: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
    let mut whole: BTreeSet<(i64, i64)> = BTreeSet::new();
    for (chat, answers) in answers {
        for answer in answers {
            match find_message(messages, *chat, answer) {
                Some(question) => {
                    if !is_fragment(&answer.text) {
                        whole.insert((question.chat, question.message_id));
                    }
                    found.entry((*chat, question.message_id)).or_default().push(answer.at_ms);
                }
                None => {
                    problems.push(format!("{:?} in chat {chat} replies to no message there", answer.text));
                }
            }
        }
    }
    for Message { chat, message_id, text } in messages {
        let times = found.remove(&(*chat, *message_id)).unwrap_or_default();
        if times.is_empty() && all_answered {
            problems.push(format!("{text:?} in chat {chat} has no reply"));
        }
        if !times.is_empty() && all_answered && !whole.contains(&(*chat, *message_id)) {
            problems.push(format!("{text:?} in chat {chat} has only the beginning of a reply"));
        }
        let unexplained = count_unexplained(&times, kills);
        if unexplained > 0 {
            let count = times.len();
            problems
                .push(format!("{text:?} in chat {chat} has {count} replies, {unexplained} without a kill"));
        }
    }
    problems
}

/// Finds the message of a reply: the one that it replies to, or the only one in its chat. A reply that repeats another
/// message belongs to none.
fn find_message<'a>(messages: &'a [Message], chat: i64, reply: &Reply) -> Option<&'a Message> {
    let mut in_chat = messages.iter().filter(|question| question.chat == chat);
    let question = match reply.reply_to {
        Some(message_id) => in_chat.find(|question| question.message_id == message_id)?,
        None => in_chat.next().filter(|_| in_chat.next().is_none())?,
    };
    let is_of_question = !reply.text.contains(ECHO) || reply.text.contains(&question.text);
    (is_of_question || is_fragment(&reply.text)).then_some(question)
}

/// Whether a text is the beginning of a reply that repeats the message. In a group, the first words of a reply are sent before the
/// whole; they stay if the process is killed before it has recorded that they were sent.
fn is_fragment(text: &str) -> bool {
    ECHO.starts_with(text) || (text.starts_with(ECHO) && !text.contains('”'))
}

/// Counts the repeated replies that no kill explains. A process that is killed after Telegram has accepted a reply, but
/// before that is stored, makes another reply unavoidable. Each kill explains one.
fn count_unexplained(times: &[i64], kills: &[Kill]) -> usize {
    let mut times = times.to_vec();
    times.sort_unstable();
    let mut kills = kills.to_vec();
    kills.sort_unstable_by_key(|kill| kill.ended_ms);
    let explains =
        |kill: &Kill, pair: &[i64]| kill.ended_ms >= pair[0] - IN_FLIGHT_MS && kill.began_ms <= pair[1];
    let is_unexplained = |pair: &&[i64]| match kills.iter().position(|kill| explains(kill, pair)) {
        Some(at) => {
            kills.remove(at);
            false
        }
        None => true,
    };
    times.windows(2).filter(is_unexplained).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: i64 = -2;

    fn question(chat: i64, message_id: i64) -> Message {
        Message { chat, message_id, text: format!("question {message_id:06}") }
    }

    fn echo(of: i64, at_ms: i64) -> Reply {
        Reply {
            at_ms, text: format!("You asked about “Person 2: question {of:06}”."), reply_to: Some(of)
        }
    }

    fn apology(of: i64, at_ms: i64) -> Reply {
        Reply { at_ms, text: "I can't answer right now.".to_owned(), reply_to: Some(of) }
    }

    fn kill(at_ms: i64) -> Kill {
        Kill { began_ms: at_ms, ended_ms: at_ms + 2 }
    }

    fn in_group(questions: &[i64], answers: Vec<Reply>, kills: &[Kill]) -> Vec<String> {
        let questions: Vec<_> = questions.iter().map(|id| question(GROUP, *id)).collect();
        find_problems(&questions, &BTreeMap::from([(GROUP, answers)]), kills, true)
    }

    #[test]
    fn one_reply_per_message_is_no_problem() {
        assert_eq!(in_group(&[1, 2], vec![echo(1, 10), apology(2, 20)], &[]), [""; 0]);
        assert_eq!(in_group(&[], vec![], &[]), [""; 0]);
    }

    #[test]
    fn lost_reply_next_to_repeated_one_is_found() {
        // There are as many replies as messages, and enough kills to explain a repetition.
        for again in [echo(1, 20_000), apology(1, 20_000)] {
            let found = in_group(&[1, 2], vec![echo(1, 10), again], &[kill(15), kill(16)]);
            assert_eq!(found, ["\"question 000002\" in chat -2 has no reply"]);
        }
    }

    #[test]
    fn beginning_of_a_reply_is_explained_by_a_kill_and_is_no_reply() {
        let asked = [question(GROUP, 1)];
        let begun = |text: &str| Reply { at_ms: 1_000, text: text.to_owned(), reply_to: Some(1) };
        let kill = [Kill { began_ms: 900, ended_ms: 1_100 }];
        for text in ["You", "You asked about “Person 2: quest"] {
            let answers = BTreeMap::from([(GROUP, vec![begun(text), echo(1, 3_000)])]);
            assert!(find_problems(&asked, &answers, &kill, true).is_empty());
            assert_eq!(find_problems(&asked, &answers, &[], true).len(), 1, "no kill");
            let alone = BTreeMap::from([(GROUP, vec![begun(text)])]);
            assert_eq!(find_problems(&asked, &alone, &kill, true).len(), 1, "no whole reply");
        }
    }

    #[test]
    fn second_reply_without_a_kill_is_found() {
        let found = |kills: &[Kill]| in_group(&[1], vec![echo(1, 10_000), echo(1, 20_000)], kills);
        let expected = ["\"question 000001\" in chat -2 has 2 replies, 1 without a kill"];
        assert_eq!(found(&[]), expected);
        // Neither a kill long before the first reply nor one after the second explains the repetition.
        assert_eq!(found(&[kill(1_000), kill(20_001)]), expected);
        assert_eq!(found(&[kill(1_000), kill(10_003)]), [""; 0]);
        // A kill shortly before the first reply does, because the reply was in flight.
        assert_eq!(found(&[kill(9_990)]), [""; 0]);
    }

    #[test]
    fn kill_explains_one_more_reply_per_message() {
        let thrice = vec![echo(1, 10), echo(1, 30), echo(1, 50)];
        assert_eq!(in_group(&[1], thrice.clone(), &[kill(20)]).len(), 1);
        assert_eq!(in_group(&[1], thrice, &[kill(20), kill(40)]), [""; 0]);
        let both = vec![echo(1, 10), echo(2, 11), echo(1, 30), echo(2, 31)];
        assert_eq!(in_group(&[1, 2], both, &[kill(20)]), [""; 0]);
    }

    #[test]
    fn reply_to_another_message_or_to_none_is_found() {
        let crossed = Reply { reply_to: Some(1), ..echo(2, 10) };
        let found = in_group(&[1, 2], vec![crossed, echo(2, 20)], &[]);
        assert_eq!(found.len(), 2, "{found:?}");
        let nobody = Reply { reply_to: None, ..apology(1, 10) };
        assert_eq!(in_group(&[1, 2], vec![echo(1, 1), echo(2, 2), nobody], &[]).len(), 1);
        let elsewhere = BTreeMap::from([(7, vec![echo(1, 10)])]);
        assert_eq!(find_problems(&[question(GROUP, 1)], &elsewhere, &[], true).len(), 2);
    }

    #[test]
    fn reply_in_private_chat_needs_no_reference() {
        let alone = |text: &str| {
            let answer = Reply { at_ms: 10, text: text.to_owned(), reply_to: None };
            find_problems(&[question(7, 1), question(8, 2)], &BTreeMap::from([(7, vec![answer])]), &[], false)
        };
        assert_eq!(alone("You asked about “question 000001”."), [""; 0]);
        assert_eq!(alone("I can't answer right now."), [""; 0]);
        assert_eq!(alone("You asked about “question 000002”.").len(), 1);
    }

    #[test]
    fn stopped_assistant_may_miss_a_reply_but_not_repeat_one() {
        let questions = [question(7, 1)];
        let of = |answers: Vec<Reply>| find_problems(&questions, &BTreeMap::from([(7, answers)]), &[], false);
        assert_eq!(of(vec![]), [""; 0]);
        let alone = |at_ms| Reply { reply_to: None, ..echo(1, at_ms) };
        assert_eq!(of(vec![alone(10), alone(20)]).len(), 1);
    }
}

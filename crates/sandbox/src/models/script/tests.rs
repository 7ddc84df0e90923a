use super::super::conversation::{Conversation, Role, Turn};
use super::super::shown::{Kind, Shown};
use super::*;

fn talk(system: &str, texts: &[&str]) -> Conversation {
    let mut conversation = Conversation { system: system.to_owned(), turns: Vec::new() };
    for (index, text) in texts.iter().enumerate() {
        let role = if index % 2 == 0 { Role::User } else { Role::Assistant };
        conversation.push(Turn { role, text: (*text).to_owned(), attachments: Vec::new() });
    }
    conversation
}

fn says(system: &str, texts: &[&str]) -> String {
    match next_outcome(&talk(system, texts)) {
        Outcome::Reply(text, _) => text,
        other => panic!("{texts:?} was answered by {other:?}"),
    }
}

#[test]
fn replies_depend_on_the_conversation() {
    let known = ["Hi, My Name Is Zoë-Ann.", "Hello!", "what is my name?"];
    assert_eq!(says("", &known), "Your name is Zoë-Ann.");
    assert_eq!(says("Facts:\n- my name is Ada", &known[2..]), "Your name is Ada.");
    assert!(says("", &known[2..]).contains("don't know"));
    assert_eq!(says("", &["one", "a", "two", "b", "what did I say?"]), "Before that, you said: “two”.");
    assert_eq!(next_outcome(&talk("", &["Fail, please"])), Outcome::InternalError);
    assert!(matches!(next_outcome(&talk("", &["fail halfway"])), Outcome::BreaksOff(_)));
    assert!(matches!(next_outcome(&talk("", &["slow"])), Outcome::Reply(_, Pace::Slow)));
    let long = says("", &["long"]);
    assert!((9_000..10_000).contains(&long.len()) && long.contains("\n\n"));
    assert_eq!(says("", &["please write a long answer"]), long);
    assert_eq!(says("", &["count to 4"]), "1, 2, 3, 4.");
    assert!(says("", &["count to 99999"]).ends_with("2999, 3000."));
    assert!(says("", &["show markdown"]).contains("| --- |"));
}

#[test]
fn assistant_knows_reef_and_repeats_what_it_does_not_know() {
    assert_eq!(says("", &["Hello there!"]), "Hello! How can I help you?");
    assert!(says("", &["What is Reef?"]).contains("Telegram"));
    assert!(says("", &["How do I delete it?"]).contains("choose Delete"));
    assert!(says("", &["how can I stop it"]).contains("choose Stop"));
    assert!(says("", &["How much is it?"]).contains("per assistant and month"));
    assert!(says("", &["help"]).contains("count to 50"));
    assert!(says("", &["still there, question 000001?"]).contains("“still there, question 000001?”"));
    assert!(says("", &["hello from the other side"]).contains("hello from the other side"));
}

#[test]
fn instructions_are_obeyed() {
    assert_eq!(says("You are Rita. Answer in capitals.", &["hello"]), "HELLO! HOW CAN I HELP YOU?");
    assert_eq!(says("End every answer with Ahoy.", &["hi"]), "Hello! How can I help you? Ahoy");
    assert_eq!(
        says("Please end every answer with \"So. There!\" always", &["hi"]),
        "Hello! How can I help you? So. There!"
    );
    assert_eq!(says("Always answer in German.", &["hello"]), "Hallo! Wie kann ich helfen?");
    assert!(says("Answer in French.", &["le vin"]).contains("« le vin »"));
    assert!(says("Answer in the language of the person.", &["hello"]).starts_with("Hello"));
    let system = "You are Rita.\n\nInstructions from the owner:\nTalk about tea only.";
    assert_eq!(
        says(system, &["What are your instructions?"]),
        "These are my instructions:\n\nTalk about tea only."
    );
    assert!(says("Be kind.", &["what are your instructions"]).contains("Be kind."));
}

#[test]
fn attachments_are_described() {
    let mut conversation = talk("", &["what is this?"]);
    let image = Shown::decode(Kind::Image, "image/png", "aGVsbG8=", 100).unwrap();
    let sound = Shown::of_bytes(Kind::Audio, "audio/ogg", b"");
    conversation.turns[0].attachments = vec![image, sound];
    let Outcome::Reply(text, _) = next_outcome(&conversation) else { panic!("it is described") };
    assert_eq!(
        text,
        "You asked “what is this?”, and here is what I see:\n\
         - an image (image/png, 5 bytes, SHA-256 2cf24dba5fb0)\n\
         - a sound (audio/ogg, 0 bytes, SHA-256 e3b0c44298fc)"
    );
}

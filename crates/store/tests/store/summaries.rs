use reef_domain::ids::{AssistantId, ConversationId, FactId};
use reef_store::{ConversationKey, FactRow, MessageRow, SummaryRow, Tx, on_both_databases};

use crate::support::{NOW, add_unpaid_assistant, add_user, at, uuid};

const CHAT: ConversationKey = ConversationKey::of_chat(5);

async fn append(
    tx: &mut Tx,
    assistant: AssistantId,
    key: ConversationKey,
    texts: impl IntoIterator<Item = String>,
) {
    for content in texts {
        let message = MessageRow { role: "user".to_owned(), content };
        tx.append_message(assistant, key, &message, NOW).await.expect("append should succeed");
    }
}

fn attempt(covered_until: i64, attempted_at: i64) -> SummaryRow {
    SummaryRow { summary: String::new(), covered_until, attempted_at, updated_at: at(attempted_at) }
}

/// Stores a summary that covers the messages until a position.
async fn add_summary(tx: &mut Tx, assistant: AssistantId, key: ConversationKey, text: &str, until: i64) {
    let claimed = attempt(0, until);
    assert!(tx.claim_summary(assistant, key, &claimed, 1).await.expect("claim should succeed"));
    assert!(tx.save_summary(assistant, key, &claimed, text, until).await.expect("save should succeed"));
}

async fn summary(tx: &mut Tx, assistant: AssistantId, key: ConversationKey) -> Option<String> {
    tx.find_summary(assistant, key).await.expect("find should succeed").map(|row| row.summary)
}

on_both_databases! {
    async fn summary_is_claimed_once_per_number_of_messages(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        append(&mut tx, assistant, CHAT, (1..=40).map(|number| format!("message {number:02}"))).await;
        let backlog = tx.get_summary_backlog(assistant, CHAT, 5).await.unwrap();
        assert_eq!((backlog.messages, backlog.chars), (40, 40 * 5));
        let first = attempt(0, 40);
        assert!(tx.claim_summary(assistant, CHAT, &first, 10).await.unwrap());
        assert!(!tx.claim_summary(assistant, CHAT, &attempt(0, 49), 10).await.unwrap(), "too early");
        let second = attempt(0, 50);
        assert!(tx.claim_summary(assistant, CHAT, &second, 10).await.unwrap(), "the first one was lost");
        assert!(!tx.save_summary(assistant, CHAT, &first, "late", 20).await.unwrap(), "another one was requested");
        assert!(tx.save_summary(assistant, CHAT, &second, "notes", 20).await.unwrap());
        assert!(!tx.save_summary(assistant, CHAT, &second, "again", 20).await.unwrap(), "saved already");
        assert_eq!(summary(&mut tx, assistant, CHAT).await.as_deref(), Some("notes"));
        let uncovered = tx.list_uncovered_messages(assistant, CHAT, 3).await.unwrap();
        let texts: Vec<_> = uncovered.iter().map(|row| (row.position, row.content.as_str())).collect();
        assert_eq!(texts, [(21, "message 21"), (22, "message 22"), (23, "message 23")]);
        assert_eq!(tx.get_summary_backlog(assistant, CHAT, 99).await.unwrap().messages, 20);
    }

    async fn deleted_conversation_has_no_summary_even_if_one_is_being_written(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        let topic = ConversationKey { chat: 5, thread: 9 };
        for key in [CHAT, topic, ConversationKey::of_chat(6)] {
            add_summary(&mut tx, assistant, key, "notes", 4).await;
        }
        let running = attempt(4, 50);
        assert!(tx.claim_summary(assistant, CHAT, &running, 10).await.unwrap());
        tx.delete_conversation(assistant, CHAT).await.unwrap();
        assert!(!tx.save_summary(assistant, CHAT, &running, "secret", 30).await.unwrap());
        assert_eq!(summary(&mut tx, assistant, CHAT).await, None);
        assert_eq!(summary(&mut tx, assistant, topic).await.as_deref(), Some("notes"));
        tx.delete_chat(assistant, 5).await.unwrap();
        assert_eq!(summary(&mut tx, assistant, topic).await, None);
        assert!(summary(&mut tx, assistant, ConversationKey::of_chat(6)).await.is_some());
        tx.delete_conversations(assistant).await.unwrap();
        assert_eq!(summary(&mut tx, assistant, ConversationKey::of_chat(6)).await, None);
        add_summary(&mut tx, assistant, CHAT, "notes", 4).await;
        assert!(tx.delete_assistant(assistant, user, NOW).await.unwrap());
        assert_eq!(summary(&mut tx, assistant, CHAT).await, None);
    }

    async fn summary_moves_to_the_supergroup_with_its_positions(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        let (old, new) = (ConversationKey::of_chat(-5), ConversationKey::of_chat(-1_005));
        append(&mut tx, assistant, old, (1..=30).map(|number| format!("old {number}"))).await;
        add_summary(&mut tx, assistant, old, "notes", 20).await;
        append(&mut tx, assistant, new, ["new 1".to_owned()]).await;
        for _ in 0..2 {
            tx.migrate_chat(assistant, -5, -1_005).await.unwrap();
            assert_eq!(summary(&mut tx, assistant, new).await.as_deref(), Some("notes"));
            assert_eq!(summary(&mut tx, assistant, old).await, None);
            let uncovered = tx.list_uncovered_messages(assistant, new, 99).await.unwrap();
            assert_eq!(uncovered.first().map(|row| row.content.as_str()), Some("old 21"));
            assert_eq!(uncovered.len(), 11);
        }
    }

    async fn forgotten_fact_is_in_no_message_and_no_summary(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        let other = ConversationKey::of_chat(6);
        for key in [CHAT, other] {
            append(&mut tx, assistant, key, ["You said: I'M ALLERGIC TO NUTS".to_owned(), "fine".to_owned()]).await;
            add_summary(&mut tx, assistant, key, "The person says: i'm allergic to nuts.", 1).await;
        }
        let fact = FactRow {
            id: FactId::new(uuid()),
            conversation_id: ConversationId::new(uuid()),
            text: "I'm allergic to nuts".to_owned(),
            created_at: NOW,
        };
        tx.insert_fact(assistant, CHAT, &fact).await.unwrap();
        assert!(tx.delete_fact(assistant, fact.id).await.unwrap());
        let messages = tx.list_recent_messages(assistant, CHAT, 9).await.unwrap();
        let texts: Vec<_> = messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(texts, ["[forgotten]", "fine"]);
        assert_eq!(summary(&mut tx, assistant, CHAT).await, None);
        assert!(summary(&mut tx, assistant, other).await.is_some(), "another conversation said it, too");
        let short = FactRow { id: FactId::new(uuid()), text: "fine".to_owned(), ..fact };
        tx.insert_fact(assistant, CHAT, &short).await.unwrap();
        assert!(tx.delete_fact(assistant, short.id).await.unwrap());
        assert_eq!(tx.list_recent_messages(assistant, CHAT, 9).await.unwrap()[1].content, "fine");
    }

    // What a turn reads and writes does not grow with the age of its conversation.
    async fn old_conversation_has_as_many_rows_as_a_young_one(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        for number in 0..5_000 {
            append(&mut tx, assistant, CHAT, [format!("turn {number}")]).await;
            tx.trim_conversation(assistant, CHAT, 60).await.unwrap();
            if number == 79 || number == 4_999 {
                assert_eq!(tx.list_recent_messages(assistant, CHAT, 9_999).await.unwrap().len(), 60);
                assert_eq!(tx.get_summary_backlog(assistant, CHAT, 99).await.unwrap().messages, 60);
            }
        }
    }
}

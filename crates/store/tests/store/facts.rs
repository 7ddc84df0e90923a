use reef_domain::ids::{ConversationId, FactId, PersonId};
use reef_domain::people::Role;
use reef_store::{BotGroupRow, ConversationKey, FactConversationRow, FactRow, PersonRow, on_both_databases};

use crate::support::{add_unpaid_assistant, add_user, at, uuid};

fn fact(text: &str, created: i64) -> FactRow {
    let conversation_id = ConversationId::new(uuid());
    FactRow { id: FactId::new(uuid()), conversation_id, text: text.to_owned(), created_at: at(created) }
}

on_both_databases! {
    async fn facts_are_listed_by_conversation_and_changed(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (assistant, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        let person = PersonRow {
            id: PersonId::new(uuid()),
            assistant_id: assistant,
            telegram_user_id: 7,
            name: "Grace".to_owned(),
            username: None,
            role: Role::Approved,
            first_seen_at: at(1),
            last_seen_at: at(1),
            role_set_at: at(1),
            is_first_writer: false,
            refused_at: None,
            refused_update_id: None,
        };
        tx.insert_person(&person).await.unwrap();
        let group =
            BotGroupRow { chat_id: -5, title: "Choir".to_owned(), added_by: None, is_approved: true, first_seen_at: at(1) };
        tx.save_bot_group(assistant, &group).await.unwrap();
        let (private, topic, unknown) =
            (ConversationKey::of_chat(7), ConversationKey { chat: -5, thread: 3 }, ConversationKey::of_chat(-9));
        let (first, second, third) = (fact("likes tea", 2), fact("likes trains", 3), fact("sings on Mondays", 4));
        tx.insert_fact(assistant, private, &first).await.unwrap();
        tx.insert_fact(assistant, private, &second).await.unwrap();
        tx.insert_fact(assistant, topic, &third).await.unwrap();
        tx.insert_fact(assistant, unknown, &fact("x", 5)).await.unwrap();
        tx.insert_fact(other, private, &fact("y", 6)).await.unwrap();

        let conversations = tx.list_fact_conversations(assistant, 9).await.unwrap();
        let shown = |row: &FactConversationRow| (row.chat_id, row.thread_id, row.title.clone());
        assert_eq!(
            conversations.iter().map(shown).collect::<Vec<_>>(),
            [(7, 0, Some("Grace".to_owned())), (-5, 3, Some("Choir".to_owned())), (-9, 0, None)]
        );
        assert_eq!(conversations[0].conversation_id, first.conversation_id, "both facts have the id of the first");
        assert_eq!(tx.list_fact_conversations(assistant, 1).await.unwrap().len(), 1);

        assert!(!tx.update_fact(other, first.id, "z").await.unwrap());
        assert!(tx.update_fact(assistant, first.id, "likes coffee").await.unwrap());
        let texts: Vec<_> = tx.list_conversation_facts(assistant, private, 9).await.unwrap().into_iter().map(|row| row.text).collect();
        assert_eq!(texts, ["likes coffee", "likes trains"]);
        assert!(tx.delete_fact(assistant, first.id).await.unwrap());
        assert!(!tx.update_fact(assistant, first.id, "likes tea").await.unwrap());
    }
}

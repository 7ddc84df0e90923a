use reef_store::{
    MailKind, ReplacedConfiguration, RowKey, SealedColumn, SealedCount, SealedRow, Secrets, SessionRow,
    SettingsRow, WorkerRow, on_both_databases,
};

use crate::mails::mail;
use crate::support::{NOW, add_unpaid_assistant, add_user, at, worker_name};

const OLD: &[u8] = &[1, 9, 9];
const NEW: &[u8] = &[1, 2, 2];

fn value(prefix: &[u8], rest: u8) -> Vec<u8> {
    [prefix, &[0, rest]].concat()
}

on_both_databases! {
    async fn values_without_prefix_are_listed_in_pages_and_counted(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let mut slots = Vec::new();
        for (number, prefix) in [(0, OLD), (1, NEW), (2, OLD), (3, OLD)] {
            let slot = add_unpaid_assistant(&mut tx, user).await;
            let secrets = Secrets { bot_token: Some(value(prefix, number)), ..Secrets::default() };
            tx.update_secrets(slot.id, &secrets).await.unwrap();
            slots.push(slot.id);
        }
        add_unpaid_assistant(&mut tx, user).await;
        let column = SealedColumn::BotToken;
        let mut found = Vec::new();
        for skip in [0, 2] {
            found.extend(tx.list_sealed_values_without_prefix(column, NEW, skip, 2).await.unwrap());
        }
        let expected = [(0_usize, 0), (2, 2), (3, 3)].map(|(at, number)| SealedRow {
            key: RowKey::Id(slots[at].uuid()),
            sealed: value(OLD, number),
        });
        assert_eq!(found, expected);
        let count = |prefix: &[u8], count| SealedCount { prefix: prefix.to_vec(), count };
        assert_eq!(tx.count_sealed_values(column, 3).await.unwrap(), [count(NEW, 1), count(OLD, 3)]);
        assert_eq!(tx.count_sealed_values(SealedColumn::ModelKey, 3).await.unwrap(), []);
    }

    async fn value_changed_meanwhile_is_not_replaced(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await;
        let secrets = Secrets { bot_token: Some(value(OLD, 1)), model_key: Some(value(OLD, 2)), ..Secrets::default() };
        tx.update_secrets(slot.id, &secrets).await.unwrap();
        let replaced = ReplacedConfiguration {
            is_fallback: true, replaced_at: NOW, provider: None, model_id: None, secrets: secrets.clone(),
        };
        tx.upsert_replaced_configuration(slot.id, &replaced).await.unwrap();
        let worker = WorkerRow {
            worker_name: worker_name(), assistant_id: slot.id, generation: 1, settings: value(OLD, 3), polling: false,
            poll_offset: 0, started_at: NOW,
        };
        assert!(tx.upsert_worker(&worker).await.unwrap());
        // This fills every column that can hold a sealed value.
        tx.rotate_signing_secret(user, &value(OLD, 4), NOW).await.unwrap();
        let session = SessionRow {
            id: "s1".to_owned(), user_id: Some(user), data: "{}".to_owned(), ip_address: None, user_agent: None,
            created_at: NOW, expires_at: at(9000), last_used_at: None,
        };
        tx.insert_session(&session).await.unwrap();
        assert!(tx.update_flash("s1", &value(OLD, 5), at(1000)).await.unwrap());
        assert!(tx.insert_totp(user, &value(OLD, 7), NOW).await.unwrap());
        let sent = mail(Some(user), MailKind::ConfirmAddress);
        tx.insert_mail(&reef_store::MailRow { token: Some(value(OLD, 6)), ..sent }).await.unwrap();
        let settings = SettingsRow {
            revision: 1, document: "{}".to_owned(), mcp_headers: Some(value(OLD, 8)), updated_at: NOW,
        };
        tx.save_settings(slot.id, &settings).await.unwrap();
        for column in SealedColumn::ALL {
            let row = tx.list_sealed_values_without_prefix(column, NEW, 0, 9).await.unwrap().pop().unwrap();
            let before = SealedRow { sealed: value(OLD, 200), ..row.clone() };
            assert!(!tx.replace_sealed_value(column, &before, NEW).await.unwrap(), "{}", column.name());
            assert!(tx.replace_sealed_value(column, &row, NEW).await.unwrap(), "{}", column.name());
            assert_eq!(tx.list_sealed_values_without_prefix(column, NEW, 0, 9).await.unwrap(), [], "{}", column.name());
        }
        let after = tx.get_secrets(slot.id).await.unwrap();
        assert_eq!((after.bot_token.as_deref(), after.model_key.as_deref()), (Some(NEW), Some(NEW)));
        assert_eq!(tx.find_worker_by_assistant(slot.id).await.unwrap().unwrap().settings, NEW);
        assert_eq!(tx.find_user(user).await.unwrap().unwrap().signing_secret, NEW);
    }
}

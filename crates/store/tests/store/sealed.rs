use reef_store::{
    MailKind, Replaced, RowKey, SealedColumn, SealedCount, SealedRow, Secrets, SessionRow, WorkerRow,
    on_both_databases,
};

use crate::mails::mail;
use crate::support::{NOW, add_slot, add_user, at, worker_name};

const OLD: &[u8] = &[1, 9, 9];
const NEW: &[u8] = &[1, 2, 2];

fn value(prefix: &[u8], rest: u8) -> Vec<u8> {
    [prefix, &[0, rest]].concat()
}

on_both_databases! {
    async fn what_begins_otherwise_is_found_page_by_page_and_counted(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let mut slots = Vec::new();
        for (number, prefix) in [(0, OLD), (1, NEW), (2, OLD), (3, OLD)] {
            let slot = add_slot(&mut tx, user).await;
            let secrets = Secrets { bot_token: Some(value(prefix, number)), ..Secrets::default() };
            tx.set_secrets(slot.id, &secrets).await.unwrap();
            slots.push(slot.id);
        }
        add_slot(&mut tx, user).await;
        let column = SealedColumn::BotToken;
        let mut found = Vec::new();
        for skip in [0, 2] {
            found.extend(tx.sealed_otherwise(column, NEW, skip, 2).await.unwrap());
        }
        let expected = [(0_usize, 0), (2, 2), (3, 3)].map(|(at, number)| SealedRow {
            key: RowKey::Id(slots[at].uuid()),
            sealed: value(OLD, number),
        });
        assert_eq!(found, expected);
        let count = |prefix: &[u8], count| SealedCount { prefix: prefix.to_vec(), count };
        assert_eq!(tx.count_sealed(column, 3).await.unwrap(), [count(NEW, 1), count(OLD, 3)]);
        assert_eq!(tx.count_sealed(SealedColumn::ModelKey, 3).await.unwrap(), []);
    }

    async fn a_value_is_replaced_only_while_it_is_what_was_read(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_slot(&mut tx, user).await;
        let secrets = Secrets { bot_token: Some(value(OLD, 1)), model_key: Some(value(OLD, 2)), ..Secrets::default() };
        tx.set_secrets(slot.id, &secrets).await.unwrap();
        let replaced = Replaced {
            is_fallback: true, replaced_at: NOW, provider: None, model_id: None, secrets: secrets.clone(),
        };
        tx.set_replaced(slot.id, &replaced).await.unwrap();
        let worker = WorkerRow {
            worker_name: worker_name(), assistant_id: slot.id, generation: 1, settings: value(OLD, 3), polling: false,
            poll_offset: 0, started_at: NOW,
        };
        assert!(tx.put_worker(&worker).await.unwrap());
        // This fills every column that can hold a sealed value.
        tx.rotate_callback_secret(user, &value(OLD, 4), NOW).await.unwrap();
        let session = SessionRow {
            id: "s1".to_owned(), user_id: Some(user), data: "{}".to_owned(), address: None, agent: None,
            created_at: NOW, expires_at: at(9000), last_used_at: None,
        };
        tx.insert_session(&session).await.unwrap();
        assert!(tx.set_flash("s1", &value(OLD, 5), at(1000)).await.unwrap());
        assert!(tx.begin_totp(user, &value(OLD, 7), NOW).await.unwrap());
        let sent = mail(Some(user), MailKind::ConfirmAddress);
        tx.insert_mail(&reef_store::MailRow { token: Some(value(OLD, 6)), ..sent }).await.unwrap();
        for column in SealedColumn::ALL {
            let row = tx.sealed_otherwise(column, NEW, 0, 9).await.unwrap().pop().unwrap();
            let before = SealedRow { sealed: value(OLD, 200), ..row.clone() };
            assert!(!tx.replace_sealed(column, &before, NEW).await.unwrap(), "{}", column.name());
            assert!(tx.replace_sealed(column, &row, NEW).await.unwrap(), "{}", column.name());
            assert_eq!(tx.sealed_otherwise(column, NEW, 0, 9).await.unwrap(), [], "{}", column.name());
        }
        let after = tx.secrets(slot.id).await.unwrap();
        assert_eq!((after.bot_token.as_deref(), after.model_key.as_deref()), (Some(NEW), Some(NEW)));
        assert_eq!(tx.worker_of(slot.id).await.unwrap().unwrap().settings, NEW);
        assert_eq!(tx.user(user).await.unwrap().unwrap().callback_secret, NEW);
    }
}

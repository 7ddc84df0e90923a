use reef_domain::ids::{MailId, UserId};
use reef_store::{MailKind, MailRow, MailTokenRow, NewMailToken, TokenPurpose, on_both_databases};

use crate::support::{NOW, add_unpaid_assistant, add_user, assert_corrupt, at, raw, uuid};

/// A mail that is not stored.
pub fn mail(user_id: Option<UserId>, kind: MailKind) -> MailRow {
    MailRow {
        id: MailId::new(uuid()),
        user_id,
        kind,
        recipient: Some("ada@example.com".to_owned()),
        assistant_id: None,
        assistant_name: None,
        detail: None,
        token: None,
        created_at: NOW,
        sent_at: None,
    }
}

fn token<'a>(hash: &'a [u8], mail: &MailRow, purpose: TokenPurpose) -> NewMailToken<'a> {
    NewMailToken {
        hash,
        mail_id: mail.id,
        user_id: mail.user_id,
        purpose,
        email: "ada@example.com",
        expires_at: at(1000),
    }
}

on_both_databases! {
    async fn mail_round_trips_and_loses_token_when_sent(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await;
        let row = MailRow {
            assistant_id: Some(slot.id),
            assistant_name: Some("Coral\r\n\u{1f41a}".to_owned()),
            detail: Some("why".to_owned()),
            token: Some(vec![1, 2]),
            ..mail(Some(user), MailKind::AssistantFailed)
        };
        let bare = MailRow { recipient: None, ..mail(None, MailKind::ResetPassword) };
        tx.insert_mail(&row).await.unwrap();
        tx.insert_mail(&bare).await.unwrap();
        assert_eq!(tx.find_mail(row.id).await.unwrap(), Some(row.clone()));
        assert_eq!(tx.find_mail(bare.id).await.unwrap(), Some(bare.clone()));
        assert_eq!(tx.find_mail(MailId::new(uuid())).await.unwrap(), None);
        tx.record_mail_sent(row.id, at(5)).await.unwrap();
        let sent = MailRow { token: None, sent_at: Some(at(5)), ..row };
        assert_eq!(tx.find_mail(sent.id).await.unwrap(), Some(sent));
        assert_eq!(tx.find_mail(bare.id).await.unwrap(), Some(bare));
    }

    async fn token_of_unsent_mail_can_be_deleted(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let row = MailRow { token: Some(vec![1]), ..mail(None, MailKind::ConfirmAddress) };
        let other = MailRow { token: Some(vec![2]), ..mail(None, MailKind::ConfirmAddress) };
        tx.insert_mail(&row).await.unwrap();
        tx.insert_mail(&other).await.unwrap();
        tx.delete_mail_secret(row.id).await.unwrap();
        assert_eq!(tx.find_mail(row.id).await.unwrap(), Some(MailRow { token: None, ..row }));
        assert_eq!(tx.find_mail(other.id).await.unwrap(), Some(other));
    }

    async fn unknown_mail_kind_is_corrupt(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let row = mail(None, MailKind::ConfirmAddress);
        tx.insert_mail(&row).await.unwrap();
        tx.commit().await.unwrap();
        raw!(db, "update mails set kind = 'greeting'");
        let found = db.store.read().await.unwrap().find_mail(row.id).await;
        assert_corrupt(found, "mails", row.id);
    }

    async fn recent_mail_about_assistant_is_found(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (slot, other) = (add_unpaid_assistant(&mut tx, user).await, add_unpaid_assistant(&mut tx, user).await);
        let kind = MailKind::PaymentFailed;
        tx.insert_mail(&MailRow { assistant_id: Some(slot.id), ..mail(Some(user), kind) }).await.unwrap();
        assert!(tx.has_mail_since(slot.id, kind, at(-1)).await.unwrap());
        assert!(!tx.has_mail_since(slot.id, kind, NOW).await.unwrap());
        assert!(!tx.has_mail_since(other.id, kind, at(-1)).await.unwrap());
        assert!(!tx.has_mail_since(slot.id, MailKind::AssistantFailed, at(-1)).await.unwrap());
    }

    async fn token_is_valid_once_for_its_purpose_until_expiry(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let row = mail(Some(user), MailKind::ResetPassword);
        tx.insert_mail(&row).await.unwrap();
        tx.insert_mail_token(&token(b"hash", &row, TokenPurpose::Reset)).await.unwrap();
        let whose = MailTokenRow { user_id: user, email: "ada@example.com".to_owned() };
        for (hash, purpose, when) in [
            (b"hush", TokenPurpose::Reset, at(0)),
            (b"hash", TokenPurpose::Confirm, at(0)),
            (b"hash", TokenPurpose::Reset, at(1000)),
        ] {
            assert_eq!(tx.find_mail_token(hash, purpose, when).await.unwrap(), None);
            assert_eq!(tx.consume_mail_token(hash, purpose, when).await.unwrap(), None);
        }
        assert_eq!(tx.find_mail_token(b"hash", TokenPurpose::Reset, at(999)).await.unwrap(), Some(whose.clone()));
        assert_eq!(tx.consume_mail_token(b"hash", TokenPurpose::Reset, at(999)).await.unwrap(), Some(whose));
        assert_eq!(tx.consume_mail_token(b"hash", TokenPurpose::Reset, at(999)).await.unwrap(), None);
    }

    async fn token_without_user_is_never_valid(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let row = mail(None, MailKind::ResetPassword);
        tx.insert_mail(&row).await.unwrap();
        tx.insert_mail_token(&token(b"hash", &row, TokenPurpose::Reset)).await.unwrap();
        assert_eq!(tx.find_mail_token(b"hash", TokenPurpose::Reset, NOW).await.unwrap(), None);
        assert_eq!(tx.consume_mail_token(b"hash", TokenPurpose::Reset, NOW).await.unwrap(), None);
    }

    async fn tokens_are_revoked_by_purpose_and_deleted_with_mail(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let (own, others) = (mail(Some(user), MailKind::ResetPassword), mail(Some(other), MailKind::ResetPassword));
        tx.insert_mail(&own).await.unwrap();
        tx.insert_mail(&others).await.unwrap();
        tx.insert_mail_token(&token(b"1", &own, TokenPurpose::Reset)).await.unwrap();
        tx.insert_mail_token(&token(b"2", &own, TokenPurpose::Reset)).await.unwrap();
        tx.insert_mail_token(&token(b"3", &own, TokenPurpose::Confirm)).await.unwrap();
        tx.insert_mail_token(&token(b"4", &others, TokenPurpose::Reset)).await.unwrap();
        assert_eq!(tx.revoke_mail_tokens(user, TokenPurpose::Reset).await.unwrap(), 2);
        assert!(tx.find_mail_token(b"3", TokenPurpose::Confirm, NOW).await.unwrap().is_some());
        assert!(tx.find_mail_token(b"4", TokenPurpose::Reset, NOW).await.unwrap().is_some());
        tx.delete_mail(own.id).await.unwrap();
        assert_eq!(tx.find_mail(own.id).await.unwrap(), None);
        assert_eq!(tx.find_mail_token(b"3", TokenPurpose::Confirm, NOW).await.unwrap(), None);
        assert!(tx.find_mail(others.id).await.unwrap().is_some());
    }

    async fn prune_deletes_tokens_before_mails(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let row = MailRow { token: Some(vec![9]), ..mail(Some(user), MailKind::ConfirmAddress) };
        tx.insert_mail(&row).await.unwrap();
        tx.insert_mail_token(&token(b"hash", &row, TokenPurpose::Confirm)).await.unwrap();
        assert_eq!(tx.prune_mails(at(999), NOW, NOW).await.unwrap(), 0);
        assert_eq!(tx.find_mail(row.id).await.unwrap(), Some(row.clone()));
        assert!(tx.find_mail_token(b"hash", TokenPurpose::Confirm, NOW).await.unwrap().is_some());
        assert_eq!(tx.prune_mails(at(1000), at(1), NOW).await.unwrap(), 0);
        assert_eq!(tx.find_mail_token(b"hash", TokenPurpose::Confirm, NOW).await.unwrap(), None);
        assert_eq!(tx.find_mail(row.id).await.unwrap().map(|row| row.token), Some(None));
        assert_eq!(tx.prune_mails(at(1000), at(1), at(1)).await.unwrap(), 1);
        assert_eq!(tx.find_mail(row.id).await.unwrap(), None);
    }
}

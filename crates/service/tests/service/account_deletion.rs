//! Deleting an account and everything in it.

use reef_ports::WorkerHostError;
use reef_service::accounts::{Account, AccountDeletion, DeletionPreview};
use reef_service::api_keys::NewApiKey;
use reef_service::testing::TestServices;
use reef_service::{Caller, ClientAddress, Error};
use reef_store::on_both_databases;
use secrecy::SecretString;

use crate::sessions::{find_session, open_session};
use crate::support::{HOUR, TICK, delete};
use crate::two_factor::Ada;

const HERE: ClientAddress = ClientAddress::UNKNOWN;

fn password() -> SecretString {
    SecretString::from("correct horse battery")
}

async fn customer(t: &TestServices) -> (Account, Caller) {
    let account = t.services.create_user("ada@example.com", &password()).await.expect("an account");
    let me = Caller::operator(account.id);
    (account, me)
}

async fn delete_account(t: &TestServices, me: &Caller) -> AccountDeletion {
    t.services.delete_account(me, &password(), None, HERE).await.expect("an end")
}

async fn api_key(t: &TestServices, me: &Caller) -> SecretString {
    let new = NewApiKey { name: "key".into(), read: true, write: true, ..NewApiKey::default() };
    t.services.create_api_key(me, &new).await.expect("a key").1
}

on_both_databases! {
    async fn account_deletion_removes_everything(db: TestStore) {
        let t = TestServices::new(db);
        let (account, me) = customer(&t).await;
        let other = t.create_user().await;
        let (running, paid, unpaid) = (t.create_active(&me).await, t.create_paid(&me).await, t.create_unpaid(&me).await);
        let others_assistant = t.create_active(&other).await;
        let key = api_key(&t, &me).await;
        open_session(&t, me.user_id, "laptop").await;
        let preview = t.services.account_deletion_preview(&me).await.unwrap();
        assert_eq!(preview, DeletionPreview { assistants: 2, running: 1, subscriptions: 2, keys: 1 });
        // An unpaid order that is too old to be listed.
        t.clock.advance(2 * HOUR);

        let mut changes = t.services.event_bus().subscribe(me.user_id, Some(others_assistant));
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Deleted);
        assert_eq!(changes.take_changes(), 1, "open streams end, also those about something else");
        assert_eq!(t.services.find_account(account.id).await.unwrap(), None);
        assert!(find_session(&t, "laptop").await.is_none());
        assert!(matches!(t.services.authenticate(&key).await, Err(Error::Unauthorized)));
        let gone = t.services.sign_in_with_password("ada@example.com", &password(), HERE).await;
        assert!(matches!(gone, Err(Error::WrongCredentials)), "{gone:?}");
        let again = t.services.delete_account(&me, &password(), None, HERE).await;
        assert!(matches!(again, Err(Error::Unauthorized)), "{again:?}");

        // Jobs end what exists outside of Reef.
        t.run_jobs().await;
        for id in [running, paid] {
            assert!(t.payments.revoked().contains(&TestServices::subscription_id(id)));
        }
        // The checkout of the unpaid order is paid nevertheless.
        t.pay(unpaid).await;
        assert!(t.payments.revoked().contains(&TestServices::subscription_id(unpaid)));
        let left: Vec<_> = t.workers.running().iter().map(|worker| worker.assistant_id).collect();
        assert_eq!(left, [others_assistant]);
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 3, "the other customer's secrets");
        // The email can be used again.
        customer(&t).await;
        t.finish().await;
    }

    async fn account_deletion_is_announced_by_mail(db: TestStore) {
        let t = TestServices::with_mail(db);
        // The email is unconfirmed, so no mail is sent.
        let (_, me) = customer(&t).await;
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Deleted);
        t.run_jobs().await;
        assert!(t.mailer.sent().is_empty());
        let (account, me) = customer(&t).await;
        let now = t.services.now();
        let mut tx = t.db.store.begin().await.unwrap();
        assert!(tx.confirm_email(account.id, "ada@example.com", now).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Deleted);
        t.run_jobs().await;
        assert_eq!(t.mailer.subjects("ada@example.com"), ["[Reef] Your account was deleted"]);
        let kept = t.mailer.sent().pop().unwrap();
        assert!(t.db.store.read().await.unwrap().find_mail(kept.id).await.unwrap().is_none(), "the address is not stored");
        assert_eq!(t.services.find_account(account.id).await.unwrap(), None);
        t.finish().await;
    }

    async fn remaining_worker_keeps_account(db: TestStore) {
        let t = TestServices::new(db);
        let (account, me) = customer(&t).await;
        let older = t.create_active(&me).await;
        t.clock.advance(TICK);
        let newer = t.create_active(&me).await;
        let key = api_key(&t, &me).await;
        open_session(&t, me.user_id, "laptop").await;
        let name = t.record(&me, newer).await.name;
        t.workers.script.fail("remove", 1, || WorkerHostError("out of reach".into()));
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::WorkerRemains { name });
        // Nothing else is deleted.
        for id in [older, newer] {
            assert_eq!(t.status(&me, id).await, reef_domain::wire::Status::Active);
        }
        t.services.authenticate(&key).await.unwrap();
        assert!(find_session(&t, "laptop").await.is_some());
        assert_eq!(t.services.find_account(account.id).await.unwrap(), Some(account));
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Deleted);
        assert!(t.workers.running().is_empty());
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }

    async fn account_deletion_requires_password_and_code(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let attempt = async |password: &str, code: Option<&SecretString>| {
            match t.services.delete_account(&ada.me, &password.into(), code, HERE).await {
                Err(Error::InvalidRequest(issues)) => Err(format!("{} {}", issues[0].path, issues[0].code)),
                done => Ok(done.unwrap()),
            }
        };
        let code = ada.code(&t);
        assert_eq!(attempt("wrong horse battery", Some(&code)).await, Err("password wrong".to_owned()));
        assert_eq!(attempt("correct horse battery", None).await, Err("code required".to_owned()));
        assert_eq!(attempt("correct horse battery", Some(&"abcdef".into())).await, Err("code wrong".to_owned()));
        assert!(t.services.find_account(ada.account.id).await.unwrap().is_some());
        assert_eq!(attempt("correct horse battery", Some(&code)).await, Ok(AccountDeletion::Deleted));
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 0);
        t.finish().await;
    }

    async fn account_deletion_by_others_is_refused(db: TestStore) {
        let t = TestServices::new(db);
        let (account, me) = customer(&t).await;
        let key = t.services.authenticate(&api_key(&t, &me).await).await.unwrap();
        let refused = t.services.delete_account(&key, &password(), None, HERE).await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
        let refused = t.services.list_sessions(&key, "").await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
        let refused = t.services.create_totp_secret(&key).await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
        assert!(t.services.find_account(account.id).await.unwrap().is_some());
        t.finish().await;
    }

    async fn assistant_deleted_meanwhile_does_not_block_account_deletion(db: TestStore) {
        let t = TestServices::new(db);
        let (_, me) = customer(&t).await;
        let id = t.create_active(&me).await;
        let (account, assistant) = tokio::join!(delete_account(&t, &me), delete(&t, &me, id));
        assert_eq!(account, AccountDeletion::Deleted);
        assert!(matches!(assistant, Ok(()) | Err(Error::NotFound)), "{assistant:?}");
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }
}

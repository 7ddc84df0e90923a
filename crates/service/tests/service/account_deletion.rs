//! Deleting an account and everything in it.

use reef_service::accounts::{Account, AccountDeletion, DeletionPreview};
use reef_service::api_keys::NewApiKey;
use reef_service::hub::News;
use reef_service::ports::HostError;
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
    let me = Caller::session(account.id);
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
    async fn everything_ends_with_the_account(db: TestStore) {
        let t = TestServices::new(db);
        let (account, me) = customer(&t).await;
        let other = t.user().await;
        let (running, paid, unpaid) = (t.active(&me).await, t.paid(&me).await, t.slot(&me).await);
        let others_assistant = t.active(&other).await;
        let key = api_key(&t, &me).await;
        open_session(&t, me.user_id, "laptop").await;
        let preview = t.services.account_deletion_preview(&me).await.unwrap();
        assert_eq!(preview, DeletionPreview { assistants: 2, running: 1, subscriptions: 2, keys: 1 });
        // An unpaid order that is too old to be listed.
        t.clock.advance(2 * HOUR);

        let mut changes = t.services.hub().listen();
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Done);
        let published: Vec<_> = std::iter::from_fn(|| changes.try_recv().ok()).collect();
        assert_eq!(published.last(), Some(&News::AccessEnded(me.user_id)), "open streams end");
        assert_eq!(t.services.account(account.id).await.unwrap(), None);
        assert!(find_session(&t, "laptop").await.is_none());
        assert!(matches!(t.services.authenticate(&key).await, Err(Error::Unauthorized)));
        let gone = t.services.sign_in_first("ada@example.com", &password(), HERE).await;
        assert!(matches!(gone, Err(Error::WrongCredentials)), "{gone:?}");
        let again = t.services.delete_account(&me, &password(), None, HERE).await;
        assert!(matches!(again, Err(Error::Unauthorized)), "{again:?}");

        // Jobs end what is outside of Reef.
        t.run().await;
        for id in [running, paid] {
            assert!(t.payments.revoked().contains(&TestServices::subscription_of(id)));
        }
        // The checkout of the unpaid order is paid nevertheless.
        t.pay(unpaid).await;
        assert!(t.payments.revoked().contains(&TestServices::subscription_of(unpaid)));
        let left: Vec<_> = t.workers.running().iter().map(|worker| worker.assistant_id).collect();
        assert_eq!(left, [others_assistant]);
        assert_eq!(t.services.sealed_with().await.unwrap().first, 3, "the other customer's secrets");
        // The email can be used again.
        customer(&t).await;
        t.finish().await;
    }

    async fn end_of_an_account_is_announced_by_mail(db: TestStore) {
        let t = TestServices::with_mail(db);
        // The email is unconfirmed, so no mail is sent.
        let (_, me) = customer(&t).await;
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Done);
        t.run().await;
        assert!(t.mailer.taken().is_empty());
        let (account, me) = customer(&t).await;
        let now = t.services.now();
        let mut tx = t.db.store.begin().await.unwrap();
        assert!(tx.confirm_address(account.id, "ada@example.com", now).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Done);
        t.run().await;
        assert_eq!(t.mailer.subjects("ada@example.com"), ["Your account was deleted"]);
        let kept = t.mailer.taken().pop().unwrap();
        assert!(t.db.store.read().await.unwrap().mail(kept.id).await.unwrap().is_none(), "the address is not stored");
        assert_eq!(t.services.account(account.id).await.unwrap(), None);
        t.finish().await;
    }

    async fn a_worker_that_stays_keeps_the_account(db: TestStore) {
        let t = TestServices::new(db);
        let (account, me) = customer(&t).await;
        let older = t.active(&me).await;
        t.clock.advance(TICK);
        let newer = t.active(&me).await;
        let key = api_key(&t, &me).await;
        open_session(&t, me.user_id, "laptop").await;
        let name = t.record(&me, newer).await.name;
        t.workers.script.fail("remove", 1, || HostError("out of reach".into()));
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::WorkerRemains { name });
        // Nothing else is deleted.
        for id in [older, newer] {
            assert_eq!(t.status(&me, id).await, reef_domain::wire::Status::Active);
        }
        t.services.authenticate(&key).await.unwrap();
        assert!(find_session(&t, "laptop").await.is_some());
        assert_eq!(t.services.account(account.id).await.unwrap(), Some(account));
        assert_eq!(delete_account(&t, &me).await, AccountDeletion::Done);
        assert!(t.workers.running().is_empty());
        t.run_after(HOUR).await;
        t.finish().await;
    }

    async fn an_account_goes_with_its_password_and_its_code(db: TestStore) {
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
        assert!(t.services.account(ada.account.id).await.unwrap().is_some());
        assert_eq!(attempt("correct horse battery", Some(&code)).await, Ok(AccountDeletion::Done));
        assert_eq!(t.services.sealed_with().await.unwrap().first, 0);
        t.finish().await;
    }

    async fn nobody_else_can_end_an_account(db: TestStore) {
        let t = TestServices::new(db);
        let (account, me) = customer(&t).await;
        let key = t.services.authenticate(&api_key(&t, &me).await).await.unwrap();
        let refused = t.services.delete_account(&key, &password(), None, HERE).await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
        let refused = t.services.sessions(&key, "").await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
        let refused = t.services.begin_totp(&key).await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
        assert!(t.services.account(account.id).await.unwrap().is_some());
        t.finish().await;
    }

    async fn what_another_tab_deletes_meanwhile_is_no_obstacle(db: TestStore) {
        let t = TestServices::new(db);
        let (_, me) = customer(&t).await;
        let id = t.active(&me).await;
        let (account, assistant) = tokio::join!(delete_account(&t, &me), delete(&t, &me, id));
        assert_eq!(account, AccountDeletion::Done);
        assert!(matches!(assistant, Ok(()) | Err(Error::NotFound)), "{assistant:?}");
        t.run_after(HOUR).await;
        t.finish().await;
    }
}

//! Mails about assistants, and sending mails in general.

use reef_domain::FailureCode;
use reef_domain::wire::Status::{Active, Failed, Stopped};
use reef_ports::{MailError, TelegramError};
use reef_service::ClientAddress;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{HOUR, MINUTE, TICK, redeploy, walk};

fn unavailable() -> MailError {
    MailError::Unavailable("no answer".to_owned())
}

/// The subjects of all mails that were sent.
fn subjects(t: &TestServices) -> Vec<String> {
    t.mailer.sent().into_iter().map(|mail| mail.subject).collect()
}

on_both_databases! {
    async fn failure_mail_has_cause_and_page_link(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let mails = t.mailer.sent();
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        let name = t.record(&me, id).await.name;
        let cause = mail.subject.strip_prefix(&format!("[Reef] {name} is down: ")).unwrap();
        assert!(!cause.is_empty() && FailureCode::TelegramTokenRejected.sentence().starts_with(cause), "{cause}");
        assert_eq!(Some(&mail.to), t.services.find_account(me.user_id).await.unwrap().map(|account| account.email).as_ref());
        let text = mail.text.expose_secret();
        assert!(text.contains("Telegram rejected the bot token"), "{text}");
        assert!(text.contains(&format!("\nhttps://reef.example/assistants/{id}\n")), "{text}");
        assert!(!format!("{mail:?}").contains("Your assistant"), "texts may hold secrets");
        t.finish().await;
    }

    async fn repeated_failures_cause_one_mail_an_hour(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let other = t.create_active(&me).await;
        let mut sent = Vec::new();
        for wait in [TICK, 30 * MINUTE, 30 * MINUTE - 2 * TICK, TICK] {
            t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
            crate::support::stop(&t, &me, id).await.ok();
            redeploy(&t, &me, id).await.unwrap();
            t.run_jobs().await;
            assert_eq!(t.status(&me, id).await, Failed);
            sent.push(subjects(&t).len());
            t.clock.advance(wait);
        }
        assert_eq!(sent, [1, 1, 1, 1]);
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(subjects(&t).len(), 2, "an hour later");
        // The failure of another assistant causes another mail.
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        crate::support::stop(&t, &me, other).await.unwrap();
        redeploy(&t, &me, other).await.unwrap();
        t.run_jobs().await;
        assert_eq!(subjects(&t).len(), 3);
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }

    async fn failed_payment_and_subscription_end_are_mailed(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let name = t.record(&me, id).await.name;
        t.receive_subscription_event(id, "subscription.past_due").await;
        t.receive_subscription_event(id, "subscription.past_due").await;
        t.run_jobs().await;
        assert_eq!(subjects(&t), [format!("[Reef] Action needed: update your card to keep {name}")]);
        assert_eq!(t.status(&me, id).await, Active);
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Stopped);
        assert_eq!(subjects(&t)[1..], [format!("[Reef] The subscription for {name} has ended")]);
        t.finish().await;
    }

    async fn mail_about_a_refund_names_it(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.receive_order_event(id, "order.refunded").await;
        t.run_jobs().await;
        let mails = t.mailer.sent();
        assert!(mails.last().unwrap().text.expose_secret().contains("was refunded"));
        t.finish().await;
    }

    async fn actions_of_owner_are_not_mailed(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        crate::support::stop(&t, &me, id).await.unwrap();
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        crate::support::delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(subjects(&t), [""; 0]);
        assert_eq!(walk(&t.events(id).await).len(), 7);
        t.finish().await;
    }

    async fn assistant_events_without_mail_write_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.receive_subscription_event(id, "subscription.past_due").await;
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        assert_eq!(t.mailer.script.count("send"), 0);
        t.finish().await;
    }

    async fn mail_is_retried_for_hours(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.mailer.script.fail("send", 3, unavailable);
        t.receive_subscription_event(id, "subscription.past_due").await;
        t.run_jobs().await;
        for _ in 0..3 {
            t.advance_and_run(MINUTE).await;
        }
        assert_eq!((subjects(&t).len(), t.mailer.script.count("send")), (1, 4));
        t.mailer.script.fail("send", 1000, unavailable);
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        for _ in 0..20 {
            t.advance_and_run(HOUR).await;
        }
        assert_eq!((t.count_jobs().await, t.mailer.script.count("send")), ((0, 1), 4 + 15));
    }

    async fn refused_mail_is_visible_and_its_link_destroyed(db: TestStore) {
        let t = TestServices::with_mail(db);
        t.mailer.script.fail("send", 1, || MailError::Refused { reason: "550".to_owned() });
        let password = SecretString::from("correct horse battery");
        t.services.sign_up("ada@example.com", &password, ClientAddress::UNKNOWN).await.unwrap();
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 2, "the signing secret and the secret of the link");
        t.run_jobs().await;
        assert_eq!(t.count_jobs().await, (0, 1));
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 1);
        t.clock.advance(29 * 24 * HOUR);
        t.services.prune().await.unwrap();
        assert_eq!(t.count_jobs().await, (0, 1));
        t.clock.advance(2 * 24 * HOUR);
        t.services.prune().await.unwrap();
        assert_eq!(t.count_jobs().await, (0, 0), "a mistyped address is not kept");
    }

    async fn address_is_undeliverable_until_an_email_arrives(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let is_undeliverable = async || t.services.is_email_undeliverable(&me).await.unwrap();
        assert!(!is_undeliverable().await);
        t.mailer.script.fail("send", 1, || MailError::Refused { reason: "550".to_owned() });
        t.receive_subscription_event(id, "subscription.past_due").await;
        t.run_jobs().await;
        assert!(is_undeliverable().await);
        t.clock.advance(HOUR);
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        assert!(!is_undeliverable().await, "the next one arrived");
    }

    async fn mail_with_lost_response_is_resent_with_same_id(db: TestStore) {
        let t = TestServices::with_mail(db);
        t.mailer.script.on("send", 1, reef_service::testing::Behavior::FailAfter(unavailable));
        let password = SecretString::from("correct horse battery");
        t.services.sign_up("ada@example.com", &password, ClientAddress::UNKNOWN).await.unwrap();
        t.run_jobs().await;
        t.advance_and_run(MINUTE).await;
        let mails = t.mailer.sent();
        let [first, again] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!(first.id, again.id);
        assert_eq!(first.text.expose_secret(), again.text.expose_secret());
        t.finish().await;
    }

    async fn expired_link_is_not_sent(db: TestStore) {
        let t = TestServices::with_mail(db);
        let password = SecretString::from("correct horse battery");
        t.services.sign_up("ada@example.com", &password, ClientAddress::UNKNOWN).await.unwrap();
        t.run_jobs().await;
        t.services.request_password_reset("ada@example.com", ClientAddress::UNKNOWN).await.unwrap();
        t.advance_and_run(HOUR).await;
        assert_eq!(subjects(&t), ["[Reef] Confirm your email"]);
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 1);
        t.finish().await;
    }

    async fn link_secrets_are_sealed_and_resealed(db: TestStore) {
        let t = TestServices::with_mail(db);
        let password = SecretString::from("correct horse battery");
        t.services.sign_up("ada@example.com", &password, ClientAddress::UNKNOWN).await.unwrap();
        let done = t.services.reseal().await.unwrap();
        assert!(done.iter().any(|column| column.column == "mails.token" && column.unreadable == 0));
        let jobs = {
            let mut tx = t.db.store.begin().await.unwrap();
            let now = t.services.now();
            tx.claim_jobs("mail", t.services.new_uuid(), now, now, 10).await.unwrap()
        };
        let payload = serde_json::to_value(&jobs[0].payload).unwrap();
        assert_eq!(payload.as_object().unwrap().keys().collect::<Vec<_>>(), ["mail_id"]);
        t.run_jobs().await;
        let token = t.mailer.token("ada@example.com", "confirm").unwrap();
        if let Some(file) = t.db.file() {
            for name in [file.clone(), file.with_extension("db-wal")] {
                let bytes = std::fs::read(name).unwrap_or_default();
                assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()));
            }
        }
        t.finish().await;
    }
}

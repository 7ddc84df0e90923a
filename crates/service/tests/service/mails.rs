//! Mails about assistants, and sending mails in general.

use reef_domain::FailureCode;
use reef_domain::wire::Status::{Active, Failed, Stopped};
use reef_service::ClientAddress;
use reef_service::ports::{MailError, TelegramError};
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{HOUR, MINUTE, TICK, redeploy, walk};

fn unavailable() -> MailError {
    MailError::Unavailable("no answer".to_owned())
}

/// The subjects of all mails that were sent.
fn subjects(t: &TestServices) -> Vec<String> {
    t.mailer.taken().into_iter().map(|mail| mail.subject).collect()
}

on_both_databases! {
    async fn a_failure_is_told_with_its_sentence_and_the_way_to_the_page(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        redeploy(&t, &me, id).await.unwrap();
        t.run().await;
        let mails = t.mailer.taken();
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        let name = t.record(&me, id).await.name;
        let cause = mail.subject.strip_prefix(&format!("[Reef] {name} is down: ")).unwrap();
        assert!(!cause.is_empty() && FailureCode::TelegramTokenRejected.sentence().starts_with(cause), "{cause}");
        assert_eq!(Some(&mail.to), t.services.account(me.user_id).await.unwrap().map(|account| account.email).as_ref());
        let text = mail.text.expose_secret();
        assert!(text.contains("Telegram rejected the bot token"), "{text}");
        assert!(text.contains(&format!("\nhttps://reef.example/assistants/{id}\n")), "{text}");
        assert!(!format!("{mail:?}").contains("Your assistant"), "texts may hold secrets");
        t.finish().await;
    }

    async fn an_assistant_that_fails_again_and_again_causes_one_mail_an_hour(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let other = t.active(&me).await;
        let mut sent = Vec::new();
        for wait in [TICK, 30 * MINUTE, 30 * MINUTE - 2 * TICK, TICK] {
            t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
            crate::support::stop(&t, &me, id).await.ok();
            redeploy(&t, &me, id).await.unwrap();
            t.run().await;
            assert_eq!(t.status(&me, id).await, Failed);
            sent.push(subjects(&t).len());
            t.clock.advance(wait);
        }
        assert_eq!(sent, [1, 1, 1, 1]);
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        redeploy(&t, &me, id).await.unwrap();
        t.run().await;
        assert_eq!(subjects(&t).len(), 2, "an hour later");
        // The failure of another assistant causes another mail.
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        crate::support::stop(&t, &me, other).await.unwrap();
        redeploy(&t, &me, other).await.unwrap();
        t.run().await;
        assert_eq!(subjects(&t).len(), 3);
        t.run_after(HOUR).await;
        t.finish().await;
    }

    async fn a_failed_payment_and_the_end_of_a_subscription_are_told(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let name = t.record(&me, id).await.name;
        t.subscription(id, "subscription.past_due").await;
        t.subscription(id, "subscription.past_due").await;
        t.run().await;
        assert_eq!(subjects(&t), [format!("Action needed: update your card to keep {name} running")]);
        assert_eq!(t.status(&me, id).await, Active);
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        assert_eq!(t.status(&me, id).await, Stopped);
        assert_eq!(subjects(&t)[1..], [format!("[Reef] {name} was stopped")]);
        t.finish().await;
    }

    async fn mail_about_a_refund_names_it(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.order(id, "order.refunded").await;
        t.run().await;
        let mails = t.mailer.taken();
        assert!(mails.last().unwrap().text.expose_secret().contains("was refunded"));
        t.finish().await;
    }

    async fn what_the_owner_does_is_not_told(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        crate::support::stop(&t, &me, id).await.unwrap();
        redeploy(&t, &me, id).await.unwrap();
        t.run().await;
        crate::support::delete(&t, &me, id).await.unwrap();
        t.run().await;
        assert_eq!(subjects(&t), [""; 0]);
        assert_eq!(walk(&t.events(id).await).len(), 7);
        t.finish().await;
    }

    async fn without_mail_nothing_is_written(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.subscription(id, "subscription.past_due").await;
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        assert_eq!(t.mailer.script.count("send"), 0);
        t.finish().await;
    }

    async fn a_mail_is_tried_until_the_server_takes_it_and_given_up_after_hours(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.mailer.script.fail("send", 3, unavailable);
        t.subscription(id, "subscription.past_due").await;
        t.run().await;
        for _ in 0..3 {
            t.run_after(MINUTE).await;
        }
        assert_eq!((subjects(&t).len(), t.mailer.script.count("send")), (1, 4));
        t.mailer.script.fail("send", 1000, unavailable);
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        for _ in 0..20 {
            t.run_after(HOUR).await;
        }
        assert_eq!((t.jobs().await, t.mailer.script.count("send")), ((0, 1), 4 + 15));
    }

    async fn what_the_server_refuses_is_visible_at_once_and_its_link_is_destroyed(db: TestStore) {
        let t = TestServices::with_mail(db);
        t.mailer.script.fail("send", 1, || MailError::Refused { reason: "550".to_owned() });
        let password = SecretString::from("correct horse battery");
        t.services.sign_up("ada@example.com", &password, ClientAddress::UNKNOWN).await.unwrap();
        assert_eq!(t.services.sealed_with().await.unwrap().first, 2, "the signing secret and the secret of the link");
        t.run().await;
        assert_eq!(t.jobs().await, (0, 1));
        assert_eq!(t.services.sealed_with().await.unwrap().first, 1);
        t.clock.advance(29 * 24 * HOUR);
        t.services.prune().await.unwrap();
        assert_eq!(t.jobs().await, (0, 1));
        t.clock.advance(2 * 24 * HOUR);
        t.services.prune().await.unwrap();
        assert_eq!(t.jobs().await, (0, 0), "a mistyped address is not kept");
    }

    async fn address_is_undeliverable_until_an_email_arrives(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let is_undeliverable = async || t.services.is_email_undeliverable(&me).await.unwrap();
        assert!(!is_undeliverable().await);
        t.mailer.script.fail("send", 1, || MailError::Refused { reason: "550".to_owned() });
        t.subscription(id, "subscription.past_due").await;
        t.run().await;
        assert!(is_undeliverable().await);
        t.clock.advance(HOUR);
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        assert!(!is_undeliverable().await, "the next one arrived");
    }

    async fn a_mail_whose_answer_was_lost_goes_out_again_under_the_same_id(db: TestStore) {
        let t = TestServices::with_mail(db);
        t.mailer.script.on("send", 1, reef_service::testing::Act::FailAfter(unavailable));
        let password = SecretString::from("correct horse battery");
        t.services.sign_up("ada@example.com", &password, ClientAddress::UNKNOWN).await.unwrap();
        t.run().await;
        t.run_after(MINUTE).await;
        let mails = t.mailer.taken();
        let [first, again] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!(first.id, again.id);
        assert_eq!(first.text.expose_secret(), again.text.expose_secret());
        t.finish().await;
    }

    async fn a_link_that_is_over_is_not_sent(db: TestStore) {
        let t = TestServices::with_mail(db);
        let password = SecretString::from("correct horse battery");
        t.services.sign_up("ada@example.com", &password, ClientAddress::UNKNOWN).await.unwrap();
        t.run().await;
        t.services.request_password_reset("ada@example.com", ClientAddress::UNKNOWN).await.unwrap();
        t.run_after(HOUR).await;
        assert_eq!(subjects(&t), ["Confirm your email"]);
        assert_eq!(t.services.sealed_with().await.unwrap().first, 1);
        t.finish().await;
    }

    async fn secrets_of_links_are_kept_sealed_and_resealed_and_nowhere_else(db: TestStore) {
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
        assert_eq!(payload.as_object().unwrap().keys().collect::<Vec<_>>(), ["kind", "mail_id"]);
        t.run().await;
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

//! Changes of running assistants, from their validation to their end.

use super::{
    UNCHANGED, UNDONE, active, all_secrets, assert_nothing_left, assert_runs_with, callback_statuses, change,
    has_replaced_config, paths,
};
use crate::support::{CHECKED, HOUR, message, notes, redeploy, walk};
use reef_domain::input::{ActivateInput, CallbackChange, UpdateInput};
use reef_domain::wire::ApiMode;
use reef_domain::wire::Status::{Active, Deploying, Failed, Purchased};
use reef_ports::{GreetError, ModelCheckError, TelegramError};
use reef_service::assistants::Change;
use reef_service::testing::{TestServices, activation, bot_token, model_key};
use reef_store::on_both_databases;
use secrecy::ExposeSecret as _;
use serde_json::Value;

on_both_databases! {
    async fn change_with_invalid_values_changes_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let before = t.record(&me, id).await;
        let other = t.next_number();
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        assert_eq!(paths(change(&t, &me, id, all_secrets(other)).await), ["telegramBotToken", "modelApiKey"]);
        t.models.script.fail("check", 1, || ModelCheckError::ModelUnavailable);
        assert_eq!(paths(change(&t, &me, id, all_secrets(other)).await), ["modelId"]);
        t.models.greet_script.fail("greet", 1, || GreetError::OutOfCredit);
        assert_eq!(paths(change(&t, &me, id, all_secrets(other)).await), ["modelApiKey"]);
        // A vendor that does not answer would not answer a deployment either.
        t.telegram.script.fail("get_me", 1, || TelegramError::Unavailable("down".into()));
        t.models.script.fail("check", 1, || ModelCheckError::Unavailable("down".into()));
        assert_eq!(paths(change(&t, &me, id, all_secrets(other)).await), ["telegramBotToken", "modelApiKey"]);
        // Stored values are checked, too: a key that was revoked meanwhile would not start again.
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        let bot = UpdateInput { telegram_bot_token: Some(bot_token(other)), ..UpdateInput::default() };
        assert_eq!(paths(change(&t, &me, id, bot).await), ["modelApiKey"]);
        assert_eq!(t.record(&me, id).await, before);
        assert_eq!(walk(&t.events(id).await), UNCHANGED);
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        t.finish().await;
    }

    async fn change_of_running_assistant_is_one_deployment(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.next_number();
        assert_eq!(change(&t, &me, id, all_secrets(other)).await.unwrap().status, Deploying);
        t.run_jobs().await;
        assert_runs_with(&t, id, other, "claude-opus-5");
        assert!(t.telegram.webhook(&bot_token(number)).is_none(), "the old bot has no webhook");
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Active]);
        assert_eq!(message(&t, &me, id).await, "");
        t.finish().await;
    }

    async fn change_whose_run_fails_is_undone(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.next_number();
        change(&t, &me, id, all_secrets(other)).await.unwrap();
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.run_jobs().await;
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        assert!(t.telegram.webhook(&bot_token(other)).is_none());
        assert_eq!(walk(&t.events(id).await), UNDONE);
        assert_eq!(notes(&t.events(id).await), [
            (Deploying, "Settings changed: model, API key and bot token."),
            (Deploying, "Change undone. Restored: model, API key and bot token."),
        ]);
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.model_id.as_deref()), (Active, Some("claude-sonnet-5")));
        assert!(message(&t, &me, id).await.starts_with("TELEGRAM_CONFLICT: "), "the reason is stored");
        let conflict = "TELEGRAM_CONFLICT";
        let expected = [
            ("deploying", ""), ("active", ""), ("deploying", ""),
            ("failed", conflict), ("deploying", conflict), ("active", conflict),
        ];
        assert_eq!(callback_statuses(&t, id), expected.map(|(status, code)| (status.to_owned(), code.to_owned())));
        t.finish().await;
    }

    async fn name_and_callback_url_change_without_restart(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let generation = t.get_stored(id).await.state.run().unwrap().generation;
        let callback = CallbackChange::Replace("https://elsewhere.example.com/".to_owned());
        let named = UpdateInput { name: Some("Pearl".to_owned()), ..UpdateInput::default() };
        let both = Change { update: Some(named), callback };
        let record = t.services.change(&me, &id.to_string(), Ok(both)).await.unwrap();
        assert_eq!((record.status, record.name.as_str()), (Active, "Pearl"));
        assert_eq!(record.user_callback_url.as_deref(), Some("https://elsewhere.example.com/"));
        assert_eq!(walk(&t.events(id).await), UNCHANGED);
        assert_eq!(t.get_stored(id).await.state.run().unwrap().generation, generation);
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        t.finish().await;
    }

    async fn undone_change_sends_no_failure_mail(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let (id, _) = active(&t, &me).await;
        change(&t, &me, id, all_secrets(t.next_number())).await.unwrap();
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!(t.mailer.sent().len(), 0);
        t.finish().await;
    }

    async fn never_started_assistant_sends_no_down_mail(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.activate(&me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Failed);
        for mail in t.mailer.sent() {
            assert!(!mail.text.expose_secret().contains("is down"), "{}", mail.subject);
        }
        t.finish().await;
    }

    async fn activation_with_invalid_values_is_refused(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        let number = 100_000 + t.next_number();
        let body = || match serde_json::json!({"name": "Coral", "modelProvider": "anthropic", "modelId": "claude-sonnet-5",
            "telegramBotToken": bot_token(number), "modelApiKey": model_key(number)}) {
            Value::Object(map) => map,
            other => panic!("{other}"),
        };
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        let refused = t.services.activate_with_stored_secrets(&me, &id.to_string(), body()).await;
        assert_eq!(paths(refused), ["telegramBotToken", "modelApiKey"]);
        assert_eq!(t.status(&me, id).await, Purchased);
        // A vendor that does not answer has not rejected anything: the deployment checks again.
        t.telegram.script.fail("get_me", 1, || TelegramError::Unavailable("slow".into()));
        t.services.activate_with_stored_secrets(&me, &id.to_string(), body()).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Active);
        t.finish().await;
    }

    async fn replaced_secrets_stay_sealed_until_new_run_is_active(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, _) = active(&t, &me).await;
        let count = async || t.services.count_sealed_by_key().await.unwrap().first;
        let before = count().await;
        let other = t.next_number();
        change(&t, &me, id, all_secrets(other)).await.unwrap();
        assert_eq!(count().await, before + 2, "the old bot token and model key");
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!((count().await, has_replaced_config(&t, id).await), (before, false));
        // The same holds after an undone change.
        change(&t, &me, id, all_secrets(t.next_number())).await.unwrap();
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.run_jobs().await;
        assert_runs_with(&t, id, other, "claude-opus-5");
        assert_eq!((count().await, has_replaced_config(&t, id).await), (before, false));
        t.finish().await;
    }

    async fn change_of_one_secret_keeps_other(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let key = UpdateInput { model_api_key: Some(model_key(t.next_number())), ..UpdateInput::default() };
        change(&t, &me, id, key).await.unwrap();
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        t.run_jobs().await;
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        assert!(message(&t, &me, id).await.starts_with("MODEL_KEY_REJECTED: Your change was undone"));
        // The next action clears the reason.
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(message(&t, &me, id).await, "");
        t.finish().await;
    }

    async fn failed_rollback_stays_failed_with_reason(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.next_number();
        change(&t, &me, id, all_secrets(other)).await.unwrap();
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.telegram.script.fail("set_webhook", 1, || TelegramError::TokenRejected);
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await)[3..], [Deploying, Failed, Deploying, Failed]);
        let status_message = message(&t, &me, id).await;
        assert!(status_message.starts_with("TELEGRAM_TOKEN_REJECTED: ") && status_message.contains("while your last change was being undone"), "{status_message}");
        t.advance_and_run(CHECKED).await;
        assert_nothing_left(&t, id, [number, other]).await;
        let mails = t.mailer.sent();
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        assert!(mail.text.expose_secret().contains("while your last change was being undone"));
        // The settings from before are configured, and can be deployed.
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        t.finish().await;
    }

    async fn api_redeployment_is_never_undone(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, _) = active(&t, &me).await;
        redeploy(&t, &me, id).await.unwrap();
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Failed]);
        t.advance_and_run(CHECKED).await;
        t.finish().await;
    }

    async fn rollback_keeps_managed_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
        t.pay(id).await;
        let input = ActivateInput {
            model_provider: None, model_id: "openrouter/auto".to_owned(), model_api_key: None, ..activation(t.next_number())
        };
        t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        t.run_jobs().await;
        let secrets = async || t.db.store.read().await.unwrap().get_secrets(id).await.unwrap();
        let before = secrets().await;
        assert!(before.managed_key_hash.is_some());
        let model = UpdateInput { model_id: Some("claude-sonnet-5".to_owned()), ..UpdateInput::default() };
        change(&t, &me, id, model).await.unwrap();
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.model_id.as_deref()), (Active, Some("openrouter/auto")));
        assert_eq!(secrets().await, before);
        assert!(!has_replaced_config(&t, id).await);
        t.advance_and_run(HOUR).await;
    }
}

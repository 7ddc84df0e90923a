//! Checking a bot and a model before anything is deployed, and activating with saved values.

use reef_domain::input::UpdateInput;
use reef_domain::wire::{ApiMode, Status};
use reef_ports::{BotIdentity, GreetError, ModelCheckError, TelegramError};
use reef_service::assistants::{ActiveBot, BotCheck, CheckTarget, ModelCheck};
use reef_service::testing::{MODEL, TestServices, bot_token, model_key};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use serde_json::{Map, Value, json};

fn bot_only(number: u64) -> UpdateInput {
    UpdateInput { telegram_bot_token: Some(bot_token(number)), ..UpdateInput::default() }
}

fn bot_and_model(number: u64) -> UpdateInput {
    UpdateInput {
        model_provider: Some("anthropic".into()),
        model_id: Some(MODEL.into()),
        model_api_key: Some(model_key(number)),
        ..bot_only(number)
    }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

async fn run_preflight(
    t: &TestServices,
    me: &Caller,
    id: &str,
    input: UpdateInput,
) -> (BotCheck, ModelCheck) {
    let found = t.services.preflight(me, id, Ok(input), CheckTarget::All).await.expect("check results");
    (found.bot.expect("the bot was checked"), found.model.expect("the model was checked"))
}

/// The bot that the assistant's page shows.
async fn shown_bot(t: &TestServices, me: &Caller, id: &str) -> Option<ActiveBot> {
    t.services.get_details(me, id).await.expect("an assistant").bot
}

/// Whether a bot token and a model key are stored.
async fn stored_secrets(t: &TestServices, me: &Caller, id: &str) -> (bool, bool) {
    let details = t.services.get_details(me, id).await.expect("an assistant");
    (details.bot_token.is_some(), details.model_key.is_some())
}

on_both_databases! {
    async fn preflight_reports_each_check_and_stores_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let slot = t.create_paid(&me).await;
        let id = slot.to_string();
        let before = t.record(&me, slot).await;
        let bot = BotIdentity { id: 7, username: "bot7_bot".into(), name: "Bot 7".into() };
        let good_bot = BotCheck::Accepted { bot: bot.clone(), picture: Some("data:image/png;base64,AQID".into()) };
        let hello = ModelCheck::Accepted { answer: Some(format!("Hello from {MODEL}.")) };
        assert_eq!(run_preflight(&t, &me, &id, bot_and_model(7)).await, (good_bot.clone(), hello.clone()));
        assert_eq!(run_preflight(&t, &me, &id, bot_only(7)).await, (good_bot, ModelCheck::Missing));
        assert_eq!(
            run_preflight(&t, &me, &id, UpdateInput::default()).await,
            (BotCheck::Missing, ModelCheck::Missing)
        );
        let only_bot = t.services.preflight(&me, &id, Ok(bot_and_model(7)), CheckTarget::Bot).await.unwrap();
        assert!(only_bot.bot.is_some() && only_bot.model.is_none());

        // A missing picture or greeting is not a failure.
        t.telegram.script.fail("picture", 1, || TelegramError::Unavailable("down".into()));
        t.models.greet_script.fail("greet", 1, || GreetError::NoAnswer("slow".into()));
        let (found_bot, found_model) = run_preflight(&t, &me, &id, bot_and_model(7)).await;
        assert_eq!(found_bot, BotCheck::Accepted { bot, picture: None });
        assert_eq!(found_model, ModelCheck::Accepted { answer: None });

        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        assert_eq!(
            run_preflight(&t, &me, &id, bot_and_model(7)).await,
            (BotCheck::Rejected, ModelCheck::KeyRejected)
        );
        t.telegram.script.fail("get_me", 1, || TelegramError::RateLimited { seconds: 9 });
        t.models.script.fail("check", 1, || ModelCheckError::ModelUnavailable);
        assert_eq!(
            run_preflight(&t, &me, &id, bot_and_model(7)).await,
            (BotCheck::NoAnswer, ModelCheck::Unavailable)
        );
        t.models.greet_script.fail("greet", 1, || GreetError::OutOfCredit);
        assert_eq!(run_preflight(&t, &me, &id, bot_and_model(7)).await.1, ModelCheck::OutOfCredit);

        assert_eq!(t.record(&me, slot).await, before);
        assert_eq!(stored_secrets(&t, &me, &id).await, (false, false));
        assert!(t.telegram.webhook(&bot_token(7)).is_none());
        t.finish().await;
    }

    async fn bot_running_elsewhere_is_in_use(db: TestStore) {
        let t = TestServices::new(db);
        let (me, somebody) = (t.create_user().await, t.create_user().await);
        let others_assistant = t.create_paid(&somebody).await;
        t.activate(&somebody, others_assistant).await.unwrap();
        t.run_jobs().await;
        let number = t.next_number() - 1;
        let mine = t.create_paid(&me).await.to_string();
        let (bot, _) = run_preflight(&t, &me, &mine, bot_and_model(number)).await;
        assert!(matches!(&bot, BotCheck::InUse { bot } if bot.id == i64::try_from(number).unwrap()), "{bot:?}");
        t.finish().await;
    }

    async fn preflight_requires_own_paid_assistant_and_is_limited(db: TestStore) {
        let t = TestServices::new(db);
        let (me, somebody) = (t.create_user().await, t.create_user().await);
        let unpaid = t.create_unpaid(&me).await.to_string();
        let refused = t.services.preflight(&me, &unpaid, Ok(bot_and_model(1)), CheckTarget::All).await;
        assert!(matches!(refused, Err(Error::InvalidState { .. })), "{refused:?}");
        let paid = t.create_paid(&me).await.to_string();
        let refused = t.services.preflight(&somebody, &paid, Ok(bot_and_model(1)), CheckTarget::All).await;
        assert!(matches!(refused, Err(Error::NotFound)));
        let unknown = UpdateInput { model_id: Some("clawd".into()), ..bot_and_model(1) };
        let refused = t.services.preflight(&me, &paid, Ok(unknown), CheckTarget::Model).await;
        assert!(matches!(refused, Err(Error::InvalidInput { .. })));
        let refused = loop {
            let result = t.services.preflight(&me, &paid, Ok(bot_only(1)), CheckTarget::Bot).await;
            if let Err(error) = result { break error; }
        };
        assert!(matches!(refused, Error::RateLimited { .. }), "{refused:?}");
        t.finish().await;
    }

    async fn managed_preflight_needs_no_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let slot = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
        t.pay(slot).await;
        let model = UpdateInput { model_id: Some("openrouter/auto".into()), ..UpdateInput::default() };
        assert_eq!(run_preflight(&t, &me, &slot.to_string(), model).await.1, ModelCheck::Managed);
        t.finish().await;
    }

    async fn activation_form_reports_every_problem_at_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await.to_string();
        let refused = async |body: Value| {
            let error = t.services.activate_with_stored_secrets(&me, &id, map(body)).await.expect_err("a refusal");
            let issues = error.issues().iter().map(|issue| (issue.path.clone(), issue.code.clone()));
            let mut issues: Vec<_> = issues.collect();
            issues.sort();
            issues
        };
        let pair = |path: &str, code: &str| (path.to_owned(), code.to_owned());
        let body = json!({"name": " ", "modelProvider": "anthropic", "modelId": MODEL, "modelApiKey": "sk-bad",
            "telegramBotToken": bot_token(100_001), "callbackUrl": "http://plain.example.com/"});
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        assert_eq!(refused(body.clone()).await, [
            pair("callbackUrl", "invalid_url"), pair("modelApiKey", "rejected"), pair("name", "required"),
            pair("telegramBotToken", "rejected"),
        ]);
        // A token that cannot be one is sent to nobody, and hides nothing else.
        let mut malformed = body.clone();
        malformed["telegramBotToken"] = json!("not-a-token");
        malformed["name"] = json!("Pearl");
        malformed["callbackUrl"] = json!("https://callbacks.example.com/");
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        assert_eq!(refused(malformed.clone()).await, [
            pair("modelApiKey", "rejected"), pair("telegramBotToken", "invalid_bot_token"),
        ]);
        // The fields of the model are checked without a name, and the bot is checked without a model.
        malformed.as_object_mut().unwrap().retain(|key, _| key == "telegramBotToken" || key == "name");
        malformed["telegramBotToken"] = body["telegramBotToken"].clone();
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        assert_eq!(refused(malformed).await, [
            pair("modelApiKey", "required"), pair("modelId", "required"), pair("modelProvider", "required"),
            pair("telegramBotToken", "rejected"),
        ]);
        assert_eq!(t.status(&me, reef_domain::ids::AssistantId::parse(&id).unwrap()).await, Status::Purchased);
        t.finish().await;
    }

    async fn saved_secrets_are_used_for_activation(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let slot = t.create_paid(&me).await;
        let id = slot.to_string();
        t.services.update(&me, &id, Ok(bot_and_model(7))).await.unwrap();
        assert_eq!(t.status(&me, slot).await, Status::Purchased);
        assert_eq!(stored_secrets(&t, &me, &id).await, (true, true));
        let (bot, model) = run_preflight(&t, &me, &id, UpdateInput::default()).await;
        assert!(matches!(bot, BotCheck::Accepted { .. }) && matches!(model, ModelCheck::Accepted { .. }));

        // A stored key is never sent to another provider.
        let body = json!({"name": "Coral", "modelProvider": "openai", "modelId": "gpt-5.5"});
        let refused = t.services.activate_with_stored_secrets(&me, &id, map(body)).await;
        let paths: Vec<_> = refused.unwrap_err().issues().iter().map(|issue| issue.path.clone()).collect();
        assert_eq!(paths, ["modelApiKey"]);

        let body = json!({"name": "Coral", "modelProvider": "anthropic", "modelId": MODEL});
        t.services.activate_with_stored_secrets(&me, &id, map(body)).await.unwrap();
        assert_eq!(shown_bot(&t, &me, &id).await, None, "the deployment has not run");
        t.run_jobs().await;
        assert_eq!(t.status(&me, slot).await, Status::Active);
        assert_eq!(t.models.checked().last().map(|(_, _, key)| key.clone()), Some(model_key(7)));
        let bot = shown_bot(&t, &me, &id).await.unwrap();
        assert_eq!((bot.bot_id, bot.bot_username.as_str()), (7, "bot7_bot"));
        // Typed values take precedence over stored ones.
        let other = t.create_paid(&me).await;
        t.services.update(&me, &other.to_string(), Ok(bot_and_model(8))).await.unwrap();
        let body = json!({"name": "Pearl", "modelProvider": "anthropic", "modelId": MODEL,
            "telegramBotToken": bot_token(900_009), "modelApiKey": model_key(900_009)});
        t.services.activate_with_stored_secrets(&me, &other.to_string(), map(body)).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown_bot(&t, &me, &other.to_string()).await.unwrap().bot_id, 900_009);
        t.finish().await;
    }
}

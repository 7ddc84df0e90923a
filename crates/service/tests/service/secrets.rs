//! No secret in the clear, neither in the database nor in debug output.

use data_encoding::HEXLOWER;
use reef_domain::wire::ApiMode;
use reef_service::Caller;
use reef_service::api_keys::NewApiKey;
use reef_service::testing::{POLAR_SECRET, TestServices, activation, bot_token, model_key};
use reef_store::{Database, on_both_databases};
use secrecy::{ExposeSecret, SecretString};
use sqlx::AssertSqlSafe;

use crate::support::{delete, redeploy, stop};

/// The whole contents of the database, as bytes.
async fn contents(t: &TestServices) -> Vec<u8> {
    match t.db.store.database() {
        Database::Sqlite { .. } => {
            let file = t.db.file().expect("a file");
            let wal = file.with_file_name("reef.db-wal");
            [std::fs::read(file).expect("the file"), std::fs::read(wal).expect("the log")].concat()
        }
        Database::Postgres(pool) => {
            let tables: Vec<(String,)> =
                sqlx::query_as("select tablename from pg_tables where schemaname = current_schema()")
                    .fetch_all(pool)
                    .await
                    .expect("tables");
            assert!(tables.len() > 10, "{tables:?}");
            let mut all = String::new();
            for (table,) in tables {
                let sql = format!("select coalesce(string_agg(t::text, ' '), '') from {table} t");
                let (rows,): (String,) =
                    sqlx::query_as(AssertSqlSafe(sql)).fetch_one(pool).await.expect("rows");
                all.push_str(&rows);
            }
            all.into_bytes()
        }
    }
}

fn holds(contents: &[u8], needle: &str) -> bool {
    contents.windows(needle.len()).any(|window| window == needle.as_bytes())
}

on_both_databases! {
    async fn life_cycle_stores_no_secret_in_clear(db: TestStore) {
        let t = TestServices::new(db);
        let password = SecretString::from("correct horse battery");
        let account = t.services.sign_up("ada@example.com", &password, reef_service::ClientAddress::UNKNOWN).await.unwrap();
        t.services.sign_in_with_password("ada@example.com", &password, reef_service::ClientAddress::UNKNOWN).await.unwrap();
        let me = Caller::operator(account.id);
        let new = NewApiKey { name: "findable name".into(), read: true, write: true, ..NewApiKey::default() };
        let (_, key) = t.services.create_api_key(&me, &new).await.unwrap();
        t.services.authenticate(&key).await.unwrap();
        let first = t.services.get_signing_secret(me.user_id).await.unwrap();
        let second = t.services.rotate_signing_secret(&me).await.unwrap();
        let (kept, gone) = (t.create_paid(&me).await, t.create_paid(&me).await);
        let managed = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
        t.pay(managed).await;
        for (number, id) in [(901, kept), (902, gone), (903, managed)] {
            t.services.activate(&me, &id.to_string(), Ok(activation(number))).await.unwrap();
        }
        t.run_jobs().await;
        let webhook_secret = t.workers.spec_of(kept).unwrap().webhook_secret;
        let managed_key = t.workers.spec_of(managed).unwrap().model_key;
        redeploy(&t, &me, kept).await.unwrap();
        t.run_jobs().await;
        stop(&t, &me, kept).await.unwrap();
        delete(&t, &me, gone).await.unwrap();
        t.run_jobs().await;

        let contents = contents(&t).await;
        assert!(holds(&contents, "findable name"), "the search finds known text");
        let mut secrets = vec![
            key.expose_secret().to_owned(),
            first.expose_secret().trim_start_matches("whsec_").to_owned(),
            second.expose_secret().trim_start_matches("whsec_").to_owned(),
            webhook_secret.expose_secret().to_owned(),
            managed_key.expose_secret().to_owned(),
            POLAR_SECRET.to_owned(),
            "correct horse battery".to_owned(),
        ];
        for number in [901, 902, 903] {
            secrets.extend([bot_token(number), model_key(number)]);
        }
        for secret in secrets {
            assert!(!holds(&contents, &secret), "in the clear: {secret}");
            assert!(!holds(&contents, &HEXLOWER.encode(secret.as_bytes())), "as hex: {secret}");
        }
        t.finish().await;
    }

    async fn deleted_assistant_has_no_secrets(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let mut tx = t.db.store.read().await.unwrap();
        assert!(tx.get_secrets(id).await.unwrap().bot_token.is_some());
        drop(tx);
        delete(&t, &me, id).await.unwrap();
        let mut tx = t.db.store.read().await.unwrap();
        assert_eq!(tx.get_secrets(id).await.unwrap(), reef_store::Secrets::default());
        drop(tx);
        t.run_jobs().await;
        t.finish().await;
    }

    async fn debug_output_shows_no_secrets(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let number = t.next_number() - 1;
        let spec = t.workers.spec_of(id).unwrap();
        let new = NewApiKey { name: "k".into(), read: true, write: true, ..NewApiKey::default() };
        let api_key = t.services.create_api_key(&me, &new).await.unwrap();
        let secret = t.services.get_signing_secret(me.user_id).await.unwrap();
        let details = t.services.get_details(&me, &id.to_string()).await.unwrap();
        let printed = format!("{:?} {:?} {spec:?} {api_key:?} {secret:?} {details:?} {me:?}", t.services.config(), t.services.vault());
        assert!(printed.contains(&id.to_string()), "the debug output is not empty");
        for hidden in [
            POLAR_SECRET,
            &bot_token(number),
            &model_key(number),
            spec.webhook_secret.expose_secret(),
            api_key.1.expose_secret(),
            secret.expose_secret(),
        ] {
            assert!(!printed.contains(hidden), "{hidden}");
        }
        t.finish().await;
    }
}

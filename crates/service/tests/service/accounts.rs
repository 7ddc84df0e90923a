use std::time::Duration;

use reef_service::accounts::SignIn;
use reef_service::testing::TestServices;
use reef_service::{ClientAddress, Error};
use reef_store::on_both_databases;
use secrecy::SecretString;
use tokio::time::Instant;

const HERE: ClientAddress = ClientAddress::UNKNOWN;

fn password(text: &str) -> SecretString {
    SecretString::from(text)
}

on_both_databases! {
    async fn email_spellings_are_one_account(db: TestStore) {
        let t = TestServices::new(db);
        let good = password("correct horse battery");
        let account = t.services.sign_up("Ada@Example.com ", &good, HERE).await.unwrap();
        assert_eq!(account.email, "ada@example.com");
        let Err(Error::InvalidRequest(issues)) = t.services.sign_up("aDA@example.COM", &good, HERE).await else { panic!() };
        assert_eq!((issues[0].path.as_str(), issues[0].code.as_str()), ("email", "taken"));
        for email in ["ada@example.com", " ADA@EXAMPLE.COM"] {
            assert_eq!(t.services.sign_in_with_password(email, &good, HERE).await.unwrap(), SignIn::SignedIn(account.clone()));
            assert_eq!(t.services.find_account_by_email(email).await.unwrap(), Some(account.clone()));
        }
        t.finish().await;
    }

    async fn concurrent_sign_ups_create_one_account(db: TestStore) {
        let t = TestServices::new(db);
        let mut both = tokio::task::JoinSet::new();
        for email in ["ada@example.com", "ADA@example.com"] {
            let services = t.services.clone();
            both.spawn(async move { services.sign_up(email, &password("correct horse battery"), HERE).await.is_ok() });
        }
        let mut made = both.join_all().await;
        made.sort_unstable();
        assert_eq!(made, [false, true]);
        t.finish().await;
    }

    async fn closed_sign_ups_still_allow_operator(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.signups_open = false);
        let good = password("correct horse battery");
        let Err(Error::InvalidRequest(issues)) = t.services.sign_up("ada@example.com", &good, HERE).await else { panic!() };
        assert_eq!(issues[0].code, "signups_closed");
        assert_eq!(t.services.find_account_by_email("ada@example.com").await.unwrap(), None);
        t.services.create_user("ada@example.com", &good).await.unwrap();
        t.services.sign_in_with_password("ada@example.com", &good, HERE).await.unwrap();
        t.finish().await;
    }

    async fn failed_sign_in_does_not_reveal_account(db: TestStore) {
        let t = TestServices::new(db);
        t.services.sign_up("ada@example.com", &password("correct horse battery"), HERE).await.unwrap();
        let wrong = password("wrong horse battery");
        let mut fastest = [Duration::MAX; 2];
        for _ in 0..5 {
            for (email, fastest) in ["ada@example.com", "nobody@example.com"].into_iter().zip(&mut fastest) {
                let began = Instant::now();
                let refused = t.services.sign_in_with_password(email, &wrong, HERE).await;
                *fastest = (*fastest).min(began.elapsed());
                let Err(error @ Error::WrongCredentials) = refused else { panic!("{email}: {refused:?}") };
                assert_eq!(error.message(), "Incorrect email or password");
            }
        }
        let [known, unknown] = fastest.map(|time| time.as_secs_f64());
        assert!(unknown > known / 2.0 && unknown < known * 2.0, "{fastest:?}");
        t.finish().await;
    }

    async fn invalid_email_or_password_is_refused_at_once(db: TestStore) {
        let t = TestServices::new(db);
        let Err(Error::InvalidRequest(issues)) = t.services.sign_up("nobody", &password("short"), HERE).await else { panic!() };
        assert_eq!(issues.into_iter().map(|issue| issue.path).collect::<Vec<_>>(), ["email", "password"]);
        let endless = password(&"x".repeat(100_000));
        assert!(matches!(t.services.sign_in_with_password("ada@example.com", &endless, HERE).await, Err(Error::WrongCredentials)));
        assert!(matches!(t.services.sign_in_with_password("nobody", &endless, HERE).await, Err(Error::WrongCredentials)));
        t.finish().await;
    }
}

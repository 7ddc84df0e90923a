use std::sync::Arc;
use std::time::Duration;

use reef_domain::ids::ApiKeyId;
use reef_domain::wire::Scope;
use reef_service::api_keys::NewApiKey;
use reef_service::testing::TestServices;
use reef_service::throttling::Quota;
use reef_service::{Caller, ClientAddress, Error, Services};
use reef_store::on_both_databases;
use reef_vault::Vault;
use secrecy::SecretString;

use crate::support::{HOUR, MINUTE, SECOND, TICK};

const HOME: &str = "203.0.113.7";
const AWAY: &str = "198.51.100.9";

fn from(address: &str) -> ClientAddress {
    ClientAddress(address.parse().expect("an address"))
}

fn key() -> ApiKeyId {
    ApiKeyId::parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("an id")
}

/// Another process on the same database.
fn other_process(t: &TestServices) -> Services {
    let key = data_encoding::BASE64.encode(&[7; 32]);
    let vault = Arc::new(Vault::new(&SecretString::from(key)).expect("a key"));
    Services::new(t.db.store.clone(), t.services.config().clone(), vault, t.services.ports().clone())
}

fn wait_of<T: std::fmt::Debug>(result: Result<T, Error>) -> u64 {
    match result {
        Err(Error::RateLimited { retry_after_seconds, .. }) => retry_after_seconds,
        other => panic!("not limited: {other:?}"),
    }
}

/// A well-formed key with a valid checksum that belongs to nobody.
fn unknown_key(number: u32) -> SecretString {
    let random = format!("{number:040x}");
    SecretString::from(format!(
        "reef_live_{random}{:08x}",
        crc32fast::hash(format!("reef_live_{random}").as_bytes())
    ))
}

async fn api_key(t: &TestServices, caller: &Caller) -> SecretString {
    let new = NewApiKey { name: "k".to_owned(), read: true, write: true, ..NewApiKey::default() };
    t.services.create_api_key(caller, &new).await.expect("a key").1
}

on_both_databases! {
    async fn rate_limit_is_shared_by_processes(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.rate_limit_per_minute = 10);
        let (one, two) = (&t.services, other_process(&t));
        for left in (6..10).rev() {
            let quota = one.count_request(key()).await.unwrap();
            assert_eq!(quota, Quota { limit: 10, remaining: left, resets_in_seconds: 60, is_exceeded: false });
        }
        one.sync_rate_limits().await.unwrap();
        t.clock.advance(20 * SECOND);
        // The other process joins the open window.
        let quota = two.count_request(key()).await.unwrap();
        assert_eq!((quota.remaining, quota.resets_in_seconds), (5, 40));
        for _ in 0..4 {
            one.count_request(key()).await.unwrap();
            two.count_request(key()).await.unwrap();
        }
        two.sync_rate_limits().await.unwrap();
        one.sync_rate_limits().await.unwrap();
        assert!(one.count_request(key()).await.unwrap().is_exceeded);
        // A process without new counts learns of the limit with its next request.
        assert!(!two.count_request(key()).await.unwrap().is_exceeded);
        two.sync_rate_limits().await.unwrap();
        assert!(two.count_request(key()).await.unwrap().is_exceeded);
        // The window ends for both processes at once.
        t.clock.advance(40 * SECOND);
        assert_eq!(one.count_request(key()).await.unwrap().remaining, 9);
        assert_eq!(two.count_request(key()).await.unwrap().remaining, 9);
    }

    async fn rate_limit_survives_restart(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.rate_limit_per_minute = 3);
        for _ in 0..4 {
            t.services.count_request(key()).await.unwrap();
        }
        t.services.sync_rate_limits().await.unwrap();
        assert!(other_process(&t).count_request(key()).await.unwrap().is_exceeded);
    }

    async fn invalid_keys_are_limited_by_address_and_valid_key_works(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.auth_failures_per_minute = 5);
        let good = api_key(&t, &t.create_user().await).await;
        let authenticate = async |key: &SecretString, address: &str| t.services.authenticate_from(key, Scope::Read, from(address)).await;
        for number in 0..5 {
            let refused = authenticate(&unknown_key(number), HOME).await;
            assert!(matches!(refused, Err(Error::Unauthorized)), "{number}: {refused:?}");
        }
        t.clock.advance(15 * SECOND);
        assert_eq!(wait_of(authenticate(&unknown_key(9), HOME).await), 45);
        assert_eq!(wait_of(authenticate(&SecretString::from("nonsense"), HOME).await), 45);
        authenticate(&good, HOME).await.unwrap();
        // A neighboring address has its own limit, and an IPv4-mapped address has none of its own.
        assert!(matches!(authenticate(&unknown_key(9), AWAY).await, Err(Error::Unauthorized)));
        assert_eq!(wait_of(authenticate(&unknown_key(9), "::ffff:203.0.113.7").await), 45);
        t.clock.advance(45 * SECOND);
        assert!(matches!(authenticate(&unknown_key(9), HOME).await, Err(Error::Unauthorized)));
        // The limit reaches other processes.
        for number in 0..5 {
            let _ = authenticate(&unknown_key(number), HOME).await;
        }
        t.services.sync_rate_limits().await.unwrap();
        let two = other_process(&t);
        assert!(matches!(two.authenticate_from(&unknown_key(1), Scope::Read, from(HOME)).await, Err(Error::Unauthorized)));
        two.sync_rate_limits().await.unwrap();
        wait_of(two.authenticate_from(&unknown_key(1), Scope::Read, from(HOME)).await);
        two.authenticate_from(&good, Scope::Read, from(HOME)).await.unwrap();
    }

    async fn invalid_keys_are_limited_by_wider_ipv6_networks(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.auth_failures_per_minute = 5);
        let good = api_key(&t, &t.create_user().await).await;
        let authenticate = async |number: u32, network: String| {
            t.services.authenticate_from(&unknown_key(number), Scope::Read, from(&network)).await
        };
        // A /56 may send twice as many as a /64.
        for number in 0..10 {
            let refused = authenticate(number, format!("2001:db8:1:{number:x}::1")).await;
            assert!(matches!(refused, Err(Error::Unauthorized)), "{number}: {refused:?}");
        }
        assert_eq!(wait_of(authenticate(10, "2001:db8:1:ff::1".to_owned()).await), 60);
        // A /48 may send four times as many as a /64.
        for number in 10..20 {
            let refused = authenticate(number, format!("2001:db8:1:{:x}::1", number << 8)).await;
            assert!(matches!(refused, Err(Error::Unauthorized)), "{number}: {refused:?}");
        }
        wait_of(authenticate(30, "2001:db8:1:fe00::1".to_owned()).await);
        assert!(matches!(authenticate(31, "2001:db8:2::1".to_owned()).await, Err(Error::Unauthorized)), "a neighboring /48");
        t.services.authenticate_from(&good, Scope::Read, from("2001:db8:1:fe00::1")).await.unwrap();
    }

    async fn revoked_key_from_limited_address_is_refused(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.auth_failures_per_minute = 1);
        let caller = t.create_user().await;
        let key = api_key(&t, &caller).await;
        t.services.authenticate_from(&key, Scope::Read, from(HOME)).await.unwrap();
        let _ = t.services.authenticate_from(&unknown_key(1), Scope::Read, from(HOME)).await;
        t.services.authenticate_from(&key, Scope::Read, from(HOME)).await.unwrap();
        t.services.revoke_api_key_by_secret(&key).await.unwrap();
        wait_of(t.services.authenticate_from(&key, Scope::Read, from(HOME)).await);
    }

    async fn password_guesses_wait_longer_and_longer(db: TestStore) {
        let t = TestServices::new(db);
        let right = SecretString::from("correct horse battery");
        let wrong = SecretString::from("wrong horse battery");
        t.services.create_user("ada@example.com", &right).await.unwrap();
        for email in ["ada@example.com", "nobody@example.com"] {
            let sign_in = async |password: &SecretString, address: &str| {
                t.services.sign_in_with_password(email, password, from(address)).await
            };
            for _ in 0..5 {
                assert!(matches!(sign_in(&wrong, HOME).await, Err(Error::WrongCredentials)));
            }
            // The wait is the same with and without an account, and holds for the right password, too.
            assert_eq!(wait_of(sign_in(&right, HOME).await), 10);
            t.clock.advance(10 * SECOND - TICK);
            assert_eq!(wait_of(sign_in(&right, HOME).await), 1);
            t.clock.advance(TICK);
            assert!(matches!(sign_in(&wrong, HOME).await, Err(Error::WrongCredentials)));
            // The spelling of the email and a restart make no difference.
            let again = other_process(&t).sign_in_with_password(&format!(" {} ", email.to_uppercase()), &right, from(HOME)).await;
            assert_eq!(wait_of(again), 20);
        }
        // The owner signs in from elsewhere, and from home after the wait.
        t.services.sign_in_with_password("ada@example.com", &right, from(AWAY)).await.unwrap();
        t.clock.advance(20 * SECOND);
        t.services.sign_in_with_password("ada@example.com", &right, from(HOME)).await.unwrap();
        for _ in 0..5 {
            assert!(matches!(t.services.sign_in_with_password("ada@example.com", &wrong, from(HOME)).await, Err(Error::WrongCredentials)));
        }
    }

    async fn concurrent_guesses_gain_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let mut guesses = tokio::task::JoinSet::new();
        for number in 0..20 {
            let services = t.services.clone();
            guesses.spawn(async move {
                let password = SecretString::from(format!("guess {number} horse battery"));
                services.sign_in_with_password("ada@example.com", &password, from(HOME)).await
            });
        }
        let looked_at = guesses.join_all().await;
        let looked_at = looked_at.iter().filter(|result| matches!(result, Err(Error::WrongCredentials))).count();
        assert_eq!(looked_at, 5);
    }

    async fn guesses_are_throttled_by_account_and_by_address(db: TestStore) {
        let t = TestServices::new(db);
        let password = SecretString::from("x");
        // A password this long is not hashed, so that the test is fast.
        let endless = SecretString::from("x".repeat(5000));
        for number in 0..50 {
            let refused = t.services.sign_in_with_password("ada@example.com", &endless, from(&format!("10.0.0.{number}"))).await;
            assert!(matches!(refused, Err(Error::WrongCredentials)), "{number}: {refused:?}");
        }
        assert_eq!(wait_of(t.services.sign_in_with_password("ada@example.com", &password, from("10.0.9.9")).await), 60);
        // A network without failures has its own few attempts.
        for _ in 0..2 {
            let refused = t.services.sign_in_with_password("ada@example.com", &endless, from(AWAY)).await;
            assert!(matches!(refused, Err(Error::WrongCredentials)), "{refused:?}");
        }
        assert_eq!(wait_of(t.services.sign_in_with_password("ada@example.com", &password, from(AWAY)).await), 60);
        for number in 0..50 {
            let refused = t.services.sign_in_with_password(&format!("u{number}@example.com"), &endless, from(HOME)).await;
            assert!(matches!(refused, Err(Error::WrongCredentials)), "{number}: {refused:?}");
        }
        assert_eq!(wait_of(t.services.sign_in_with_password("new@example.com", &password, from(HOME)).await), 10);
    }

    async fn sign_ups_are_throttled_by_address(db: TestStore) {
        let t = TestServices::new(db);
        t.services.create_user("ada@example.com", &SecretString::from("correct horse battery")).await.unwrap();
        let mut tx = t.db.store.begin().await.unwrap();
        for _ in 0..99 {
            let now = t.services.now();
            tx.record_throttle_attempt(&format!("sign-up from {HOME}"), None, now, now.plus(HOUR)).await.unwrap();
        }
        // Loopback addresses are not counted.
        tx.record_throttle_attempt("sign-up from 127.0.0.1", None, t.services.now(), t.services.now().plus(HOUR)).await.unwrap();
        tx.block_throttle("sign-up from 127.0.0.1", t.services.now().plus(HOUR)).await.unwrap();
        tx.commit().await.unwrap();
        let sign_up = async |email: &str, address: &str| {
            let password = SecretString::from("correct horse battery");
            t.services.sign_up(email, &password, from(address)).await
        };
        sign_up("one@example.com", HOME).await.unwrap();
        assert_eq!(wait_of(sign_up("two@example.com", HOME).await), 60);
        // The response does not reveal whether the email is taken either.
        assert_eq!(wait_of(sign_up("ada@example.com", HOME).await), 60);
        sign_up("two@example.com", AWAY).await.unwrap();
        sign_up("local@example.com", "127.0.0.1").await.unwrap();
        t.clock.advance(MINUTE);
        sign_up("three@example.com", HOME).await.unwrap();
        assert_eq!(wait_of(sign_up("four@example.com", HOME).await), 120);
        t.clock.advance(Duration::from_secs(24 * 3600));
        t.services.prune().await.unwrap();
        sign_up("four@example.com", HOME).await.unwrap();
    }
}

//! Wrong passwords and codes from elsewhere lock nobody out of their own account.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::future::join_all;
use reef_service::accounts::{Account, SignIn};
use reef_service::testing::{TestServices, totp_code};
use reef_service::{Caller, Client, ClientAddress, Error};
use reef_store::on_both_databases;
use secrecy::SecretString;

use crate::support::{MINUTE, SECOND};

const EMAIL: &str = "ada@example.com";
/// How often the owner signs in during a flood.
const ROUNDS: u32 = 200;
/// Guesses between two sign-ins, each from an address of its own.
const GUESSES: u32 = 60;

fn home() -> ClientAddress {
    ClientAddress("203.0.113.7".parse().expect("an address"))
}

/// The `number`-th address of an attacker who has many IPv4 and IPv6 addresses.
fn attacker(number: u32) -> ClientAddress {
    let v4 = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
    let v6 = IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | (u128::from(number) << 80)));
    ClientAddress(if number.is_multiple_of(2) { v4 } else { v6 })
}

fn password() -> SecretString {
    SecretString::from("correct horse battery")
}

/// A wrong password that is rejected without hashing, so that tests are fast.
fn unhashed_password() -> SecretString {
    SecretString::from("x".repeat(5000))
}

/// Whether signing in with the right password works without a wait.
async fn can_sign_in(t: &TestServices, password: &SecretString, from: impl Into<Client>) -> bool {
    match t.services.sign_in_with_password(EMAIL, password, from).await {
        Ok(SignIn::SignedIn(_)) => true,
        Err(Error::RateLimited { .. }) => false,
        other => panic!("{other:?}"),
    }
}

async fn guess(t: &TestServices, from: impl Into<Client>) -> Result<SignIn, Error> {
    t.services.sign_in_with_password(EMAIL, &unhashed_password(), from).await
}

/// Guesses from new addresses, some of them in the owner's network, until the account is throttled.
async fn flood(t: &TestServices, first: u32) {
    for number in 100..103 {
        let _ = guess(t, ClientAddress(IpAddr::V4(Ipv4Addr::new(203, 0, 113, number)))).await;
    }
    flood_elsewhere(t, first).await;
}

/// As [`flood`], from other providers' networks than the owner's.
async fn flood_elsewhere(t: &TestServices, first: u32) {
    for number in first..first + GUESSES {
        let _ = guess(t, attacker(number)).await;
    }
    assert!(matches!(guess(t, attacker(first + GUESSES)).await, Err(Error::RateLimited { .. })));
}

async fn account(t: &TestServices) -> Account {
    t.services.create_user(EMAIL, &password()).await.expect("an account")
}

/// A browser at an address that has signed in to an account.
fn browser(t: &TestServices, at: ClientAddress, account: &Account) -> Client {
    let client = Client::from(at);
    let devices = t.services.remember_device(&client, account);
    client.with_devices(&devices)
}

fn is_limited<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::RateLimited { .. }))
}

on_both_databases! {
    async fn password_flood_does_not_lock_out_owner(db: TestStore) {
        let t = TestServices::new(db);
        let owner = browser(&t, home(), &account(&t).await);
        let (mut is_in, mut stranger_is_in) = (0, 0);
        for round in 0..ROUNDS {
            for number in 0..GUESSES {
                let _ = guess(&t, attacker(round * GUESSES + number)).await;
            }
            is_in += u32::from(can_sign_in(&t, &password(), owner.clone()).await);
            stranger_is_in += u32::from(can_sign_in(&t, &password(), home()).await);
            t.clock.advance(SECOND);
        }
        println!("of {ROUNDS} times the owner got in {is_in}, in a browser never used before {stranger_is_in}");
        assert_eq!((is_in, stranger_is_in), (ROUNDS, ROUNDS));
        t.finish().await;
    }

    async fn attempt_without_hashing_permit_is_not_counted(db: TestStore) {
        let t = TestServices::new(db);
        let owner = browser(&t, home(), &account(&t).await);
        let password = password();
        let attempts = (0..40).map(|_| t.services.sign_in_with_password(EMAIL, &password, owner.clone()));
        let mut refused = 0;
        for attempt in join_all(attempts).await {
            match attempt {
                Ok(_) => {}
                Err(Error::RateLimited { message, .. }) => {
                    assert!(message.starts_with("Too many people"), "{message}");
                    refused += 1;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(refused > 0, "an account has no more than its share");
        assert!(can_sign_in(&t, &password, owner).await);
        t.finish().await;
    }

    async fn known_device_has_few_attempts_for_one_account(db: TestStore) {
        let t = TestServices::new(db);
        let ada = account(&t).await;
        let bob = t.services.create_user("bob@example.com", &password()).await.unwrap();
        let owner = browser(&t, home(), &ada);
        for _ in 0..5 {
            assert!(matches!(guess(&t, owner.clone()).await, Err(Error::WrongCredentials)));
        }
        assert!(is_limited(&guess(&t, owner.clone()).await), "a stolen cookie gives no unlimited guesses");
        // Attempts of a device delay nobody else.
        assert!(can_sign_in(&t, &password(), home()).await);
        t.clock.advance(10 * SECOND);
        assert!(can_sign_in(&t, &password(), owner.clone()).await);
        // A device of another account, a forged one, and one with the name of another account's device.
        flood(&t, 0).await;
        let bobs_browser = browser(&t, home(), &bob);
        let shown = t.services.remember_device(&owner, &ada);
        let mut forged = secrecy::ExposeSecret::expose_secret(&shown).to_owned();
        forged.replace_range(..1, if forged.starts_with('0') { "1" } else { "0" });
        for other in [bobs_browser, Client::from(home()).with_devices(&forged.into())] {
            assert!(is_limited(&t.services.sign_in_with_password(EMAIL, &password(), other).await));
        }
        assert!(can_sign_in(&t, &password(), owner).await);
        t.finish().await;
    }

    async fn browser_is_known_device_of_several_accounts(db: TestStore) {
        let t = TestServices::new(db);
        let ada = account(&t).await;
        let bob = t.services.create_user("bob@example.com", &password()).await.unwrap();
        let mut both = browser(&t, home(), &ada);
        for known in [&bob, &ada, &bob] {
            let devices = t.services.remember_device(&both, known);
            both = both.with_devices(&devices);
        }
        flood(&t, 0).await;
        assert!(can_sign_in(&t, &password(), both).await);
        t.finish().await;
    }

    async fn forged_device_does_not_reveal_account(db: TestStore) {
        let t = TestServices::new(db);
        let mine = browser(&t, home(), &account(&t).await);
        t.services.create_user("bob@example.com", &password()).await.unwrap();
        for email in ["bob@example.com", "nobody@example.com"] {
            let mut answers = Vec::new();
            for _ in 0..7 {
                let answer = t.services.sign_in_with_password(email, &unhashed_password(), mine.clone()).await;
                answers.push(answer.unwrap_err().to_string());
            }
            assert_eq!(answers[0], "Incorrect email or password", "{email}");
            assert_eq!(answers.iter().filter(|answer| **answer == answers[0]).count(), 5, "{email}");
        }
        t.finish().await;
    }

    async fn new_password_invalidates_devices_and_renews_own(db: TestStore) {
        let t = TestServices::new(db);
        let ada = account(&t).await;
        let (laptop, phone) = (browser(&t, home(), &ada), browser(&t, home(), &ada));
        let new = SecretString::from("another horse battery");
        let me = Caller::operator(ada.id);
        let devices = t.services.change_password(&me, "", &new, laptop.clone()).await.unwrap().devices;
        flood(&t, 0).await;
        for dead in [&laptop, &phone] {
            assert!(is_limited(&t.services.sign_in_with_password(EMAIL, &new, dead.clone()).await));
        }
        assert!(can_sign_in(&t, &new, laptop.with_devices(&devices)).await);
        t.finish().await;
    }

    async fn reset_clears_password_throttle(db: TestStore) {
        let t = TestServices::with_mail(db);
        account(&t).await;
        let new = SecretString::from("another horse battery");
        // The old password is guessed from everywhere, from the owner's address, and in the settings.
        flood(&t, 0).await;
        let mut here = 0;
        while !is_limited(&guess(&t, home()).await) {
            here += 1;
            assert!(here < 10);
        }
        let me = Caller::operator(t.services.find_account_by_email(EMAIL).await.unwrap().unwrap().id);
        for _ in 0..5 {
            let _ = t.services.reauthenticate(&me, &unhashed_password(), home()).await;
        }
        t.services.request_password_reset(EMAIL, home()).await.unwrap();
        t.run_jobs().await;
        assert!(is_limited(&guess(&t, home()).await), "the request itself changes nothing");
        let token = SecretString::from(t.mailer.token(EMAIL, "reset").unwrap());
        t.services.reset_password(&token, &new, home()).await.unwrap();
        assert!(can_sign_in(&t, &new, home()).await);
        let third = SecretString::from("third horse battery");
        t.services.change_password(&me, "", &third, home()).await.unwrap();
        t.services.replace_password(EMAIL, &new, false).await.unwrap();
        assert!(can_sign_in(&t, &new, home()).await);
        // The flood continues, and the person who has read the mail has a known device.
        t.services.request_password_reset(EMAIL, home()).await.unwrap();
        t.run_jobs().await;
        let token = SecretString::from(t.mailer.token(EMAIL, "reset").unwrap());
        let again = t.services.reset_password(&token, &third, Client::from(home())).await.unwrap();
        flood(&t, 1000).await;
        assert!(is_limited(&t.services.sign_in_with_password(EMAIL, &third, home()).await));
        assert!(can_sign_in(&t, &third, Client::from(home()).with_devices(&again.devices)).await);
        t.run_jobs().await;
        t.finish().await;
    }

    async fn reset_keeps_code_throttle(db: TestStore) {
        let t = TestServices::with_mail(db);
        let ada = account(&t).await;
        let me = Caller::operator(ada.id);
        let mut tx = t.services.store().begin().await.unwrap();
        assert!(tx.confirm_email(ada.id, EMAIL, t.services.now()).await.unwrap());
        tx.commit().await.unwrap();
        let secret = t.services.create_totp_secret(&me).await.unwrap().secret;
        t.services.confirm_totp(&me, &totp_code(&secret, t.services.now()), home()).await.unwrap();
        t.clock.advance(MINUTE);
        let (mut password, mut refused) = (password(), 0);
        let mut browser = Client::from(home());
        for round in 0..3 {
            let SignIn::NeedsCode(pending) = t.services.sign_in_with_password(EMAIL, &password, browser.clone()).await.unwrap() else { panic!() };
            for _ in 0..5 {
                refused += usize::from(is_limited(&t.services.sign_in_with_code(&pending, &"abcdef".into(), browser.clone()).await));
            }
            t.services.request_password_reset(EMAIL, home()).await.unwrap();
            t.run_jobs().await;
            let token = SecretString::from(t.mailer.token(EMAIL, "reset").unwrap());
            password = SecretString::from(format!("new horse battery {round}"));
            let reset = t.services.reset_password(&token, &password, home()).await.unwrap();
            browser = Client::from(home()).with_devices(&reset.devices);
        }
        assert!(refused == 10, "{refused}");
        t.run_jobs().await;
        t.finish().await;
    }

    async fn code_flood_does_not_lock_out_owner(db: TestStore) {
        let t = TestServices::new(db);
        let ada = account(&t).await;
        let me = Caller::operator(ada.id);
        let secret = t.services.create_totp_secret(&me).await.unwrap().secret;
        let recovery = t.services.confirm_totp(&me, &totp_code(&secret, t.services.now()), home()).await.unwrap();
        let owner = browser(&t, home(), &ada);
        let SignIn::NeedsCode(pending) = t.services.sign_in_with_password(EMAIL, &password(), attacker(0)).await.unwrap() else { panic!() };
        for number in 0..60 {
            let _ = t.services.sign_in_with_code(&pending, &"abcdef".into(), attacker(number)).await;
        }
        let SignIn::NeedsCode(mine) = t.services.sign_in_with_password(EMAIL, &password(), owner.clone()).await.unwrap() else { panic!() };
        assert!(is_limited(&t.services.sign_in_with_code(&mine, &recovery[0], home()).await));
        t.services.sign_in_with_code(&mine, &recovery[0], owner.clone()).await.unwrap();
        t.services.replace_recovery_codes(&me, &recovery[1], owner).await.unwrap();
        t.finish().await;
    }

    async fn ipv6_is_throttled_by_wider_networks(db: TestStore) {
        let t = TestServices::new(db);
        // Each address guesses at another account, so that only networks are throttled.
        let try_from = async |number: u32, address: Ipv6Addr| {
            let from = ClientAddress(IpAddr::V6(address));
            is_limited(&t.services.sign_in_with_password(&format!("u{number}@example.com"), &unhashed_password(), from).await)
        };
        let network = |bits: u128| Ipv6Addr::from_bits((0x2001_0db8_0001 << 80) | bits);
        // A /56 has a limit of its own.
        for number in 0..100 {
            assert!(!try_from(number, network(u128::from(number) << 64)).await, "{number}");
        }
        assert!(try_from(100, network(200 << 64)).await);
        // The /48 has a limit of its own.
        for number in 100..200 {
            assert!(!try_from(number, network(u128::from(number) << 72)).await, "{number}");
        }
        assert!(try_from(300, network(250 << 72)).await);
        let neighbor = Ipv6Addr::from_bits(0x2001_0db8_0002 << 80);
        assert!(!try_from(301, neighbor).await);
        t.finish().await;
    }

    async fn new_browser_in_failing_network_waits(db: TestStore) {
        let t = TestServices::new(db);
        account(&t).await;
        flood_elsewhere(&t, 0).await;
        let next_door = ClientAddress("203.0.113.8".parse().unwrap());
        for _ in 0..2 {
            assert!(matches!(guess(&t, next_door).await, Err(Error::WrongCredentials)));
        }
        assert!(is_limited(&guess(&t, next_door).await), "a network has few attempts while the account is throttled");
        assert!(is_limited(&guess(&t, home()).await), "the limit holds for all of its addresses");
        t.finish().await;
    }

    async fn guesses_from_new_networks_are_bounded(db: TestStore) {
        let t = TestServices::new(db);
        account(&t).await;
        let mut checked = 0;
        for number in 0..2000_u32 {
            let from = ClientAddress(IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + (number << 16))));
            checked += u32::from(matches!(guess(&t, from).await, Err(Error::WrongCredentials)));
        }
        println!("of 2,000 guesses, each from a network of its own, {checked} were checked");
        assert!((50..=110).contains(&checked), "{checked}");
        t.finish().await;
    }

    async fn ipv6_customer_does_not_throttle_others(db: TestStore) {
        let t = TestServices::new(db);
        account(&t).await;
        for number in 0..60_u128 {
            let address = Ipv6Addr::from_bits((0x2001_0db8_0001 << 80) | (number << 64));
            let _ = guess(&t, ClientAddress(IpAddr::V6(address))).await;
        }
        // Two failures in a row, so that the exception for clean networks does not apply.
        for _ in 0..4 {
            assert!(matches!(guess(&t, home()).await, Err(Error::WrongCredentials)));
        }
        assert!(can_sign_in(&t, &password(), home()).await);
        t.finish().await;
    }

    async fn password_change_keeps_code_throttle(db: TestStore) {
        let t = TestServices::new(db);
        let ada = account(&t).await;
        let me = Caller::operator(ada.id);
        let secret = t.services.create_totp_secret(&me).await.unwrap().secret;
        t.services.confirm_totp(&me, &totp_code(&secret, t.services.now()), home()).await.unwrap();
        t.clock.advance(MINUTE);
        let mut refused = 0;
        for round in 0..3 {
            let new = SecretString::from(format!("new horse battery {round}"));
            let devices = t.services.change_password(&me, "", &new, home()).await.unwrap().devices;
            let browser = Client::from(home()).with_devices(&devices);
            for _ in 0..5 {
                let result = t.services.disable_totp(&me, &new, &"abcdef".into(), browser.clone()).await;
                refused += usize::from(is_limited(&result));
            }
        }
        assert!(refused >= 9, "{refused}");
        t.finish().await;
    }

    async fn reset_with_two_factor_trusts_browser_for_password_only(db: TestStore) {
        let t = TestServices::with_mail(db);
        let ada = t.services.sign_up(EMAIL, &password(), home()).await.unwrap();
        let me = Caller::operator(ada.id);
        t.run_jobs().await;
        let confirm = SecretString::from(t.mailer.token(EMAIL, "confirm").unwrap());
        t.services.confirm_email(&confirm, Some(&me), &"".into(), home()).await.unwrap();
        let secret = t.services.create_totp_secret(&me).await.unwrap().secret;
        let codes = t.services.confirm_totp(&me, &totp_code(&secret, t.services.now()), home()).await.unwrap();
        t.services.request_password_reset(EMAIL, home()).await.unwrap();
        t.run_jobs().await;
        let token = SecretString::from(t.mailer.token(EMAIL, "reset").unwrap());
        let new = SecretString::from("another horse battery");
        let reset = t.services.reset_password(&token, &new, home()).await.unwrap();
        let browser = Client::from(home()).with_devices(&reset.devices);
        flood(&t, 0).await;
        assert!(is_limited(&t.services.sign_in_with_password(EMAIL, &new, home()).await));
        let SignIn::NeedsCode(pending) = t.services.sign_in_with_password(EMAIL, &new, browser.clone()).await.unwrap() else { panic!() };
        for _ in 0..5 {
            let _ = t.services.sign_in_with_code(&pending, &"abcdef".into(), home()).await;
        }
        let result = t.services.sign_in_with_code(&pending, &"abcdef".into(), browser.clone()).await;
        assert!(is_limited(&result), "codes count for the network");
        t.clock.advance(10 * SECOND);
        let account = t.services.sign_in_with_code(&pending, &codes[0], browser.clone()).await.unwrap();
        // A complete sign-in makes it a known device for passwords and codes.
        let devices = t.services.remember_device(&browser, &account);
        for _ in 0..6 {
            let _ = t.services.sign_in_with_code(&pending, &"abcdef".into(), home()).await;
        }
        let whole = browser.with_devices(&devices);
        t.services.sign_in_with_code(&pending, &codes[1], whole).await.unwrap();
        t.run_jobs().await;
        t.finish().await;
    }
}

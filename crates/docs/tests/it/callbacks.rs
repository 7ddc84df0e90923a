//! Tests of the guide to callbacks: Reef signs its test vector in the same way, and its code verifies it in each language.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::samples::run;
use crate::{DOCS, codes};

/// The Rust code of the guide.
mod shown {
    include!("../../guides/verify.rs");

    pub fn is_signed(secret: &str, id: &str, sent_at: &str, signatures: &str, body: &[u8], now: i64) -> bool {
        verify(secret, id, sent_at, signatures, body, now)
    }
}

/// The test vector of the guide.
struct TestVector {
    secret: String,
    id: String,
    sent_at: i64,
    signature: String,
    body: String,
}

fn code(language: &str) -> &'static str {
    let of_page = codes().into_iter().filter(|(page, _)| *page == "/docs/callbacks");
    of_page.map(|(_, code)| code).find(|code| code.language == language).unwrap().text.as_str()
}

fn vector() -> TestVector {
    let (head, body) = code("http").split_once("\n\n").unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap().to_owned()
    };
    TestVector {
        secret: code("text").to_owned(),
        id: header("webhook-id"),
        sent_at: header("webhook-timestamp").parse().unwrap(),
        signature: header("webhook-signature"),
        body: body.to_owned(),
    }
}

/// Returns signatures, body and time of each case, and whether verification must succeed: valid, after a rotation, with a
/// changed body, with a wrong signature, too new and too old.
fn cases(vector: &TestVector) -> Vec<(String, String, i64, bool)> {
    let two = format!("v1,AAAA {}", vector.signature);
    let right = |signature: &str| (signature.to_owned(), vector.body.clone(), vector.sent_at + 5);
    let (signature, body, now) = right(&vector.signature);
    vec![
        (signature.clone(), body.clone(), now, true),
        (two, body.clone(), now, true),
        (signature.clone(), body.replace("active", "failed"), now, false),
        ("v1,AAAA".to_owned(), body.clone(), now, false),
        (signature.clone(), body.clone(), now + 300, false),
        (signature, body, now - 400, false),
    ]
}

#[test]
fn test_vector_matches_signature_of_reef() {
    let TestVector { secret, id, sent_at, signature, body } = vector();
    let signed = reef_service::callbacks::sign(&[SecretString::from(secret)], &id, sent_at, &body).unwrap();
    assert_eq!(signed, signature);
    assert!(serde_json::from_str::<Value>(&body).is_ok());
}

#[test]
fn rust_code_verifies_the_test_vector() {
    let vector = vector();
    assert!(code("rust").contains("fn verify("));
    for (signatures, body, now, expected) in cases(&vector) {
        let sent_at = vector.sent_at.to_string();
        let found = shown::is_signed(&vector.secret, &vector.id, &sent_at, &signatures, body.as_bytes(), now);
        assert_eq!(found, expected, "{signatures} {now} {body}");
    }
}

/// Runs the code of the guide on each case and asserts its results.
fn assert_verifies(program: &str, arguments: &[&str], source: &str) {
    let vector = vector();
    let inputs: Vec<Value> = cases(&vector)
        .into_iter()
        .map(|(signatures, body, now, _)| {
            let headers = json!({"webhook-id": vector.id, "webhook-timestamp": vector.sent_at.to_string(), "webhook-signature": signatures});
            json!([vector.secret, headers, body, now])
        })
        .collect();
    let source = source.replace("INPUTS", &serde_json::to_string(&json!(inputs).to_string()).unwrap());
    let (is_ok, said) = run(program, arguments, &source);
    let expected: Vec<bool> = cases(&vector).into_iter().map(|case| case.3).collect();
    assert!(is_ok, "{said}");
    assert_eq!(serde_json::from_str::<Vec<bool>>(&said).unwrap(), expected, "{said}");
}

#[test]
fn python_code_verifies_the_test_vector() {
    let driver =
        "import json\nprint(json.dumps([verify(s, h, b.encode(), n) for s, h, b, n in json.loads(INPUTS)]))";
    assert_verifies("python3", &["-"], &format!("{}\n\n{driver}", code("python")));
}

#[test]
fn node_code_verifies_the_test_vector() {
    let driver = "console.log(JSON.stringify(JSON.parse(INPUTS).map(([s, h, b, n]) => verify(s, h, Buffer.from(b), n))));";
    assert_verifies("node", &["--input-type=module"], &format!("{}\n{driver}", code("javascript")));
}

#[test]
fn numbers_in_guides_match_the_server() {
    let page = DOCS.page("/docs/callbacks").unwrap();
    let words = |after: &Duration| match after.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    };
    let all: Vec<String> = reef_service::callbacks::RETRY_DELAYS.iter().map(words).collect();
    let (last, others) = all.split_last().unwrap();
    assert!(page.markdown.contains(&format!("after {} and {last};", others.join(", "))), "{all:?}");
    let hours = reef_service::callbacks::PREVIOUS_SECRET_VALID_FOR.as_secs() / 3600;
    assert!(page.markdown.contains(&format!("for {hours} hours after you rotate")));
    let limits = &DOCS.page("/docs/limits").unwrap().markdown;
    let keys = reef_service::api_keys::KEYS_MAX;
    for line in [
        format!("| Active API keys | {keys} per account |"),
        format!("| {} entries |", reef_domain::query::LIMIT_MAX),
        format!("| {} seconds |", reef_domain::query::WAIT_MAX_SECONDS),
    ] {
        assert!(limits.contains(&line), "{line}");
    }
}

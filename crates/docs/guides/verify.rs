use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns whether Reef has signed `body` within the last five minutes. `id`, `sent_at` and `signatures` are the headers
/// `webhook-id`, `webhook-timestamp` and `webhook-signature`; `now` is in seconds since 1970.
fn verify(secret: &str, id: &str, sent_at: &str, signatures: &str, body: &[u8], now: i64) -> bool {
    let is_fresh = sent_at.parse::<i64>().is_ok_and(|at| now.abs_diff(at) <= 300);
    let key = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_"));
    let Some(mac) = key.ok().and_then(|key| Hmac::<Sha256>::new_from_slice(&key).ok()) else { return false };
    let mac = mac.chain_update(format!("{id}.{sent_at}.")).chain_update(body);
    is_fresh
        && signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")).any(|one| {
            BASE64_STANDARD.decode(one).is_ok_and(|given| mac.clone().verify_slice(&given).is_ok())
        })
}

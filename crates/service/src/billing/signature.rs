//! The signature of Polar's webhooks, with both of Polar's key derivations and a tolerance of 5 minutes.
//!
//! Polar's original scheme uses the bytes of the whole secret string, `whsec_` included, as the key. Its newer one decodes the
//! base64 after the prefix, which is unpadded and has trailing bits set, so that strict decoders refuse it. Polar's SDK 1.0
//! accepts both.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use reef_domain::Timestamp;
use standardwebhooks::Webhook;
use subtle::ConstantTimeEq as _;

const TOLERANCE: Duration = Duration::from_secs(300);
const PREFIX: &str = "whsec_";

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether `body` was signed with `secret` within the tolerance, by either scheme.
pub(super) fn is_authentic(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
    else {
        return false;
    };
    let is_recent = |at: &i64| at.abs_diff(now.unix_seconds()) <= TOLERANCE.as_secs();
    let Some(timestamp) = timestamp.parse::<i64>().ok().filter(is_recent) else {
        return false;
    };
    keys(secret).into_iter().any(|key| {
        let expected = Webhook::from_bytes(key).and_then(|webhook| webhook.sign(id, timestamp, body));
        expected.is_ok_and(|expected| {
            signatures.split(' ').any(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
        })
    })
}

fn keys(secret: &str) -> Vec<Vec<u8>> {
    let decoded = LENIENT.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).ok();
    [Some(secret.as_bytes().to_vec()), decoded].into_iter().flatten().filter(|key| !key.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK";
    const BODY: &str = r#"{"type":"order.paid","timestamp":"2026-01-01T00:00:00Z","data":{"id":"00000000-0000-4000-8000-000000000000"}}"#;
    const AT: i64 = 1_767_225_600;

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "6f1d2c3b-0000-4000-8000-000000000001".parse().unwrap());
        headers.insert("webhook-timestamp", AT.to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        headers
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1000)
    }

    #[test]
    fn signature_of_either_scheme_is_accepted() {
        let original = "v1,jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08=";
        let standard = "v1,fWLLqWyuh1XB5y916i8n+MdOk5sXILOeBCGpAN155jo=";
        for good in [original, standard, &format!("v1,AAAA {original}")] {
            assert!(is_authentic(SECRET, &headers(good), BODY.as_bytes(), at(AT)), "{good}");
            assert!(!is_authentic(SECRET, &headers(good), format!("{BODY} ").as_bytes(), at(AT)));
            assert!(!is_authentic("whsec_other", &headers(good), BODY.as_bytes(), at(AT)));
        }
        for bad in ["v1,AAAA", "", "jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08="] {
            assert!(!is_authentic(SECRET, &headers(bad), BODY.as_bytes(), at(AT)), "{bad}");
        }
        for (now, expected) in [(AT + 300, true), (AT - 300, true), (AT + 301, false), (AT - 301, false)] {
            assert_eq!(is_authentic(SECRET, &headers(original), BODY.as_bytes(), at(now)), expected);
        }
        assert!(!is_authentic(SECRET, &HeaderMap::new(), BODY.as_bytes(), at(AT)));
    }
}

//! The signature of Polar's webhooks, with both of Polar's key derivations and a tolerance of 5 minutes.
//!
//! Polar's original scheme uses the bytes of the whole secret string, `whsec_` included, as the key. Its newer one decodes the
//! base64 after the prefix, which is unpadded and has trailing bits set, so that strict decoders refuse it. Polar's SDK 1.0
//! accepts both.

use std::sync::LazyLock;
use std::time::Duration;

use data_encoding::{BASE64, BASE64_NOPAD, Encoding};
use reef_domain::Timestamp;
use standardwebhooks::Webhook;
use subtle::ConstantTimeEq as _;

/// The longest `webhook-id` that Reef accepts, in bytes.
pub const WEBHOOK_ID_BYTES_MAX: usize = 255;

const TOLERANCE: Duration = Duration::from_secs(300);
/// The length of a signature, which is an HMAC with SHA-256.
const SIGNATURE_BYTES: usize = 32;
const PREFIX: &str = "whsec_";

static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
    let mut lenient = BASE64_NOPAD.specification();
    lenient.check_trailing_bits = false;
    lenient.encoding().expect("the alphabet of base64 is valid")
});

/// The headers with which a webhook is signed, as Standard Webhooks names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookHeaders {
    /// `webhook-id`, which stays the same when Polar sends a webhook again.
    pub id: String,
    /// `webhook-timestamp`, in seconds since 1970.
    pub timestamp: String,
    /// `webhook-signature`: one or more signatures, separated by spaces.
    pub signature: String,
}

impl WebhookHeaders {
    /// Whether the headers have the form and the time of a signed webhook. If not, no body can match them.
    pub fn may_be_signed(&self, now: Timestamp) -> bool {
        let is_signature = |text: &str| {
            let digest = text.strip_prefix("v1,").and_then(|digest| BASE64.decode(digest.as_bytes()).ok());
            digest.is_some_and(|digest| digest.len() == SIGNATURE_BYTES)
        };
        (1..=WEBHOOK_ID_BYTES_MAX).contains(&self.id.len())
            && self.recent_timestamp(now).is_some()
            && self.signature.split(' ').any(is_signature)
    }

    /// Whether `body` was signed with `secret` within the tolerance, by either scheme.
    pub fn is_authentic(&self, secret: &str, body: &[u8], now: Timestamp) -> bool {
        let Some(timestamp) = self.recent_timestamp(now) else { return false };
        keys(secret).into_iter().any(|key| {
            let expected =
                Webhook::from_bytes(key).and_then(|webhook| webhook.sign(&self.id, timestamp, body));
            expected.is_ok_and(|expected| {
                let mut given = self.signature.split(' ');
                given.any(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
            })
        })
    }

    fn recent_timestamp(&self, now: Timestamp) -> Option<i64> {
        let is_recent = |at: &i64| at.abs_diff(now.unix_seconds()) <= TOLERANCE.as_secs();
        self.timestamp.parse().ok().filter(is_recent)
    }
}

fn keys(secret: &str) -> Vec<Vec<u8>> {
    let encoded = secret.strip_prefix(PREFIX).unwrap_or(secret);
    let decoded = LENIENT.decode(encoded.trim_end_matches('=').as_bytes()).ok();
    [Some(secret.as_bytes().to_vec()), decoded].into_iter().flatten().filter(|key| !key.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK";
    const BODY: &str = r#"{"type":"order.paid","timestamp":"2026-01-01T00:00:00Z","data":{"id":"00000000-0000-4000-8000-000000000000"}}"#;
    const AT: i64 = 1_767_225_600;

    fn headers(signature: &str) -> WebhookHeaders {
        let id = "6f1d2c3b-0000-4000-8000-000000000001".to_owned();
        WebhookHeaders { id, timestamp: AT.to_string(), signature: signature.to_owned() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1000)
    }

    #[test]
    fn signature_of_either_scheme_is_accepted() {
        let original = "v1,jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08=";
        let standard = "v1,fWLLqWyuh1XB5y916i8n+MdOk5sXILOeBCGpAN155jo=";
        for good in [original, standard, &format!("v1,AAAA {original}")] {
            assert!(headers(good).is_authentic(SECRET, BODY.as_bytes(), at(AT)), "{good}");
            assert!(!headers(good).is_authentic(SECRET, format!("{BODY} ").as_bytes(), at(AT)));
            assert!(!headers(good).is_authentic("whsec_other", BODY.as_bytes(), at(AT)));
        }
        for bad in ["v1,AAAA", "", "jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08="] {
            assert!(!headers(bad).is_authentic(SECRET, BODY.as_bytes(), at(AT)), "{bad}");
        }
        for (now, expected) in [(AT + 300, true), (AT - 300, true), (AT + 301, false), (AT - 301, false)] {
            assert_eq!(headers(original).is_authentic(SECRET, BODY.as_bytes(), at(now)), expected);
        }
        assert!(!WebhookHeaders::default().is_authentic(SECRET, BODY.as_bytes(), at(AT)));
    }

    #[test]
    fn headers_of_invalid_webhook_are_rejected() {
        let good = "v1,jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08=";
        let may_be = |id: &str, timestamp: &str, signature: &str| {
            let headers = WebhookHeaders {
                id: id.to_owned(),
                timestamp: timestamp.to_owned(),
                signature: signature.to_owned(),
            };
            headers.may_be_signed(at(AT))
        };
        let now = AT.to_string();
        for good in [good, &format!("v1,AAAA {good}"), &format!("v2,x {good} v1,y")] {
            assert!(may_be("id", &now, good), "{good}");
        }
        for bad in ["", "v1,", "v1,AAAA", &good[3..], "v1, jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08="] {
            assert!(!may_be("id", &now, bad), "{bad}");
        }
        for (sent, expected) in [(AT + 300, true), (AT - 300, true), (AT + 301, false), (AT - 301, false)] {
            assert_eq!(may_be("id", &sent.to_string(), good), expected, "{sent}");
        }
        for (id, timestamp) in [("", &*now), (&"x".repeat(256), &now), ("id", "soon"), ("id", "")] {
            assert!(!may_be(id, timestamp, good), "{id:.10} {timestamp}");
        }
    }
}

//! One-time codes of authenticator apps: RFC 6238 with HMAC-SHA-1, 6 digits and 30 seconds.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reef_domain::Timestamp;
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// How long a code is current.
const STEP_SECONDS: i64 = 30;
/// How many steps the app's clock may be off, in either direction.
const WINDOW: i64 = 1;
/// Truncates a code to 6 digits.
const MODULUS: u32 = 1_000_000;
/// The base32 alphabet of RFC 4648.
const BASE32_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The code of a time step (RFC 4226, section 5.3).
fn code_at(secret: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 15);
    let bytes = [hash[offset] & 0x7f, hash[offset + 1], hash[offset + 2], hash[offset + 3]];
    format!("{:06}", u32::from_be_bytes(bytes) % MODULUS)
}

/// Finds the time step of a typed code, within the window and after the last step used.
pub(super) fn find_step(secret: &[u8], typed: &str, now: Timestamp, last_used: i64) -> Option<i64> {
    let current = now.unix_seconds().div_euclid(STEP_SECONDS);
    let steps = (current - WINDOW)..=(current + WINDOW);
    steps
        .filter(|step| *step > last_used)
        .find(|step| bool::from(code_at(secret, *step).as_bytes().ct_eq(typed.as_bytes())))
}

/// The code that an app shows at a time, for tests.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn code_now(secret: &[u8], now: Timestamp) -> String {
    code_at(secret, now.unix_seconds().div_euclid(STEP_SECONDS))
}

/// Encodes bytes as base32 without padding.
pub(super) fn encode_base32(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let letters = (0..bytes.len() * 8).step_by(5);
    letters
        .map(|at| char::from(BASE32_ALPHABET[(at..at + 5).fold(0, |five, at| five << 1 | bit(at))]))
        .collect()
}

/// Decodes base32 without padding; `None` for anything else.
pub(crate) fn decode_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes() {
        let five = BASE32_ALPHABET.iter().position(|known| *known == letter)?;
        held = held << 5 | u32::try_from(five).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1000)
    }

    #[test]
    fn rfc_6238_vectors_match() {
        // The last 6 of the 8 digits in RFC 6238, appendix B.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_now(SECRET, at(seconds)), code, "{seconds}");
        }
    }

    #[test]
    fn code_is_valid_one_step_early_or_late_and_once() {
        let now = at(1_234_567_890);
        let step = 1_234_567_890 / 30;
        for offset in -2..=2 {
            let typed = code_at(SECRET, step + offset);
            let counts = (-1..=1).contains(&offset);
            assert_eq!(find_step(SECRET, &typed, now, 0), counts.then_some(step + offset), "{offset}");
            assert_eq!(find_step(SECRET, &typed, now, step).is_some(), offset == 1, "{offset}");
        }
        assert_eq!(find_step(SECRET, "", now, 0), None);
    }

    #[test]
    fn base32_matches_rfc_4648() {
        // From RFC 4648, section 10, without padding.
        for (bytes, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(encode_base32(bytes.as_bytes()), text);
            assert_eq!(decode_base32(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!((decode_base32("my"), decode_base32("M1")), (None, None));
        assert_eq!(encode_base32(SECRET).len(), 32);
    }
}

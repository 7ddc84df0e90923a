//! One-time codes of authenticator apps: RFC 6238 with HMAC-SHA-1, 6 digits and 30 seconds.

use reef_domain::Timestamp;
use totp_rs::{Algorithm, Builder, Totp};

/// As long as the output of SHA-1, which RFC 4226 recommends.
pub(crate) const SECRET_BYTES: usize = 20;
/// How long a code is current.
const STEP_SECONDS: i64 = 30;
/// How many steps the app's clock may be off, in either direction.
const WINDOW: i64 = 1;

/// Most authenticator apps support only these parameters. The skew is zero, because [`find_step`] chooses the steps.
fn totp(secret: &[u8; SECRET_BYTES]) -> Totp {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECONDS.unsigned_abs())
        .with_skew(0)
        .with_secret(*secret)
        .build_noncompliant()
}

/// The Unix time at which a step begins.
fn start_of(step: i64) -> u64 {
    u64::try_from(step * STEP_SECONDS).unwrap_or(0)
}

/// Finds the time step of a typed code, within the window and after the last step used.
pub(super) fn find_step(
    secret: &[u8; SECRET_BYTES],
    typed: &str,
    now: Timestamp,
    last_used: i64,
) -> Option<i64> {
    let totp = totp(secret);
    let current = now.unix_seconds().div_euclid(STEP_SECONDS);
    let steps = (current - WINDOW)..=(current + WINDOW);
    // The comparison takes constant time.
    steps.filter(|step| *step > last_used).find(|step| totp.check(typed, start_of(*step)).is_some())
}

/// The code of a time step, for tests.
#[cfg(any(test, feature = "testing"))]
fn code_at(secret: &[u8; SECRET_BYTES], step: i64) -> String {
    totp(secret).generate(start_of(step)).to_string()
}

/// The code that an app shows at a time, for tests.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn code_now(secret: &[u8; SECRET_BYTES], now: Timestamp) -> String {
    code_at(secret, now.unix_seconds().div_euclid(STEP_SECONDS))
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE32_NOPAD;

    use super::*;

    const SECRET: &[u8; SECRET_BYTES] = b"12345678901234567890";

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
            assert_eq!(BASE32_NOPAD.encode(bytes.as_bytes()), text);
            assert_eq!(BASE32_NOPAD.decode(text.as_bytes()).as_deref(), Ok(bytes.as_bytes()));
        }
        assert!(BASE32_NOPAD.decode(b"my").is_err() && BASE32_NOPAD.decode(b"M1").is_err());
        assert_eq!(BASE32_NOPAD.encode(SECRET).len(), 32);
    }
}

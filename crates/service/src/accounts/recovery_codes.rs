//! Recovery codes, for people who have lost their authenticator app. Only hashes are stored.

use data_encoding::BASE32_NOPAD;
use reef_ports::Entropy;
use reef_vault::fingerprint;
use secrecy::{ExposeSecret, SecretString};

/// Codes that an account gets at once.
pub(super) const CODE_COUNT: usize = 10;
/// Random bytes of a code: enough for a hash without salt.
const BYTES: usize = 10;
/// Letters of a code, without its dashes.
const LETTERS: usize = 16;
/// Letters between two dashes.
const GROUP: usize = 4;

/// A new code with dashes, and its hash.
pub(super) fn generate(entropy: &dyn Entropy) -> (SecretString, Vec<u8>) {
    let mut bytes = [0; BYTES];
    entropy.fill(&mut bytes);
    let letters = BASE32_NOPAD.encode(&bytes).to_lowercase();
    let groups: Vec<_> = (0..LETTERS).step_by(GROUP).map(|at| &letters[at..at + GROUP]).collect();
    (groups.join("-").into(), fingerprint("reef recovery code", &letters))
}

/// The hash of a typed code without dashes, in either case; `None` if it is malformed.
pub(super) fn hash_typed(typed: &SecretString) -> Option<Vec<u8>> {
    let letters = typed.expose_secret().to_lowercase();
    let is_well_formed =
        letters.len() == LETTERS && letters.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    is_well_formed.then(|| fingerprint("reef recovery code", &letters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn code_is_accepted_in_any_spelling() {
        let (code, hash) = generate(&SeededEntropy::new(1));
        let shown = code.expose_secret();
        assert_eq!((shown.len(), shown.matches('-').count()), (19, 3));
        for typed in [shown.replace('-', ""), shown.replace('-', "").to_uppercase()] {
            assert_eq!(hash_typed(&typed.into()), Some(hash.clone()));
        }
        for other in ["123456", "", "0000000000000000", "ääääääää"] {
            assert_eq!(hash_typed(&other.into()), None, "{other}");
        }
    }
}

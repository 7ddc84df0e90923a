//! Validation of single fields, shared by the API, the server's forms and the browser. Each function takes the path
//! that its issue names.

use crate::error::Issue;

/// The maximum length of a name, in Unicode scalar values after trimming.
pub const NAME_MAX: usize = 100;
/// The maximum length of a bot token, in Unicode scalar values.
pub const BOT_TOKEN_MAX: usize = 256;
/// How many digits the bot's id has, with which a token begins.
const BOT_ID_DIGITS: std::ops::RangeInclusive<usize> = 6..=20;
/// The minimum length of the part of a bot token after the colon.
const BOT_SECRET_MIN: usize = 20;
/// The maximum length of a model id, in Unicode scalar values.
pub const MODEL_ID_MAX: usize = 200;
/// The maximum length of a model key, in bytes.
pub const MODEL_KEY_MAX: usize = 512;
/// The maximum length of an email address, in bytes (the path limit of RFC 5321).
pub const EMAIL_MAX: usize = 254;
/// The minimum length of a password, in Unicode scalar values.
pub const PASSWORD_MIN: usize = 10;
/// The maximum length of a password, in bytes, which bounds the work of hashing.
pub const PASSWORD_MAX: usize = 256;

/// Validates a display name, 1–100 characters after trimming without control characters, and returns it trimmed.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn name(path: &str, value: &str) -> Result<String, Issue> {
    name_up_to(path, value, NAME_MAX)
}

/// As [`name`], with at most `max` characters.
pub(crate) fn name_up_to(path: &str, value: &str, max: usize) -> Result<String, Issue> {
    let name = value.trim();
    if name.is_empty() {
        return Err(Issue::new(path, "required", "Enter a name."));
    }
    if name.chars().count() > max {
        return Err(Issue::new(path, "too_long", format!("The name must be at most {max} characters.")));
    }
    if name.chars().any(char::is_control) {
        return Err(Issue::new(
            path,
            "invalid_characters",
            "The name can't contain line breaks or other control characters.",
        ));
    }
    Ok(name.to_owned())
}

/// Validates the length and characters of a bot token and returns it. Telegram verifies the token during the
/// deployment.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn bot_token(path: &str, value: &str) -> Result<String, Issue> {
    secret(path, value, BOT_TOKEN_MAX, "bot token")
}

fn invalid_bot_token(path: &str) -> Issue {
    let message = "Bot tokens look like 123456789:AAE… Copy yours from @BotFather.";
    Issue::new(path, "invalid_bot_token", message)
}

/// Validates that a text looks like a complete bot token: the bot's id, a colon and a secret. Forms use it to give
/// early feedback; the API accepts what [`bot_token`] accepts and leaves the rest to Telegram.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn complete_bot_token(path: &str, value: &str) -> Result<(), Issue> {
    let token = bot_token(path, value)?;
    let (id, secret) = token.split_once(':').ok_or_else(|| invalid_bot_token(path))?;
    let is_whole = BOT_ID_DIGITS.contains(&id.len()) && secret.len() >= BOT_SECRET_MIN;
    if is_whole { partial_bot_token(path, value) } else { Err(invalid_bot_token(path)) }
}

/// Validates that a text is the beginning of a bot token, for feedback while it is typed.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn partial_bot_token(path: &str, value: &str) -> Result<(), Issue> {
    if value.is_empty() {
        return Ok(());
    }
    let token = bot_token(path, value)?;
    let (id, secret) = token.split_once(':').unwrap_or((&token, ""));
    let is_secret = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_id =
        !id.is_empty() && id.len() <= *BOT_ID_DIGITS.end() && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_id && secret.chars().all(is_secret) { Ok(()) } else { Err(invalid_bot_token(path)) }
}

/// Validates the length and characters of a model key and returns it. The provider verifies the key during the
/// deployment.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn model_key(path: &str, value: &str) -> Result<String, Issue> {
    let key = secret(path, value, MODEL_KEY_MAX, "model key")?;
    if !key.is_ascii() {
        return Err(Issue::new(path, "invalid_characters", "A model key can contain only ASCII characters."));
    }
    Ok(key)
}

fn secret(path: &str, value: &str, max: usize, what: &str) -> Result<String, Issue> {
    if value.is_empty() {
        return Err(Issue::new(path, "required", format!("Enter a {what}.")));
    }
    if value.chars().count() > max {
        return Err(Issue::new(path, "too_long", format!("A {what} must be at most {max} characters.")));
    }
    if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Issue::new(
            path,
            "invalid_characters",
            format!("A {what} can't contain spaces or control characters."),
        ));
    }
    Ok(value.to_owned())
}

/// Validates the length of a model id and returns it. The catalog decides whether the model exists.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn model_id(path: &str, value: &str) -> Result<String, Issue> {
    if value.trim().is_empty() {
        return Err(Issue::new(path, "required", "Choose a model."));
    }
    if value.chars().count() > MODEL_ID_MAX {
        return Err(Issue::new(
            path,
            "too_long",
            format!("A model ID must be at most {MODEL_ID_MAX} characters."),
        ));
    }
    Ok(value.to_owned())
}

/// Validates an email address (a local part, one `@`, a domain with a dot) and returns it trimmed and in lower case,
/// the form in which users are stored and found.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn email(path: &str, value: &str) -> Result<String, Issue> {
    let email = value.trim().to_lowercase();
    let wrong = || Issue::new(path, "invalid_email", "Enter a valid email address.");
    if email.is_empty() {
        return Err(Issue::new(path, "required", "Enter an email address."));
    }
    if email.len() > EMAIL_MAX || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    let (local, domain) = email.split_once('@').ok_or_else(wrong)?;
    let is_host = domain.contains('.') && domain.split('.').all(is_host_label);
    if !local.split('.').all(is_atom) || !is_host {
        return Err(wrong());
    }
    Ok(email)
}

/// Whether a part of a local part between dots consists of `atext` (RFC 5322), as in browsers. Quoted local parts are
/// rejected because they can spell one mailbox in any number of ways.
fn is_atom(piece: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    !piece.is_empty() && piece.chars().all(is_atext)
}

/// Whether a text is a label of a host name. Browsers convert names in other scripts to their ASCII form.
fn is_host_label(label: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !label.is_empty()
        && label.len() <= 63
        && label.chars().all(is_inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Validates a new password: at least [`PASSWORD_MIN`] characters and at most [`PASSWORD_MAX`] bytes.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn password(path: &str, value: &str) -> Result<(), Issue> {
    if value.is_empty() {
        return Err(Issue::new(path, "required", "Enter a password."));
    }
    if value.chars().count() < PASSWORD_MIN {
        return Err(Issue::new(
            path,
            "too_short",
            format!("Your password must be at least {PASSWORD_MIN} characters."),
        ));
    }
    if value.len() > PASSWORD_MAX {
        return Err(Issue::new(
            path,
            "too_long",
            format!("Your password must be at most {PASSWORD_MAX} bytes."),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_length_counts_characters() {
        assert_eq!(name("name", "  Ünï  ").unwrap(), "Ünï");
        assert!(name("name", &"🦀".repeat(100)).is_ok());
        let code = |value: &str| name("name", value).map_err(|issue| issue.code).unwrap_err();
        assert_eq!(code(&"x".repeat(101)), "too_long");
        assert_eq!(code(" \t "), "required");
        assert_eq!(code("a\nb"), "invalid_characters");
        assert_eq!(code("a\u{0}b"), "invalid_characters");
    }

    #[test]
    fn secret_with_space_is_rejected() {
        assert!(bot_token("t", "123:abc").is_ok());
        for bad in ["", "a b", "a\u{7f}", &"x".repeat(257)] {
            assert!(bot_token("t", bad).is_err(), "{bad:?}");
        }
        assert!(model_key("k", "sk-ä").is_err());
    }

    #[test]
    fn partial_bot_token_is_accepted_until_malformed() {
        let token = "123456789:AAE-abcdefghij_klmnopqrstuvwxyz012";
        for end in 0..=token.len() {
            assert_eq!(partial_bot_token("t", &token[..end]), Ok(()), "{}", &token[..end]);
        }
        assert_eq!(complete_bot_token("t", token), Ok(()));
        for bad in
            ["h", "hello", ":AAE", "12a", "123456789:AAE.", "123456789:AAE:x", "bot123456789", "123456789 "]
        {
            assert!(partial_bot_token("t", bad).is_err(), "{bad}");
        }
        for unfinished in
            ["1", "123456789", "123456789:", "123456789:AAE", "12345:AAEabcdefghijklmnopqrstuvwxyz"]
        {
            assert!(
                partial_bot_token("t", unfinished).is_ok() && complete_bot_token("t", unfinished).is_err()
            );
        }
        assert!(complete_bot_token("t", "a b").unwrap_err().message.contains("can't contain spaces"));
    }

    #[test]
    fn emails_are_normalized_or_rejected() {
        assert_eq!(email("email", " Ann@Example.COM ").unwrap(), "ann@example.com");
        for good in ["o'hara+reef@mail.example.com", "a.b-c_d@x-1.example", "{n}!#$%&*/=?^`|~@example.com"] {
            assert_eq!(email("email", good).unwrap(), good);
        }
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a@b..c",
            "a@b@c.d",
            "a b@c.d",
            "\"a\"@b.c",
            "\"\\a\"@b.c",
            "<a@b.c>",
            "a,b@c.d",
            "a(b)@c.d",
            "a..b@c.d",
            ".a@c.d",
            "a.@c.d",
            "é@b.c",
            "a@bücher.example",
            "a\u{200b}@b.c",
            "a@-b.c",
            "a@[127.0.0.1]",
        ] {
            assert!(email("email", bad).is_err(), "{bad}");
        }
    }
}

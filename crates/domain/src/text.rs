//! Rules for single fields, shared by the API, the forms and the browser.

use crate::error::Issue;

/// The longest name, in Unicode scalar values after trimming.
pub const NAME_MAX: usize = 100;
/// The longest bot token, in Unicode scalar values.
pub const BOT_TOKEN_MAX: usize = 256;
/// Digits of the bot's id that a token begins with, at least and at most.
const BOT_ID_DIGITS: std::ops::RangeInclusive<usize> = 6..=20;
/// The shortest secret of a bot token.
const BOT_SECRET_MIN: usize = 20;
/// The longest model id, in Unicode scalar values.
pub const MODEL_ID_MAX: usize = 200;
/// The longest model key, in bytes.
pub const MODEL_KEY_MAX: usize = 512;
/// The longest e-mail address, in bytes (RFC 5321's path limit).
pub const EMAIL_MAX: usize = 254;
/// The shortest password, in Unicode scalar values.
pub const PASSWORD_MIN: usize = 10;
/// The longest password, in bytes: hashing must stay bounded.
pub const PASSWORD_MAX: usize = 256;

/// A display name: 1–100 characters after trimming, no control characters. Gives the trimmed name.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn name(path: &str, value: &str) -> Result<String, Issue> {
    let name = value.trim();
    if name.is_empty() {
        return Err(Issue::new(path, "required", "A name is required."));
    }
    if name.chars().count() > NAME_MAX {
        return Err(Issue::new(path, "too_long", format!("A name has at most {NAME_MAX} characters.")));
    }
    if name.chars().any(char::is_control) {
        return Err(Issue::new(
            path,
            "invalid_characters",
            "A name has no line breaks or other control characters.",
        ));
    }
    Ok(name.to_owned())
}

/// A bot token's outer form; whether Telegram knows it is the deployment's first step.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn bot_token(path: &str, value: &str) -> Result<String, Issue> {
    secret(path, value, BOT_TOKEN_MAX, "A bot token")
}

fn no_bot_token(path: &str) -> Issue {
    let message = "A bot token looks like 123456789:AAE… Copy it from @BotFather.";
    Issue::new(path, "invalid_bot_token", message)
}

/// What a bot token looks like, for forms that can say so at once: the bot's id, a colon and a secret. The API takes what
/// [`bot_token`] takes and lets Telegram judge.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn bot_token_shape(path: &str, value: &str) -> Result<(), Issue> {
    let token = bot_token(path, value)?;
    let (id, secret) = token.split_once(':').ok_or_else(|| no_bot_token(path))?;
    let is_whole = BOT_ID_DIGITS.contains(&id.len()) && secret.len() >= BOT_SECRET_MIN;
    if is_whole { bot_token_beginning(path, value) } else { Err(no_bot_token(path)) }
}

/// Whether what has been typed so far can still become a bot token.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn bot_token_beginning(path: &str, value: &str) -> Result<(), Issue> {
    if value.is_empty() {
        return Ok(());
    }
    let token = bot_token(path, value)?;
    let (id, secret) = token.split_once(':').unwrap_or((&token, ""));
    let is_secret = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_id =
        !id.is_empty() && id.len() <= *BOT_ID_DIGITS.end() && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_id && secret.chars().all(is_secret) { Ok(()) } else { Err(no_bot_token(path)) }
}

/// A model key's outer form; whether the provider accepts it is a step of the deployment.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn model_key(path: &str, value: &str) -> Result<String, Issue> {
    let key = secret(path, value, MODEL_KEY_MAX, "A model key")?;
    if !key.is_ascii() {
        return Err(Issue::new(path, "invalid_characters", "A model key has only ASCII characters."));
    }
    Ok(key)
}

fn secret(path: &str, value: &str, max: usize, what: &str) -> Result<String, Issue> {
    if value.is_empty() {
        return Err(Issue::new(path, "required", format!("{what} is required.")));
    }
    if value.chars().count() > max {
        return Err(Issue::new(path, "too_long", format!("{what} has at most {max} characters.")));
    }
    if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Issue::new(
            path,
            "invalid_characters",
            format!("{what} has no spaces or control characters."),
        ));
    }
    Ok(value.to_owned())
}

/// A model id's outer form; whether the catalog has it is decided with the mode and the provider.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn model_id(path: &str, value: &str) -> Result<String, Issue> {
    if value.trim().is_empty() {
        return Err(Issue::new(path, "required", "A model is required."));
    }
    if value.chars().count() > MODEL_ID_MAX {
        return Err(Issue::new(
            path,
            "too_long",
            format!("A model id has at most {MODEL_ID_MAX} characters."),
        ));
    }
    Ok(value.to_owned())
}

/// An e-mail address: one `@`, something on both sides, a dot in the domain. Gives it lower-cased,
/// which is how accounts are found again.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn email(path: &str, value: &str) -> Result<String, Issue> {
    let email = value.trim().to_lowercase();
    let wrong = || Issue::new(path, "invalid_email", "This is not an e-mail address.");
    if email.is_empty() {
        return Err(Issue::new(path, "required", "An e-mail address is required."));
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

/// A piece of a local part between dots (RFC 5322, `atext`), as browsers take it too. Quoted local parts are left out: they
/// spell one mailbox in any number of ways.
fn is_atom(piece: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    !piece.is_empty() && piece.chars().all(is_atext)
}

/// A label of a host name. Names in other scripts have an ASCII form, into which browsers bring what is typed.
fn is_host_label(label: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !label.is_empty()
        && label.len() <= 63
        && label.chars().all(is_inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A new password: 10 characters or more, bounded for the hash's sake.
///
/// # Errors
/// An [`Issue`] for `path`.
pub fn password(path: &str, value: &str) -> Result<(), Issue> {
    if value.is_empty() {
        return Err(Issue::new(path, "required", "A password is required."));
    }
    if value.chars().count() < PASSWORD_MIN {
        return Err(Issue::new(
            path,
            "too_short",
            format!("A password has at least {PASSWORD_MIN} characters."),
        ));
    }
    if value.len() > PASSWORD_MAX {
        return Err(Issue::new(path, "too_long", format!("A password has at most {PASSWORD_MAX} bytes.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_characters_not_bytes() {
        assert_eq!(name("name", "  Ünï  ").unwrap(), "Ünï");
        assert!(name("name", &"🦀".repeat(100)).is_ok());
        let code = |value: &str| name("name", value).map_err(|issue| issue.code).unwrap_err();
        assert_eq!(code(&"x".repeat(101)), "too_long");
        assert_eq!(code(" \t "), "required");
        assert_eq!(code("a\nb"), "invalid_characters");
        assert_eq!(code("a\u{0}b"), "invalid_characters");
    }

    #[test]
    fn secrets_have_no_spaces() {
        assert!(bot_token("t", "123:abc").is_ok());
        for bad in ["", "a b", "a\u{7f}", &"x".repeat(257)] {
            assert!(bot_token("t", bad).is_err(), "{bad:?}");
        }
        assert!(model_key("k", "sk-ä").is_err());
    }

    #[test]
    fn bot_token_typed_letter_by_letter_is_marked_once_it_cannot_become_one() {
        let token = "123456789:AAE-abcdefghij_klmnopqrstuvwxyz012";
        for end in 0..=token.len() {
            assert_eq!(bot_token_beginning("t", &token[..end]), Ok(()), "{}", &token[..end]);
        }
        assert_eq!(bot_token_shape("t", token), Ok(()));
        for bad in
            ["h", "hello", ":AAE", "12a", "123456789:AAE.", "123456789:AAE:x", "bot123456789", "123456789 "]
        {
            assert!(bot_token_beginning("t", bad).is_err(), "{bad}");
        }
        for unfinished in
            ["1", "123456789", "123456789:", "123456789:AAE", "12345:AAEabcdefghijklmnopqrstuvwxyz"]
        {
            assert!(
                bot_token_beginning("t", unfinished).is_ok() && bot_token_shape("t", unfinished).is_err()
            );
        }
        assert!(bot_token_shape("t", "a b").unwrap_err().message.contains("no spaces"));
    }

    #[test]
    fn emails() {
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

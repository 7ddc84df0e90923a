//! Environment variables by name, and how the values of each form are parsed.

use std::collections::HashMap;
use std::str::FromStr;

use secrecy::SecretString;
use thiserror::Error;
use url::Url;

/// An environment variable with an invalid value. The message names the variable and never shows the value of a secret.
#[derive(Debug, Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

pub(super) fn invalid(name: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError { name, problem: problem.into() }
}

/// The variables by name. A blank value counts as unset.
#[derive(Debug)]
pub(super) struct Vars(HashMap<String, String>);

impl Vars {
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(vars.into_iter().collect())
    }

    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(super) fn secret(&self, name: &'static str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    pub(super) fn parse<T: FromStr>(
        &self,
        name: &'static str,
        default: T,
        expected: &str,
    ) -> Result<T, ConfigError> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| invalid(name, format!("{text:?} is not {expected}"))),
        }
    }

    pub(super) fn flag(&self, name: &'static str, default: bool) -> Result<bool, ConfigError> {
        self.parse(name, default, "true or false")
    }

    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        default: T,
        choices: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.ok_or_else(|| invalid(name, format!("{text:?} is not one of {}", names.join(", "))))
    }

    /// Parses a contact for security reports: a `mailto:`, `tel:` or `https:` URI (RFC 9116, 2.5.3). An email address becomes
    /// a `mailto:` URI.
    pub(super) fn contact(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let is_address = text.contains('@') && !text.contains(':');
        let uri = if is_address { format!("mailto:{text}") } else { text.to_owned() };
        let is_valid = uri.bytes().all(|byte| byte.is_ascii_graphic())
            && Url::parse(&uri).is_ok_and(|url| match url.scheme() {
                "mailto" => {
                    url.path().split_once('@').is_some_and(|(who, at)| !who.is_empty() && !at.is_empty())
                }
                "tel" => !url.path().is_empty(),
                scheme => scheme == "https",
            });
        match is_valid {
            true => Ok(Some(uri)),
            false => Err(invalid(
                name,
                format!("{text:?} is not an email address or a mailto:, tel: or https:// URI"),
            )),
        }
    }

    /// Parses an http(s) URL without query and fragment, and removes a trailing slash.
    pub(super) fn url(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        });
        match url {
            Some(_) => Ok(Some(text.trim_end_matches('/').to_owned())),
            None => Err(invalid(name, format!("{text:?} is not an http:// or https:// URL"))),
        }
    }

    /// Parses a whole number that is at least 1.
    pub(super) fn positive(&self, name: &'static str, default: u64) -> Result<u64, ConfigError> {
        match self.parse(name, default, "a whole number")? {
            0 => Err(invalid(name, "must be at least 1")),
            number => Ok(number),
        }
    }

    /// Parses a value of one of Reef's own types.
    pub(super) fn parse_with<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(name).map(parse).transpose().map_err(|problem| invalid(name, problem))
    }
}

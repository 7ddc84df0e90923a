//! Parses `CALLBACK_OVERRIDES`: hosts whose webhooks are sent to another address, without the address guard.

use std::collections::BTreeMap;

use url::{Host, Url};

/// The base URLs that replace certain hosts of webhook endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostOverrides(BTreeMap<String, Url>);

impl HostOverrides {
    /// Parses `host=http://addr[:port][/prefix],…`. A blank text has no overrides.
    ///
    /// # Errors
    /// A message of one line that names the invalid entry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut overrides = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let Some((host, base)) = entry.split_once('=') else {
                return Err(format!("`{entry}` is not of the form host=http://address"));
            };
            overrides.add(host, base)?;
        }
        Ok(overrides)
    }

    /// Sends webhooks for `host` to `base` from now on, with their own path and query appended.
    ///
    /// # Errors
    /// A message of one line if `host` is not a host name or already has an override, or if `base` is not an HTTP(S)
    /// URL or has user info, a query or a fragment.
    pub fn add(&mut self, host: &str, base: &str) -> Result<(), String> {
        let name = Host::parse(host.trim()).map_err(|error| format!("`{host}` is not a host: {error}"))?;
        let url = Url::parse(base.trim()).map_err(|error| format!("`{base}` is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{base}` must start with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("the address of `{host}` must not have user info"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("`{base}` must not have a query or a fragment"));
        }
        match self.0.insert(name.to_string(), url) {
            None => Ok(()),
            Some(_) => Err(format!("`{host}` has more than one override")),
        }
    }

    /// Whether `host` has an override.
    #[must_use]
    pub fn contains(&self, host: &str) -> bool {
        self.0.contains_key(host)
    }

    /// Returns the URL that replaces `url`, or `None` if its host has no override.
    pub(crate) fn target(&self, url: &Url) -> Option<Url> {
        let base = self.0.get(&url.host()?.to_string())?;
        let mut target = base.clone();
        target.set_path(&format!("{}{}", base.path().trim_end_matches('/'), url.path()));
        target.set_query(url.query());
        Some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_keeps_path_and_query() {
        let overrides = HostOverrides::parse(
            " hooks.test=http://127.0.0.1:9/in/ , Other.Test=http://10.0.0.1,192.0.2.1=http://h:1/x",
        )
        .unwrap();
        let cases = [
            ("https://hooks.test/a/b%20c?d=e%2Ff", Some("http://127.0.0.1:9/in/a/b%20c?d=e%2Ff")),
            ("https://HOOKS.test:8443", Some("http://127.0.0.1:9/in/")),
            ("https://other.test/x", Some("http://10.0.0.1/x")),
            ("https://192.0.2.1/y", Some("http://h:1/x/y")),
            ("https://sub.hooks.test/", None),
        ];
        for (url, target) in cases {
            let url = Url::parse(url).unwrap();
            assert_eq!(overrides.target(&url).as_ref().map(Url::as_str), target, "{url}");
        }
        assert_eq!(HostOverrides::parse(" ").unwrap(), HostOverrides::default());
    }

    #[test]
    fn invalid_entry_is_named() {
        let cases = [
            ("hooks.test", "`hooks.test` is not of the form"),
            ("hooks.test=127.0.0.1:9", "`127.0.0.1:9` is not a URL"),
            ("hooks.test=ftp://h", "must start with http://"),
            ("a b=http://h", "`a b` is not a host"),
            ("=http://h", "`` is not a host"),
            ("h=http://user:secret@h", "must not have user info"),
            ("h=http://h?x", "query"),
            ("h=http://a,H=http://b", "`H` has more than one override"),
        ];
        for (text, said) in cases {
            let error = HostOverrides::parse(text).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{text}: {error}");
        }
    }
}

//! Notes on entries of the timeline about the configuration: what was edited, and what an undone change has restored. They
//! name fields and never values.

use reef_domain::Assistant;
use reef_domain::assistant::Config;
use reef_store::{ReplacedConfiguration, Secrets};

use crate::error::Error;
use crate::unit_of_work::UnitOfWork;

impl UnitOfWork<'_> {
    /// Notes which fields `config` and `new` change, for the deployment that follows in this transaction.
    pub(super) async fn record_edit(
        &mut self,
        before: &Assistant,
        config: &Config,
        new: &Secrets,
    ) -> Result<(), Error> {
        let current = self.tx.get_secrets(before.id).await?;
        let fields = edited_fields(&before.config, config, &current, new);
        self.note = (!fields.is_empty()).then(|| format!("Settings changed: {}.", join_names(&fields)));
        Ok(())
    }

    /// Notes which fields are restored from `replaced`, for the deployment that follows in this transaction.
    pub(super) fn record_undo(&mut self, failed: &Assistant, replaced: &ReplacedConfiguration) {
        let is_another_model =
            failed.config.provider != replaced.provider || failed.config.model_id != replaced.model_id;
        let restored = names_of([
            ("model", is_another_model),
            ("API key", replaced.secrets.model_key.is_some()),
            ("bot token", replaced.secrets.bot_token.is_some()),
        ]);
        self.note = Some(format!("Change undone. Restored: {}.", join_names(&restored)));
    }
}

/// The names of the fields that differ, as pages call them. A secret that was entered again unchanged is no difference.
fn edited_fields(before: &Config, after: &Config, current: &Secrets, new: &Secrets) -> Vec<&'static str> {
    let is_another_model = before.provider != after.provider || before.model_id != after.model_id;
    let is_another_key =
        new.model_key.is_some() && new.model_key_fingerprint != current.model_key_fingerprint;
    let is_another_bot = new.bot_token.is_some() && new.bot_token_hash != current.bot_token_hash;
    names_of([
        ("name", before.name != after.name),
        ("model", is_another_model),
        ("API key", is_another_key),
        ("bot token", is_another_bot),
        ("webhook URL", before.callback_url != after.callback_url),
    ])
}

/// The names of the fields that have changed.
fn names_of(fields: impl IntoIterator<Item = (&'static str, bool)>) -> Vec<&'static str> {
    fields.into_iter().filter_map(|(name, has_changed)| has_changed.then_some(name)).collect()
}

/// `a`, `a and b`, `a, b and c`.
fn join_names(fields: &[&str]) -> String {
    match fields {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edited_fields_name_what_differs() {
        let before = Config { name: Some("Pearl".to_owned()), ..Config::default() };
        let kept = Secrets { model_key_fingerprint: Some("1".to_owned()), ..Secrets::default() };
        let same_key = Secrets { model_key: Some(vec![1]), ..kept.clone() };
        assert!(edited_fields(&before, &before, &kept, &same_key).is_empty());
        let after = Config {
            name: Some("Coral".to_owned()),
            model_id: Some("m".to_owned()),
            callback_url: Some("https://x.test".to_owned()),
            ..before.clone()
        };
        let new = Secrets {
            model_key: Some(vec![1]),
            bot_token: Some(vec![2]),
            bot_token_hash: Some(vec![3]),
            ..Secrets::default()
        };
        let all = edited_fields(&before, &after, &kept, &new);
        assert_eq!(join_names(&all), "name, model, API key, bot token and webhook URL");
        assert_eq!((join_names(&all[..1]), join_names(&[])), ("name".to_owned(), String::new()));
    }
}

//! Changing the configuration without a deployment and without another status.

use std::time::Duration;

use reef_domain::Assistant;
use reef_domain::assistant::Config;
use reef_domain::input::{Parsed, UpdateInput};
use reef_domain::model_choice;
use reef_domain::state::Event;
use reef_domain::wire::{AssistantRecord, Scope, Status};
use reef_store::Secrets;
use tokio::time::timeout;

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

use crate::assistants::secrets::bot_fingerprint;

/// How long Telegram may take to delete an old bot's webhook.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) const INVALID: &str = "Some settings don't fit this assistant. See the issues in details.";
pub(super) const NOT_EDITABLE: &str =
    "An assistant can be updated only while it is purchased, stopped or failed.";

impl Services {
    /// Changes the given fields, all or none.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidInput`] and
    /// [`Error::InvalidState`], in this order.
    #[tracing::instrument(name = "update", skip_all)]
    pub async fn update(
        &self,
        caller: &Caller,
        id: &str,
        input: Parsed<UpdateInput>,
    ) -> Result<AssistantRecord, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let input = input.map_err(Error::InvalidRequest)?;

        if let (Some(token), Status::Failed) = (&input.telegram_bot_token, found.state.status()) {
            self.disconnect_old_bot(&found, token).await?;
        }
        let mut work = self.unit_of_work().await?;
        let before = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let (config, secrets) = self.resolve_update(&mut work, &before, input).await?;
        let mut after = before.clone();
        after.apply(Event::Update).map_err(|refusal| Error::action_rejected(refusal, NOT_EDITABLE))?;
        after.config = config;
        let after = work.save(&before, after).await?;
        work.discard_fallback(&after).await?;
        work.tx.update_secrets(after.id, &secrets).await?;
        let record = after.record();
        work.commit(Some(&record.clone().into())).await?;
        Ok(record)
    }

    /// The configuration of a locked assistant after an update, and the new secrets, sealed.
    pub(super) async fn resolve_update(
        &self,
        work: &mut UnitOfWork<'_>,
        before: &Assistant,
        input: UpdateInput,
    ) -> Result<(Config, Secrets), Error> {
        let catalog = self.catalog().await?;
        let invalid = |issues| Error::InvalidInput { message: INVALID, issues };
        let choice =
            model_choice::for_update(&catalog, before.mode, &before.config, &input).map_err(invalid)?;
        if let Some(token) = &input.telegram_bot_token {
            self.require_unused_bot(work, before, token).await?;
        }
        let secrets = self.seal_secrets(
            before.id,
            input.telegram_bot_token.as_deref(),
            choice.model_api_key.as_deref(),
        )?;
        let config = Config {
            name: input.name.or_else(|| before.config.name.clone()),
            provider: choice.provider,
            model_id: choice.model_id,
            callback_url: before.config.callback_url.clone(),
        };
        Ok((config, secrets))
    }

    /// Deletes the webhook that a vanished worker has left, while the old bot's token is still known. It is not worth failing
    /// for, so it is tried once.
    pub(super) async fn disconnect_old_bot(&self, a: &Assistant, new_token: &str) -> Result<(), Error> {
        let secrets = {
            let mut tx = self.store().read().await?;
            tx.get_secrets(a.id).await?
        };
        if secrets.bot_token_hash.as_deref() == Some(&*bot_fingerprint(new_token)) {
            return Ok(());
        }
        let Some(token) = self.bot_to_disconnect(a.id, &secrets).await? else { return Ok(()) };
        let disconnected = timeout(DISCONNECT_TIMEOUT, self.disconnect_bot(&token)).await;
        if !matches!(disconnected, Ok(Ok(()))) {
            tracing::warn!(assistant_id = %a.id, "webhook of a replaced bot may remain");
        }
        Ok(())
    }
}

//! Looking: list, get, status.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::input::Parsed;
use reef_domain::page::{Cursor, Page};
use reef_domain::steps::StepRecord;
use reef_domain::wire::{AssistantRecord, Scope, Status};
use reef_domain::{Assistant, State, Timestamp};
use reef_store::{BotRow, Tx};

use super::callbacks::{CALLBACKS_SHOWN, Callback, callbacks_in};
use super::timeline::SHOWN_MAX;
use crate::caller::Caller;
use crate::error::Error;
use crate::hub::change_of;
use crate::managed::{Credit, credit_in};
use crate::services::Services;

/// How long an unpaid slot is listed after it was ordered.
pub const UNPAID_SHOWN_FOR: Duration = Duration::from_secs(3600);
/// Entries of a timeline shown on an assistant's page.
pub const TIMELINE_SHOWN: i64 = 20;

/// An assistant with what its page shows around it.
#[derive(Clone, Debug)]
pub struct Details {
    /// The record.
    pub record: AssistantRecord,
    /// Grows with every write.
    pub version: i64,
    /// Where it can be paid, while it is not.
    pub checkout_url: Option<String>,
    /// What happened; newest first.
    pub timeline: Vec<Happened>,
    /// Its model credit, in managed mode once it was paid.
    pub credit: Option<Credit>,
    /// What its last run has done so far, if that run is what its status tells of.
    pub steps: Vec<StepRecord>,
    /// The bot token that is kept.
    pub bot_token: Option<KeptSecret>,
    /// The model key that is kept.
    pub model_key: Option<KeptSecret>,
    /// Whether the run under way is that of a change, which is undone if the run fails.
    pub is_changing: bool,
    /// Its newest callbacks, newest first.
    pub callbacks: Vec<Callback>,
}

/// What has happened to an assistant: when, to which status, with which message.
pub type Happened = (Timestamp, Status, Option<String>);

/// What happened to an assistant and what its owner's server was told of it, as far as the API lists it.
#[derive(Clone, Debug)]
pub struct History {
    /// The record.
    pub record: AssistantRecord,
    /// What happened; newest first.
    pub timeline: Vec<Happened>,
    /// Its callbacks, newest first.
    pub callbacks: Vec<Callback>,
}

async fn timeline_in(tx: &mut Tx, id: AssistantId, shown: i64) -> Result<Vec<Happened>, Error> {
    let events = tx.events_of(id, shown).await?;
    Ok(events.into_iter().map(|event| (event.created_at, event.status, event.status_message)).collect())
}

/// What may be shown of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// The beginning of a keyed hash: the same for the same secret. `None` for one from before this was kept.
    pub mark: Option<String>,
    /// Since when it is kept.
    pub since: Option<Timestamp>,
}

impl KeptSecret {
    fn of(is_kept: bool, mark: Option<String>, since: Option<Timestamp>) -> Option<Self> {
        is_kept.then_some(Self { mark, since })
    }
}

/// The steps of the run that the state tells of: a stopped assistant's last one is no news any more.
async fn steps_in(tx: &mut Tx, a: &Assistant) -> Result<Vec<StepRecord>, Error> {
    match &a.state {
        State::Deploying { run, .. } | State::Active { run, .. } | State::Failed { run, .. } => {
            Ok(tx.steps_of(a.id, run.generation).await?)
        }
        State::PendingPayment | State::Purchased | State::Stopped { .. } => Ok(Vec::new()),
    }
}

impl Services {
    /// The caller's assistants, newest first; an unpaid slot is left out once it is older than an hour.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope.
    pub async fn list_assistants(&self, caller: &Caller) -> Result<Vec<AssistantRecord>, Error> {
        caller.require(Scope::Read)?;
        let unpaid_since = self.now().minus(UNPAID_SHOWN_FOR);
        let mut tx = self.store().read().await?;
        let found = match caller.grant() {
            Some(grant) => tx.granted_assistants(caller.user_id, grant, unpaid_since).await?,
            None => tx.assistants_of(caller.user_id, unpaid_since).await?,
        };
        Ok(found.iter().map(Assistant::record).collect())
    }

    /// A page of the same list, and where the next one begins; all of it without a page.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::InvalidRequest`].
    pub async fn list_page(
        &self,
        caller: &Caller,
        page: Parsed<Option<Page>>,
    ) -> Result<(Vec<AssistantRecord>, Option<Cursor>), Error> {
        caller.require(Scope::Read)?;
        let Some(Page { limit, after }) = page.map_err(Error::InvalidRequest)? else {
            return Ok((self.list_assistants(caller).await?, None));
        };
        let mut tx = self.store().read().await?;
        let unpaid_since = self.now().minus(UNPAID_SHOWN_FOR);
        let after = after.map(|cursor| (cursor.created_at, cursor.id));
        // One more than asked for tells whether there is a next page.
        let mut found = match caller.grant() {
            // A handful: the page is cut from all of them.
            Some(grant) => {
                let mut all = tx.granted_assistants(caller.user_id, grant, unpaid_since).await?;
                all.retain(|a| after.is_none_or(|after| (a.created_at, a.id) < after));
                all
            }
            None => tx.assistants_page(caller.user_id, unpaid_since, after, limit + 1).await?,
        };
        let size = usize::try_from(limit).map_err(Error::internal)?;
        let has_more = found.len() > size;
        found.truncate(size);
        let next =
            found.last().filter(|_| has_more).map(|last| Cursor { created_at: last.created_at, id: last.id });
        Ok((found.iter().map(Assistant::record).collect(), next))
    }

    /// One of the caller's assistants.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn assistant(&self, caller: &Caller, id: &str) -> Result<AssistantRecord, Error> {
        Ok(self.find(caller, Scope::Read, id).await?.record())
    }

    /// The bot that one of the caller's assistants answers as, while it is active; also `None` when it was deployed by a
    /// Reef that did not note it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn active_bot(&self, caller: &Caller, id: &str) -> Result<Option<BotRow>, Error> {
        caller.require(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.owned(&mut tx, caller, id).await?;
        if assistant.state.status() != Status::Active {
            return Ok(None);
        }
        Ok(tx.bot_of(assistant.id).await?)
    }

    /// One of the caller's assistants, as soon as its status has changed, or after `wait`.
    ///
    /// A waiting call holds no thread and asks the database only when there is news of this assistant.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`] (also when it is deleted meanwhile),
    /// [`Error::InvalidRequest`], [`Error::RateLimited`] when too many wait already.
    pub async fn assistant_when_changed(
        &self,
        caller: &Caller,
        id: &str,
        wait: Parsed<Duration>,
    ) -> Result<AssistantRecord, Error> {
        // Listening begins before the first look, so that nothing falls between.
        let mut news = self.hub().listen();
        let first = self.assistant(caller, id).await?;
        let wait = wait.map_err(Error::InvalidRequest)?;
        if wait.is_zero() {
            return Ok(first);
        }
        let _seat = self.seats().take(caller.user_id)?;
        let until = tokio::time::Instant::now() + wait;
        let assistant = AssistantId::parse(id);
        loop {
            let is_over = tokio::select! {
                () = tokio::time::sleep_until(until) => true,
                () = self.hub().closing().cancelled() => true,
                () = change_of(&mut news, caller.user_id, assistant) => false,
            };
            // The key may have been revoked meanwhile.
            if !self.is_still_live(caller).await? {
                return Err(Error::Unauthorized);
            }
            let now = self.assistant(caller, id).await?;
            if is_over || now.status != first.status {
                return Ok(now);
            }
        }
    }

    /// What happened to one of the caller's assistants, and its callbacks: a hundred of each.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn assistant_history(&self, caller: &Caller, id: &str) -> Result<History, Error> {
        caller.require(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.owned(&mut tx, caller, id).await?;
        Ok(History {
            timeline: timeline_in(&mut tx, assistant.id, SHOWN_MAX).await?,
            callbacks: callbacks_in(&mut tx, assistant.id, SHOWN_MAX).await?,
            record: assistant.record(),
        })
    }

    /// One of the caller's assistants with what its page shows around it.
    ///
    /// Who looks at an unpaid slot may just be back from the checkout: Polar is asked soon. The look grants nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn assistant_details(&self, caller: &Caller, id: &str) -> Result<Details, Error> {
        caller.require(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.owned(&mut tx, caller, id).await?;
        let unpaid = assistant.state.status() == Status::PendingPayment;
        let checkout_url = if unpaid { tx.checkout_url(assistant.id).await? } else { None };
        let timeline = timeline_in(&mut tx, assistant.id, TIMELINE_SHOWN).await?;
        let credit = credit_in(&mut tx, &assistant).await?;
        let steps = steps_in(&mut tx, &assistant).await?;
        let kept = tx.secrets(assistant.id).await?;
        let is_changing = assistant.state.status() == Status::Deploying
            && tx.replaced(assistant.id).await?.is_some_and(|replaced| replaced.is_fallback);
        let callbacks = callbacks_in(&mut tx, assistant.id, CALLBACKS_SHOWN).await?;
        drop(tx);
        if unpaid {
            self.hurry_ask(assistant.id).await?;
        }
        Ok(Details {
            record: assistant.record(),
            version: assistant.version,
            checkout_url,
            timeline,
            credit,
            steps,
            bot_token: KeptSecret::of(kept.bot_token.is_some(), kept.bot_token_mark, kept.bot_token_set_at),
            model_key: KeptSecret::of(kept.model_key.is_some(), kept.model_key_mark, kept.model_key_set_at),
            is_changing,
            callbacks,
        })
    }
}

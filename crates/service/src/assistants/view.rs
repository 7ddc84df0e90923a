//! Reading assistants: the list, one record, waiting for its status, and what its pages show.

use std::sync::Arc;
use std::time::Duration;

use reef_domain::health::HealthRecord;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::input::Parsed;
use reef_domain::query::{Cursor, Page};
use reef_domain::steps::StepRecord;
use reef_domain::wire::{AssistantRecord, Scope, Status};
use reef_domain::{Assistant, State, Timestamp};
use reef_store::{EventRow, Tx};

use crate::assistants::paging::page_of;
use crate::billing::credit::{CREDIT_CODE, Credit, find_credit};
use crate::callbacks::log::{DELIVERIES_PREVIEW, LoggedDelivery, list_logged_deliveries};
use crate::caller::Caller;
use crate::error::Error;
use crate::events::timeline::TIMELINE_MAX;
use crate::health::find_health_record;
use crate::services::Services;

/// How long an unpaid assistant is listed after it was ordered.
pub const UNPAID_LISTED_FOR: Duration = Duration::from_secs(3600);
/// How many of the newest events an assistant's page shows.
pub const TIMELINE_PREVIEW: i64 = 20;

/// An assistant with everything its page shows.
#[derive(Clone, Debug)]
pub struct Details {
    /// The record as the API returns it.
    pub record: AssistantRecord,
    /// Grows with every write, so that a form can tell whether it is out of date.
    pub version: i64,
    /// The URL of its checkout, while it is unpaid.
    pub checkout_url: Option<String>,
    /// The newest events, newest first.
    pub timeline: Vec<TimelineItem>,
    /// Its model credit, in managed mode once it was paid.
    pub credit: Option<Credit>,
    /// The steps of the run that its status is about; empty while it is stopped.
    pub steps: Vec<StepRecord>,
    /// The bot that it answers as, while it is active. `None` also when its run did not record the bot.
    pub bot: Option<ActiveBot>,
    /// The stored bot token, without its value.
    pub bot_token: Option<StoredSecret>,
    /// The stored model key, without its value.
    pub model_key: Option<StoredSecret>,
    /// Whether the run in progress deploys a change, which is undone if the run fails.
    pub is_changing: bool,
    /// The newest deliveries, newest first.
    pub callbacks: Vec<LoggedDelivery>,
    /// How it is, if it runs.
    pub health: HealthRecord,
}

/// An event as pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineItem {
    /// When the event was recorded.
    pub created_at: Timestamp,
    /// The status after the event.
    pub status: Status,
    /// The message of the event, which may begin with a failure code.
    pub message: Option<String>,
    /// Which settings the deployment changes or restores. The API does not have it.
    pub note: Option<String>,
}

/// An assistant's events and deliveries, as many as the API lists.
#[derive(Clone, Debug)]
pub struct History {
    /// The record as the API returns it.
    pub record: AssistantRecord,
    /// The newest events, newest first.
    pub timeline: Vec<TimelineItem>,
    /// The newest deliveries, newest first.
    pub callbacks: Vec<LoggedDelivery>,
}

async fn list_timeline(tx: &mut Tx, id: AssistantId, limit: i64) -> Result<Vec<TimelineItem>, Error> {
    let events = tx.list_events(id, limit).await?;
    // Pages never show a code. They remove failure codes themselves, but this code is not one of them.
    let without_code = |message: String| message.strip_prefix(CREDIT_CODE).unwrap_or(&message).to_owned();
    let shown = |event: EventRow| TimelineItem {
        created_at: event.created_at,
        status: event.status,
        message: event.status_message.map(without_code),
        note: event.note,
    };
    Ok(events.into_iter().map(shown).collect())
}

/// The bot that an active assistant answers as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveBot {
    /// Telegram's id of the bot.
    pub bot_id: i64,
    /// The name of the bot, without the @.
    pub bot_username: String,
}

impl From<(i64, String)> for ActiveBot {
    fn from((bot_id, bot_username): (i64, String)) -> Self {
        Self { bot_id, bot_username }
    }
}

/// The part of a stored secret that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// The beginning of a keyed hash, which is equal for equal secrets. `None` if the secret was stored without one.
    pub fingerprint: Option<String>,
    /// When the secret was stored, if that is known.
    pub updated_at: Option<Timestamp>,
}

impl StoredSecret {
    fn of(is_stored: bool, fingerprint: Option<String>, updated_at: Option<Timestamp>) -> Option<Self> {
        is_stored.then_some(Self { fingerprint, updated_at })
    }
}

/// The steps of the run that the status is about. A stopped assistant has none to show.
async fn list_steps(tx: &mut Tx, a: &Assistant) -> Result<Vec<StepRecord>, Error> {
    match &a.state {
        State::Deploying { run, .. } | State::Active { run, .. } | State::Failed { run, .. } => {
            Ok(tx.list_deployment_steps(a.id, run.generation).await?)
        }
        State::PendingPayment | State::Purchased | State::Stopped { .. } => Ok(Vec::new()),
    }
}

impl Services {
    /// The caller's assistants, newest first, without unpaid ones that are older than [`UNPAID_LISTED_FOR`]. May read from
    /// memory.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope.
    pub async fn list_assistants(&self, caller: &Caller) -> Result<Vec<Arc<AssistantRecord>>, Error> {
        caller.require_scope(Scope::Read)?;
        let unpaid_since = self.now().minus(UNPAID_LISTED_FOR);
        if let Some(listed) = self.list_known(caller, unpaid_since).await? {
            return Ok(listed);
        }
        let mut tx = self.store().read().await?;
        let found = match caller.grant() {
            Some(grant) => tx.list_granted_assistants(caller.user_id, grant, unpaid_since).await?,
            None => tx.list_assistants(caller.user_id, unpaid_since).await?,
        };
        Ok(found.iter().map(|assistant| Arc::new(assistant.record())).collect())
    }

    /// A page of the same list with the cursor of the next one; the whole list without a page.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::InvalidRequest`].
    pub async fn list_assistants_page(
        &self,
        caller: &Caller,
        page: Parsed<Option<Page>>,
    ) -> Result<(Vec<Arc<AssistantRecord>>, Option<Cursor>), Error> {
        caller.require_scope(Scope::Read)?;
        let Some(Page { limit, after }) = page.map_err(Error::InvalidRequest)? else {
            return Ok((self.list_assistants(caller).await?, None));
        };
        let size = usize::try_from(limit).map_err(Error::internal)?;
        let unpaid_since = self.now().minus(UNPAID_LISTED_FOR);
        if let Some(listed) = self.list_known(caller, unpaid_since).await? {
            return Ok(page_of(listed, after, size));
        }
        let mut tx = self.store().read().await?;
        let found = match caller.grant() {
            // A key is limited to at most 20 assistants, so the page is cut from all of them.
            Some(grant) => tx.list_granted_assistants(caller.user_id, grant, unpaid_since).await?,
            None => {
                let position = after.map(|cursor| (cursor.created_at, cursor.id));
                // One row more than the page shows whether there is a next one.
                tx.list_assistants_page(caller.user_id, unpaid_since, position, limit + 1).await?
            }
        };
        let records = found.iter().map(|assistant| Arc::new(assistant.record()));
        Ok(page_of(records, after, size))
    }

    /// The whole list of the caller's account, if this process may remember it; `None` for a key that is limited to
    /// selected assistants and for an account with very many.
    async fn list_known(
        &self,
        caller: &Caller,
        unpaid_since: Timestamp,
    ) -> Result<Option<Vec<Arc<AssistantRecord>>>, Error> {
        if caller.grant().is_some() {
            return Ok(None);
        }
        let Some(all) = self.store().list_known_records(caller.user_id).await? else { return Ok(None) };
        let is_listed = |one: &&Arc<AssistantRecord>| {
            one.status != Status::PendingPayment || one.created_at >= unpaid_since
        };
        Ok(Some(all.iter().filter(is_listed).cloned().collect()))
    }

    /// The record of one of the caller's assistants, to show and not to decide by: it may be read from memory. It is
    /// never older than what this process has confirmed, and at most a second older than what another one has.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn get_record(&self, caller: &Caller, id: &str) -> Result<Arc<AssistantRecord>, Error> {
        caller.require_scope(Scope::Read)?;
        let id = AssistantId::parse(id).ok_or(Error::NotFound)?;
        let found = self.store().find_known_record(id).await?;
        let is_own = |record: &Arc<AssistantRecord>| UserId::parse(&record.user_id) == Some(caller.user_id);
        let record = found.filter(is_own).ok_or(Error::NotFound)?;
        match caller.grant() {
            Some(grant) if !self.store().is_known_granted(caller.user_id, grant, id).await? => {
                Err(Error::NotFound)
            }
            _ => Ok(record),
        }
    }

    /// The record of one of the caller's assistants, as the database has it now.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn get_assistant(&self, caller: &Caller, id: &str) -> Result<AssistantRecord, Error> {
        Ok(self.authorize_assistant(caller, Scope::Read, id).await?.record())
    }

    /// The record of one of the caller's assistants as soon as its status has changed, or after `wait`.
    ///
    /// A waiting call holds no thread and reads the database only when this assistant has changed.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`] (also when it is deleted meanwhile),
    /// [`Error::InvalidRequest`], [`Error::RateLimited`] when too many calls of the account are waiting.
    pub async fn wait_for_status_change(
        &self,
        caller: &Caller,
        id: &str,
        wait: Parsed<Duration>,
    ) -> Result<Arc<AssistantRecord>, Error> {
        let wait = match wait {
            Ok(wait) if !wait.is_zero() => wait,
            now_or_invalid => {
                let now = self.get_record(caller, id).await?;
                return now_or_invalid.map(|_| now).map_err(Error::InvalidRequest);
            }
        };
        caller.require_scope(Scope::Read)?;
        let assistant = AssistantId::parse(id).ok_or(Error::NotFound)?;
        // Subscribing before the first read, so that no change between them is missed.
        let mut changes = self.event_bus().subscribe(caller.user_id, Some(assistant));
        let first = self.get_record(caller, id).await?;
        let _permit = self.stream_limit().reserve(caller.user_id)?;
        let until = tokio::time::Instant::now() + wait;
        loop {
            let is_over = tokio::select! {
                () = tokio::time::sleep_until(until) => true,
                () = self.event_bus().closing().cancelled() => true,
                () = changes.changed() => false,
            };
            if !self.is_still_live(caller).await? {
                return Err(Error::Unauthorized);
            }
            let now = self.get_record(caller, id).await?;
            if is_over || now.status != first.status {
                return Ok(now);
            }
        }
    }

    /// The newest hundred events and the newest hundred deliveries of one of the caller's assistants.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn get_history(&self, caller: &Caller, id: &str) -> Result<History, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        Ok(History {
            timeline: list_timeline(&mut tx, assistant.id, TIMELINE_MAX).await?,
            callbacks: list_logged_deliveries(&mut tx, assistant.id, TIMELINE_MAX).await?,
            record: assistant.record(),
        })
    }

    /// One of the caller's assistants with everything its page shows.
    ///
    /// A buyer may just have returned from the checkout, so the payment check of an unpaid assistant is expedited.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn get_details(&self, caller: &Caller, id: &str) -> Result<Details, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read_committed().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let status = assistant.state.status();
        let is_unpaid = status == Status::PendingPayment;
        // The assistant may have been deleted since the last statement.
        let row = tx.find_page_row(assistant.id).await?.ok_or(Error::NotFound)?;
        let timeline = list_timeline(&mut tx, assistant.id, TIMELINE_PREVIEW).await?;
        let credit = find_credit(&mut tx, &assistant).await?;
        let steps = list_steps(&mut tx, &assistant).await?;
        let callbacks = list_logged_deliveries(&mut tx, assistant.id, DELIVERIES_PREVIEW).await?;
        let health = find_health_record(&mut tx, &assistant).await?;
        drop(tx);
        if is_unpaid {
            self.expedite_payment_check(assistant.id).await?;
        }
        Ok(Details {
            record: assistant.record(),
            version: assistant.version,
            checkout_url: row.checkout_url.filter(|_| is_unpaid),
            timeline,
            credit,
            steps,
            bot: row.bot_id.zip(row.bot_username).filter(|_| status == Status::Active).map(ActiveBot::from),
            bot_token: StoredSecret::of(row.has_bot_token, row.bot_token_fingerprint, row.bot_token_set_at),
            model_key: StoredSecret::of(row.has_model_key, row.model_key_fingerprint, row.model_key_set_at),
            is_changing: row.has_fallback && status == Status::Deploying,
            callbacks,
            health,
        })
    }
}

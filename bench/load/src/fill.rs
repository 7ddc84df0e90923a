//! Filling the tables with active assistants, as Reef itself would have stored them. Their secrets are not sealed, because
//! nothing that is measured on them opens a secret.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::now_ms;
use crate::database::Database;
use crate::sql::{Columns, Dialect};

/// The assistants of the measured user: a full page of the list.
const MEASURED: u64 = 100;
/// The time over which the orders are spread.
const PERIOD_MS: u64 = 90 * 24 * 60 * 60 * 1000;

/// The options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// URL of the database, whose tables exist.
    #[arg(long)]
    database: String,
    /// Id of the measured user.
    #[arg(long)]
    user: Uuid,
    /// Public URL of Reef, for the URLs of workers.
    #[arg(long)]
    public_url: String,
    /// Number of assistants.
    #[arg(long, default_value_t = 10_000)]
    rows: u64,
}

/// Inserts the rows. Returns the ids of the measured user's assistants, newest first.
pub async fn fill(options: &Options) -> Result<Value> {
    ensure!(options.rows >= MEASURED, "at least {MEASURED} rows are needed");
    let mut database = Database::connect(&options.database).await?;
    let columns = match database.has_column("assistants", Columns::CURRENT.plan).await? {
        true => Columns::CURRENT,
        false => Columns::BEFORE_RELEASE,
    };
    let rows = Rows { options, dialect: Dialect::of(&options.database), columns, now: now_ms()? };
    for statement in [rows.users(), rows.assistants(), rows.workers()].into_iter().chain(rows.events()) {
        database.execute(&statement).await?;
    }
    database.settle().await?;
    let ids = database.assistants_of(options.user).await?;
    ensure!(ids.len() as u64 == MEASURED, "the measured user has {} assistants", ids.len());
    Ok(json!({"assistants": ids}))
}

/// The statements that insert the rows. Those of the measured user are spread evenly among the others, as if that user
/// had ordered an assistant every day.
struct Rows<'a> {
    options: &'a Options,
    dialect: Dialect,
    columns: Columns,
    now: u64,
}

impl Rows<'_> {
    /// When row `i` was ordered.
    fn ordered_at(&self) -> String {
        let (start, step) = (self.now - PERIOD_MS, (PERIOD_MS / self.options.rows).max(1));
        format!("({start} + i * {step})")
    }

    fn assistant_id(&self) -> String {
        self.dialect.id(&self.ordered_at(), 0, "i")
    }

    fn owner_id(&self) -> String {
        let other = self.dialect.id(&(self.now - PERIOD_MS).to_string(), 1, "i / 2");
        let user = self.dialect.id_from(&self.options.user.to_string());
        let spacing = self.options.rows / MEASURED;
        format!("case when i % {spacing} = 0 and i < {} then {user} else {other} end", spacing * MEASURED)
    }

    fn worker_name(&self) -> String {
        format!("'openclaw-' || {}", self.dialect.hex("i", 8))
    }

    fn worker_url(&self) -> String {
        format!("'{}/workers/' || {}", self.options.public_url, self.worker_name())
    }

    fn time(&self, offset_ms: u64) -> String {
        self.dialect.time(&format!("{} + {offset_ms}", self.ordered_at()))
    }

    /// The owners of the other assistants. Nobody signs in as one of them.
    fn users(&self) -> String {
        let (dialect, secret) = (self.dialect, self.columns.signing_secret);
        let count = self.options.rows.div_ceil(2);
        let created = (self.now - PERIOD_MS).to_string();
        format!(
            "insert into users (id, email, password_hash, {secret}, created_at)
             {numbers} select {id}, 'user' || i || '@bench.example', '', {byte}, {time} from n",
            numbers = dialect.numbers(count),
            id = dialect.id(&created, 1, "i"),
            byte = dialect.one_byte(),
            time = dialect.time(&created),
        )
    }

    fn assistants(&self) -> String {
        let Columns { plan, webhook_url, bot_token_fingerprint, model_key_fingerprint, .. } = self.columns;
        let dialect = self.dialect;
        format!(
            "insert into assistants (id, user_id, {plan}, status, worker_name, generation, worker_url, payment_status,
                 subscription_id, current_period_end, name, provider, model_id, {webhook_url}, bot_token,
                 {bot_token_fingerprint}, bot_token_set_at, model_key, {model_key_fingerprint}, model_key_set_at,
                 bot_id, bot_username, sequence, version, created_at, updated_at)
             {numbers}
             select {id}, {owner}, 'byok', 'active', {worker_name}, 1, {worker_url}, 'paid',
                 'sub_' || {hex}, {period_end}, 'Assistant ' || i, 'anthropic', 'claude-sonnet-4-5-20250929',
                 'https://customer.example/webhooks/' || i, {byte}, {hex}, {updated}, {byte}, {hex}, {updated},
                 1000000 + i, 'bench_' || i || '_bot', 3, 3, {created}, {updated} from n",
            numbers = dialect.numbers(self.options.rows),
            id = self.assistant_id(),
            owner = self.owner_id(),
            worker_name = self.worker_name(),
            worker_url = self.worker_url(),
            hex = dialect.hex("i", 12),
            period_end = dialect.time(&(self.now + PERIOD_MS).to_string()),
            byte = dialect.one_byte(),
            created = self.time(0),
            updated = self.time(3000),
        )
    }

    /// Without its worker, the health check would find that an active assistant has failed.
    fn workers(&self) -> String {
        format!(
            "insert into workers (worker_name, assistant_id, generation, settings, polling, poll_offset, started_at)
             {numbers} select {name}, {id}, 1, {byte}, {polling}, 0, {started} from n",
            numbers = self.dialect.numbers(self.options.rows),
            name = self.worker_name(),
            id = self.assistant_id(),
            byte = self.dialect.one_byte(),
            polling = self.dialect.false_value(),
            started = self.time(3000),
        )
    }

    /// The events of a purchase and of a deployment.
    fn events(&self) -> Vec<String> {
        let statuses = ["pending_payment", "purchased", "deploying", "active"];
        let steps = (1_u8..).zip(statuses.windows(2));
        steps.map(|(sequence, pair)| self.events_of(sequence, pair[0], pair[1])).collect()
    }

    fn events_of(&self, sequence: u8, previous: &str, status: &str) -> String {
        let worker_url = if status == "active" { self.worker_url() } else { "null".to_owned() };
        format!(
            "insert into events (id, assistant_id, user_id, sequence, kind, status, previous_status, worker_url, created_at)
             {numbers}
             select {id}, {assistant}, {owner}, {sequence}, 'assistant.status_changed', '{status}', '{previous}',
                 {worker_url}, {created} from n",
            numbers = self.dialect.numbers(self.options.rows),
            id = self.dialect.id(&self.ordered_at(), 1 + sequence, "i"),
            assistant = self.assistant_id(),
            owner = self.owner_id(),
            created = self.time(u64::from(sequence) * 1000),
        )
    }
}

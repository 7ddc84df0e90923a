//! The sandbox's SQLite file and its schema.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// Polar's objects share one table, because each is read and written whole as the JSON that goes over the wire.
const SCHEMA: &str = "
create table if not exists polar_objects (
  seq integer primary key autoincrement, kind text not null, id text not null unique,
  client_secret text unique, webhook_url text not null, doc text not null) strict;
create index if not exists polar_objects_kind on polar_objects (kind, seq);
create index if not exists polar_objects_open on polar_objects (json_extract(doc, '$.expires_at'))
  where kind = 'checkout' and json_extract(doc, '$.status') = 'open';
create index if not exists polar_objects_external_id on polar_objects (json_extract(doc, '$.external_id'))
  where kind = 'customer';
create index if not exists polar_objects_email on polar_objects (json_extract(doc, '$.email')) where kind = 'customer';
create index if not exists polar_objects_order on polar_objects (json_extract(doc, '$.subscription_id'))
  where kind = 'order';
create table if not exists polar_deliveries (
  seq integer primary key autoincrement, event_id text not null unique, endpoint_id text, url text not null,
  type text not null, body text not null, state text not null, attempts integer not null default 0,
  next_at integer not null, created_at integer not null, last_status integer, last_error text) strict;
create index if not exists polar_deliveries_waiting on polar_deliveries (url, seq) where state = 'pending';

create table if not exists telegram_bots (
  id integer primary key, webhook_url text, secret_token text, allowed_updates text not null default '[]',
  max_connections integer not null default 40, last_error_at integer, last_error text,
  next_update integer not null, next_message integer not null default 1, commands text not null default '[]') strict;
create table if not exists telegram_updates (
  bot_id integer not null, update_id integer not null, chat_id integer not null, body text not null,
  attempts integer not null default 0, next_at integer not null, created_at integer not null,
  primary key (bot_id, update_id)) strict;
create index if not exists telegram_updates_chat on telegram_updates (bot_id, chat_id, update_id);
create table if not exists telegram_messages (
  seq integer primary key autoincrement, bot_id integer not null, chat_id integer not null, message_id integer not null,
  sender text not null, text text not null, entities text not null default '[]', at integer not null,
  reply_to integer) strict;
create index if not exists telegram_messages_chat on telegram_messages (bot_id, chat_id, seq);
create index if not exists telegram_messages_id on telegram_messages (bot_id, message_id);
create table if not exists telegram_chats (
  bot_id integer not null, chat_id integer not null, kind text not null, is_forum integer not null, migrated_to integer,
  primary key (bot_id, chat_id)) strict;
create table if not exists telegram_members (
  bot_id integer not null, chat_id integer not null, user_id integer not null,
  primary key (bot_id, chat_id, user_id)) strict;
create table if not exists telegram_files (
  seq integer primary key autoincrement, bot_id integer not null, key text not null unique, path text not null,
  size integer not null, body blob not null) strict;
create index if not exists telegram_files_path on telegram_files (bot_id, path);
create table if not exists telegram_drafts (
  bot_id integer not null, chat_id integer not null, thread_id integer not null, draft_id integer not null,
  text text not null, entities text not null, at integer not null,
  primary key (bot_id, chat_id, thread_id, draft_id)) strict;
create table if not exists telegram_callback_queries (
  id text primary key, bot_id integer not null, chat_id integer not null, answer text, at integer not null) strict;
create table if not exists telegram_commands (
  bot_id integer not null, scope text not null, language text not null, commands text not null,
  primary key (bot_id, scope, language)) strict;
create table if not exists telegram_typing (
  bot_id integer not null, chat_id integer not null, until integer not null, primary key (bot_id, chat_id)) strict;

create table if not exists openrouter_keys (
  seq integer primary key autoincrement, hash text not null unique, secret text not null unique, name text not null,
  label text not null, disabled integer not null default 0, usd_limit real, limit_reset text,
  include_byok_in_limit integer not null default 0, created_at integer not null, updated_at integer not null,
  expires_at integer, deleted integer not null default 0) strict;
create table if not exists openrouter_usage (
  seq integer primary key autoincrement, hash text not null, at integer not null, usd real not null) strict;
create index if not exists openrouter_usage_key on openrouter_usage (hash, at);

create table if not exists callbacks (
  seq integer primary key autoincrement, name text not null, at integer not null, headers text not null,
  body blob not null) strict;
create index if not exists callbacks_name on callbacks (name, seq);
create table if not exists callback_secrets (name text primary key, secret text not null) strict;

create table if not exists mails (
  seq integer primary key autoincrement, sender text not null, recipient text not null, subject text not null,
  text text not null, at integer not null) strict;
create index if not exists mails_recipient on mails (recipient, seq);

create table if not exists faults (
  seq integer primary key autoincrement, method text, path text not null, status integer, delay_ms integer not null,
  dropped integer not null, times integer not null, twice integer not null default 0, body text) strict;
create table if not exists requests (
  seq integer primary key autoincrement, vendor text not null, method text not null, path text not null,
  body text not null, status integer, at integer not null) strict;
";

/// Opens the file and creates it, its folder and its tables if they are missing.
///
/// The pool has one connection, so that writers never wait for a lock. A transaction must therefore only be held across
/// database calls.
pub(crate) async fn open(path: &Path) -> anyhow::Result<SqlitePool> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder)
            .await
            .context("the folder of the sandbox's database could not be created")?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        // A file does not disconnect as a server does, so no ping is needed before each use.
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options)
        .await
        .context("the sandbox's database could not be opened")?;
    sqlx::raw_sql(SCHEMA).execute(&pool).await.context("the sandbox's tables could not be created")?;
    for (table, column, alter) in COLUMNS_ADDED_LATER {
        let is_missing = "select count(*) = 0 from pragma_table_info($1) where name = $2";
        if sqlx::query_scalar(is_missing).bind(table).bind(column).fetch_one(&pool).await? {
            sqlx::query(alter).execute(&pool).await?;
        }
    }
    Ok(pool)
}

/// Columns that a file written by an earlier version may lack.
const COLUMNS_ADDED_LATER: [(&str, &str, &str); 7] = [
    ("faults", "twice", "alter table faults add column twice integer not null default 0"),
    ("faults", "body", "alter table faults add column body text"),
    ("telegram_messages", "reply_to", "alter table telegram_messages add column reply_to integer"),
    ("telegram_messages", "doc", "alter table telegram_messages add column doc text"),
    ("telegram_messages", "thread_id", "alter table telegram_messages add column thread_id integer"),
    ("telegram_messages", "markup", "alter table telegram_messages add column markup text"),
    ("telegram_messages", "reaction", "alter table telegram_messages add column reaction text"),
];

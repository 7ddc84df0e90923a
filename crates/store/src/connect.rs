//! Opens the database and migrates it.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};

use crate::cache::ReadCache;
use crate::durability::WalSync;
use crate::error::StoreError;
use crate::file_permissions::sync_directory;
use crate::timeout::with_timeout;
use crate::tx::{OpenConnection, SqliteTx, Tx, TxConnection};

/// How long a request waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for the lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite readers never wait for the writer.
const SQLITE_READERS: u32 = 8;
/// Connections from one process to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a returned connection may take to prove that it is alive.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection may be unused before it is tested when it is used again.
const TESTED_AFTER: Duration = Duration::from_millis(250);
/// When PostgreSQL gives up on a client that has disappeared. Without this, the row locks of its last transaction would
/// block everyone else for hours. (Client connection defaults, and the TCP settings.)
const DEAD_PEER_OPTIONS: [(&str, &str); 5] = [
    ("idle_in_transaction_session_timeout", "15s"),
    ("lock_timeout", "8s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// The database, and what this process remembers of it. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    cache: Arc<ReadCache>,
}

/// The connections to the database.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file with one writer at a time; readers do not wait for it.
    Sqlite {
        /// The one connection for writing. Waiting for it is fairer than SQLite's busy handler.
        write: SqlitePool,
        /// The connections that only read.
        read: SqlitePool,
        /// How often the connection for writing was opened.
        opened: Arc<AtomicU64>,
        /// What commits, and the answers of readers, wait for.
        wal: WalSync,
    },
    /// A pool of connections to PostgreSQL.
    Postgres(PgPool),
}

impl Store {
    /// Connects to `url` (`sqlite://path` or `postgres://…`), and creates the SQLite file if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::UnsupportedUrl`] for another scheme, [`StoreError::File`] and [`StoreError::Database`] when the
    /// database cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Self::connect_sqlite(SqliteConnectOptions::from_str(url)?, WalSync::new).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::connect_postgres(PgConnectOptions::from_str(url)?, POSTGRES_CONNECTIONS).await
        } else {
            Err(StoreError::UnsupportedUrl)
        }
    }

    fn new(database: Database) -> Self {
        Self { database, cache: Arc::default() }
    }

    /// The connections to the database, for statements that only tests need.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) const fn cache(&self) -> &Arc<ReadCache> {
        &self.cache
    }

    pub(crate) async fn connect_sqlite(
        options: SqliteConnectOptions,
        wal: impl FnOnce(&Path) -> WalSync,
    ) -> Result<Self, StoreError> {
        let options = options
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            // SQLite syncs around checkpoints only. Commits are synced by `WalSync`, after they have released the write lock.
            .synchronous(SqliteSynchronous::Normal);
        let wal = wal(options.get_filename());
        crate::file_permissions::create_private_database(options.get_filename()).map_err(StoreError::File)?;
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // A connection to a file cannot be lost, and is checked when it is returned.
                .test_before_acquire(false)
        };
        let opened = Arc::new(AtomicU64::new(0));
        let count = opened.clone();
        let write = pool(1).after_connect(move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(()) })
        });
        let write = write.connect_with(options.clone()).await?;
        // If a sync has failed in an earlier process, the log may look complete and not be on the disk. This writes what is
        // in it to the database, and syncs that.
        sqlx::query("pragma wal_checkpoint(passive)").execute(&write).await?;
        let read = pool(SQLITE_READERS).connect_with(options.read_only(true)).await?;
        Ok(Self::new(Database::Sqlite { write, read, opened, wal }))
    }

    pub(crate) async fn connect_postgres(
        options: PgConnectOptions,
        connections: u32,
    ) -> Result<Self, StoreError> {
        let options = options.options(DEAD_PEER_OPTIONS);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A connection that has just answered is not tested again: that would be a round trip for each of many reads.
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    if known.idle_for >= TESTED_AFTER {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            // A connection to a server that has disappeared would otherwise stay in the pool until TCP gives up.
            .after_release(|connection, _| {
                Box::pin(async {
                    let answered = tokio::time::timeout(RELEASE_TIMEOUT, connection.ping()).await;
                    let late = || Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
                    answered.unwrap_or_else(|_| late()).map(|()| true)
                })
            });
        Ok(Self::new(Database::Postgres(pool.connect_with(options).await?)))
    }

    /// Applies the migrations that are missing. They are part of the binary.
    ///
    /// # Errors
    /// [`StoreError::UnreleasedSchema`] when the tables are those of a version from before the first release,
    /// [`StoreError::Migration`] when a migration fails or the database is newer than this binary.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let migrated = match &self.database {
            Database::Sqlite { write, .. } => sqlx::migrate!("../../migrations/sqlite").run(write).await,
            Database::Postgres(pool) => sqlx::migrate!("../../migrations/postgres").run(pool).await,
        };
        // sqlx compares the applied migrations with its own before it changes anything.
        match migrated {
            Err(MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_))
                if self.has_unreleased_schema().await? =>
            {
                return Err(StoreError::UnreleasedSchema);
            }
            other => other?,
        }
        match &self.database {
            Database::Sqlite { wal, .. } => {
                let migrations = wal.record_start();
                wal.record_written(migrations);
                wal.wait(migrations).await
            }
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Before the first release the first migration had another name.
    async fn has_unreleased_schema(&self) -> Result<bool, StoreError> {
        let sql = "select count(*) from _sqlx_migrations where version = 1 and description <> 'initial'";
        let (count,): (i64,) = match &self.database {
            Database::Sqlite { write, .. } => sqlx::query_as(sql).fetch_one(write).await?,
            Database::Postgres(pool) => with_timeout(sqlx::query_as(sql).fetch_one(pool)).await?,
        };
        Ok(count > 0)
    }

    /// Opens a transaction for writing. On SQLite it takes the write lock at once, so that it cannot fail half-way.
    ///
    /// # Errors
    /// [`StoreError::Database`] when no connection is available in time, [`StoreError::NotDurable`] when it could not be
    /// committed.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let connection = match &self.database {
            Database::Sqlite { write, wal, .. } => {
                wal.ensure_healthy()?;
                let transaction = write.begin_with("begin immediate").await?;
                wal.record_idle();
                let connection = OpenConnection::Transaction(transaction);
                TxConnection::Sqlite(SqliteTx::new(connection, Some(wal.clone())))
            }
            Database::Postgres(pool) => {
                TxConnection::Postgres(OpenConnection::Transaction(with_timeout(pool.begin()).await?))
            }
        };
        Ok(Tx::new(connection, self.cache.clone()))
    }

    /// Opens a connection for reading only. On SQLite all its reads see the same state of the database. On PostgreSQL
    /// each sees what was committed before it, as in a transaction with the default isolation, but without the round
    /// trips to begin and end one.
    ///
    /// # Errors
    /// [`StoreError::Database`] when no connection is available in time.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let connection = match &self.database {
            Database::Sqlite { read, .. } => {
                let connection = OpenConnection::Transaction(read.begin().await?);
                TxConnection::Sqlite(SqliteTx::new(connection, None))
            }
            Database::Postgres(_) => return self.read_committed().await,
        };
        Ok(Tx::new(connection, self.cache.clone()))
    }

    /// Opens a connection for reading only, on which each statement sees what was committed before it, on both databases.
    /// Two statements may see different states, so this is for a single statement, and for pages, which are updated when
    /// anything that they show has changed. On SQLite it saves two changes of threads, to begin and end a transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`] when no connection is available in time.
    pub async fn read_committed(&self) -> Result<Tx, StoreError> {
        let connection = match &self.database {
            Database::Sqlite { read, .. } => {
                TxConnection::Sqlite(SqliteTx::new(OpenConnection::Read(read.acquire().await?), None))
            }
            Database::Postgres(pool) => {
                TxConnection::Postgres(OpenConnection::Read(with_timeout(pool.acquire()).await?))
            }
        };
        Ok(Tx::new(connection, self.cache.clone()))
    }

    /// Waits until everything that was read so far is durable: on SQLite, a transaction sees the commits of others before they
    /// are on the disk. Nothing that depends on it should leave the process earlier. Usually there is nothing to wait for.
    ///
    /// # Errors
    /// [`StoreError::NotDurable`] when it may be lost.
    pub async fn wait_until_durable(&self) -> Result<(), StoreError> {
        match &self.database {
            Database::Sqlite { wal, .. } => wal.wait(wal.last_commit()).await,
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Waits until changes can no longer be made durable, after which only a restart helps. On PostgreSQL this never returns,
    /// because its server restarts itself.
    pub async fn durability_lost(&self) {
        match &self.database {
            Database::Sqlite { wal, .. } => wal.failed().await,
            Database::Postgres(_) => std::future::pending().await,
        }
    }

    /// Writes a complete and consistent copy of a SQLite database to a new file while other processes keep running.
    /// `false` on PostgreSQL, which has its own tools.
    ///
    /// # Errors
    /// [`StoreError::File`] when the file cannot be created or exists, [`StoreError::Database`] when the copy fails.
    pub async fn back_up(&self, to: &Path) -> Result<bool, StoreError> {
        let Database::Sqlite { write, .. } = &self.database else { return Ok(false) };
        // The file is created first to set its mode. `vacuum into` accepts an existing file only if it is empty.
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .and_then(|_| crate::file_permissions::restrict_file(to))
            .map_err(StoreError::File)?;
        let copied = sqlx::query("vacuum into $1").bind(to.to_string_lossy()).execute(write).await;
        let durable = match copied {
            Ok(_) => std::fs::File::open(to)
                .and_then(|file| file.sync_all())
                .and_then(|()| sync_directory(to.parent().unwrap_or(Path::new(""))))
                .map_err(StoreError::File),
            Err(error) => Err(error.into()),
        };
        if durable.is_err() {
            // An incomplete copy must not look like a backup. If it cannot be removed, the first error is still the one to report.
            drop(std::fs::remove_file(to));
        }
        durable.map(|()| true)
    }

    /// Whether this process is the only one on the database, as with a SQLite file.
    #[must_use]
    pub const fn is_single_process(&self) -> bool {
        matches!(self.database, Database::Sqlite { .. })
    }

    /// Closes the connections of all pools.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Database::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Runs a trivial statement, to see whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database does not answer.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        crate::tx::execute!(self, "select 1");
        Ok(())
    }
}

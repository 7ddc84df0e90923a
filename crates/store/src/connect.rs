//! Opening the database and bringing its tables up to date.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};

use crate::error::StoreError;
use crate::tx::{Tx, in_time};

/// How long a connection is waited for before a request is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers of one SQLite file; they never wait for the writer.
const SQLITE_READERS: u32 = 8;
/// Connections to PostgreSQL from one process.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a connection that is given back may take to show that it lives.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// What PostgreSQL is told about a process that it does not hear of any more: without this, the row locks of its last
/// transaction would hold up everybody else for hours. (Client connection defaults, and the TCP settings.)
const FORSAKEN: [(&str, &str); 5] = [
    ("idle_in_transaction_session_timeout", "15s"),
    ("lock_timeout", "8s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// The database, cheap to clone.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file: one writer at a time, readers beside it.
    Sqlite {
        /// One connection: SQLite has one writer, and waiting here is fairer than its busy handler.
        write: SqlitePool,
        /// For looking.
        read: SqlitePool,
    },
    /// A server.
    Postgres(PgPool),
}

impl Store {
    /// Connects to `url` (`sqlite://path` or `postgres://…`), creating the SQLite file when absent.
    ///
    /// # Errors
    /// [`StoreError::UnsupportedUrl`] for another scheme, [`StoreError::Folder`] and
    /// [`StoreError::Database`] when it can't be opened.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .journal_mode(SqliteJournalMode::Wal)
                // With WAL this survives the process's death; only a power cut may lose the last commits.
                .synchronous(SqliteSynchronous::Normal);
            crate::private::database(options.get_filename()).map_err(StoreError::Folder)?;
            let pool = |connections| {
                SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
            };
            let write = pool(1).connect_with(options.clone()).await?;
            let read = pool(SQLITE_READERS).connect_with(options.read_only(true)).await?;
            Ok(Self::Sqlite { write, read })
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::connect_postgres(PgConnectOptions::from_str(url)?, POSTGRES_CONNECTIONS).await
        } else {
            Err(StoreError::UnsupportedUrl)
        }
    }

    pub(crate) async fn connect_postgres(
        options: PgConnectOptions,
        connections: u32,
    ) -> Result<Self, StoreError> {
        let options = options.options(FORSAKEN);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A connection whose server is out of sight would otherwise keep its place until TCP gives up.
            .after_release(|connection, _| {
                Box::pin(async {
                    let answered = tokio::time::timeout(RELEASE_TIMEOUT, connection.ping()).await;
                    let late = || Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
                    answered.unwrap_or_else(|_| late()).map(|()| true)
                })
            });
        Ok(Self::Postgres(pool.connect_with(options).await?))
    }

    /// Applies the migrations that are missing. They are part of the binary.
    ///
    /// # Errors
    /// [`StoreError::UnreleasedSchema`] when the tables are those of a version from before the first release,
    /// [`StoreError::Migration`] when a migration fails or the database is newer than this binary.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let migrated = match self {
            Self::Sqlite { write, .. } => sqlx::migrate!("../../migrations/sqlite").run(write).await,
            Self::Postgres(pool) => sqlx::migrate!("../../migrations/postgres").run(pool).await,
        };
        // sqlx compares what was applied with what it has before it changes anything.
        match migrated {
            Err(MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_))
                if self.has_unreleased_schema().await? =>
            {
                Err(StoreError::UnreleasedSchema)
            }
            other => Ok(other?),
        }
    }

    /// Before the first release the first migration had another name.
    async fn has_unreleased_schema(&self) -> Result<bool, StoreError> {
        let sql = "select count(*) from _sqlx_migrations where version = 1 and description <> 'initial'";
        let (count,): (i64,) = match self {
            Self::Sqlite { write, .. } => sqlx::query_as(sql).fetch_one(write).await?,
            Self::Postgres(pool) => in_time(sqlx::query_as(sql).fetch_one(pool)).await?,
        };
        Ok(count > 0)
    }

    /// A transaction for writing. SQLite's takes the write lock at once, so it can't fail half-way.
    ///
    /// # Errors
    /// [`StoreError::Database`] when none can be had in time.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("begin immediate").await?),
            Self::Postgres(pool) => Tx::Postgres(in_time(pool.begin()).await?),
        })
    }

    /// A transaction for looking only.
    ///
    /// # Errors
    /// [`StoreError::Database`] when none can be had in time.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { read, .. } => Tx::Sqlite(read.begin().await?),
            Self::Postgres(pool) => Tx::Postgres(in_time(pool.begin()).await?),
        })
    }

    /// Writes a whole, consistent copy of a SQLite database into a new file; other processes go on meanwhile.
    /// `false` on PostgreSQL, which has tools of its own.
    ///
    /// # Errors
    /// [`StoreError::Folder`] when the file can't be made or is there already, [`StoreError::Database`] when the
    /// copy fails.
    pub async fn back_up(&self, to: &Path) -> Result<bool, StoreError> {
        let Self::Sqlite { write, .. } = self else { return Ok(false) };
        // An empty file of our own first, for its mode: `vacuum into` fills it, and refuses one that is not empty.
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .and_then(|_| crate::private::file(to))
            .map_err(StoreError::Folder)?;
        let copied = sqlx::query("vacuum into $1").bind(to.to_string_lossy()).execute(write).await;
        let durable = match copied {
            Ok(_) => std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(StoreError::Folder),
            Err(error) => Err(error.into()),
        };
        if durable.is_err() {
            // Half a copy must not be taken for one. That it may stay behind changes nothing of the error.
            drop(std::fs::remove_file(to));
        }
        durable.map(|()| true)
    }

    /// Whether this process is the only one on the database, as with a SQLite file.
    #[must_use]
    pub const fn is_single_process(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Asks the database something trivial.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it does not answer.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        crate::tx::execute!(self, "select 1");
        Ok(())
    }
}

//! What goes wrong meanwhile: processes are killed or stand still, and notifications are late or lost.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sqlx::PgConnection;

use crate::world::World;

use super::book::Book;
use super::proxy::Proxy;

/// The PostgreSQL of a run.
pub struct Postgres {
    pub connection: PgConnection,
    /// One for each process.
    pub proxies: Vec<Proxy>,
}

pub struct Disturber<'a> {
    pub world: &'a mut World,
    pub book: &'a Book,
    pub rng: fastrand::Rng,
    pub postgres: Option<Postgres>,
}

impl Disturber<'_> {
    /// Disturbs until `end`, or until a problem was found.
    pub async fn run(&mut self, end: Instant) -> Result<()> {
        while Instant::now() < end && self.book.problems().is_empty() {
            self.sleep_ms(200, 2500).await;
            self.book.count(|counts| counts.disturbances += 1);
            let process = self.rng.usize(..self.world.replicas());
            // The rest happens to the connection that receives notifications, which SQLite does not have.
            let kinds = if self.postgres.is_some() { 8 } else { 2 };
            match self.rng.u32(..kinds) {
                0 => self.kill(process).await?,
                1 => self.halt(process).await?,
                2 => self.terminate_listeners().await?,
                3 => self.proxy(process).drop_listener(),
                4..=6 => self.delay_notifications(process).await,
                _ => self.reconnect_slowly(process).await,
            }
        }
        Ok(())
    }

    async fn kill(&mut self, process: usize) -> Result<()> {
        self.world.kill(process).await?;
        self.sleep_ms(0, 500).await;
        self.world.start(process)?;
        self.world.wait_until_ready(process).await
    }

    /// A process stands still, as on an overloaded machine. What it remembers is out of date when it continues.
    async fn halt(&mut self, process: usize) -> Result<()> {
        self.world.signal(process, "STOP").await?;
        self.sleep_ms(300, 3000).await;
        self.world.signal(process, "CONT").await
    }

    /// The database closes all connections that receive notifications.
    async fn terminate_listeners(&mut self) -> Result<()> {
        let Some(postgres) = &mut self.postgres else { return Ok(()) };
        // Between the checks of a listener, its last statement is the check. A pool ends its use of a connection with
        // another statement.
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and (query = 'select 1' or query like 'LISTEN%')";
        sqlx::query(sql)
            .execute(&mut postgres.connection)
            .await
            .context("connections could not be terminated")?;
        Ok(())
    }

    /// Notifications are late, and at last so late that the process must not rely on them.
    async fn delay_notifications(&mut self, process: usize) {
        self.proxy(process).set_paused(true);
        self.sleep_ms(400, 4000).await;
        self.proxy(process).set_paused(false);
    }

    /// The connection is lost, and opening it again takes longer than the interval of the listener's checks.
    async fn reconnect_slowly(&mut self, process: usize) {
        let delay = Duration::from_millis(self.rng.u64(20..400));
        self.proxy(process).set_delay(delay);
        self.proxy(process).drop_listener();
        self.sleep_ms(200, 1500).await;
        self.proxy(process).set_delay(Duration::ZERO);
    }

    fn proxy(&self, process: usize) -> Proxy {
        let postgres = self.postgres.as_ref().expect("only PostgreSQL has these disturbances");
        postgres.proxies[process].clone()
    }

    async fn sleep_ms(&mut self, from: u64, to: u64) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(from..to))).await;
    }
}

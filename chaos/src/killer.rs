//! Kills of random processes at random moments.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::clock;
use crate::ledger::Ledger;
use crate::replies::Kill;
use crate::world::World;

/// Progress is printed after this many kills.
const PROGRESS_INTERVAL: u32 = 10;

/// Kills a random process `kills` times and starts it again each time.
pub async fn run(world: &mut World, ledger: &Ledger, kills: u32, mut rng: fastrand::Rng) -> Result<()> {
    let started = Instant::now();
    for kill in 1..=kills {
        tokio::time::sleep(Duration::from_millis(rng.u64(50..2500))).await;
        let victim = rng.usize(..world.replicas());
        let began_ms = clock::now_ms();
        world.kill(victim).await?;
        ledger.record_kill(Kill { began_ms, ended_ms: clock::now_ms() });
        tokio::time::sleep(Duration::from_millis(rng.u64(0..500))).await;
        world.start(victim)?;
        // Some kills do not wait, so that a process may be killed while it starts.
        if rng.u32(..5) > 0 {
            world.wait_until_ready(victim).await?;
        }
        if kill % PROGRESS_INTERVAL == 0 {
            println!("chaos: {kill} of {kills} kills after {:.0} s", started.elapsed().as_secs_f32());
        }
    }
    for replica in 0..world.replicas() {
        world.wait_until_ready(replica).await?;
    }
    Ok(())
}

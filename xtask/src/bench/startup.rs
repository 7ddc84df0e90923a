//! The size of the binary, the time until a server is ready, and its memory while it idles.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::options::Server;
use super::site::Site;

/// Connections, caches and timers have settled by then.
const SETTLING_TIME: Duration = Duration::from_secs(3);

/// What starts of a server show.
pub struct Started {
    pub size_mb: f64,
    pub ready_ms: f64,
    pub idle_mb: f64,
}

/// Starts the server several times.
pub fn measure(runs: usize, server: Server, site: &Site) -> Result<Started> {
    let (mut times, mut idle_mb) = (Vec::new(), 0.0);
    for _ in 0..runs {
        let (process, took) = site.start(server.name())?;
        times.push(took);
        if times.len() == runs {
            thread::sleep(SETTLING_TIME);
            idle_mb = process.memory_mb()?;
        }
    }
    times.sort();
    let size = fs::metadata(site.binary()).context("the size of the binary could not be read")?.len();
    let ready_ms = times[times.len() / 2].as_secs_f64() * 1e3;
    Ok(Started { size_mb: megabytes(size), ready_ms, idle_mb })
}

/// Megabytes of a million bytes, as `ls` and file managers show a download.
#[expect(clippy::cast_precision_loss, reason = "a binary has far fewer bytes than an f64 has integers")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

//! Numbers of this process.

use std::fs;

use metrics::gauge;
use reef_store::Store;

/// Reads them.
pub(super) fn look(store: &Store) {
    gauge!("reef_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    // Said from the start, so that there is something to compare with.
    gauge!("reef_event_streams_open").increment(0.0);
    for pool in store.pools() {
        gauge!("reef_database_connections_open", "pool" => pool.name).set(pool.open);
        gauge!("reef_database_connections_idle", "pool" => pool.name)
            .set(u32::try_from(pool.idle).unwrap_or(u32::MAX));
        gauge!("reef_database_connections_max", "pool" => pool.name).set(pool.max);
    }
    // Linux's own files; where there are none, these are left out.
    if let Some(bytes) = resident_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(u32::try_from(open.count()).unwrap_or(u32::MAX));
    }
    if let Some(max) = fds_max() {
        gauge!("process_max_fds").set(max);
    }
}

/// `VmRSS:      5120 kB` (proc_pid_status(5)).
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// `Max open files            1024                 524288               files` (proc_pid_limits(5)).
fn fds_max() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// An open event stream, counted until it is dropped.
#[derive(Debug)]
pub struct OpenStream(());

impl OpenStream {
    /// One more.
    pub fn new() -> Self {
        gauge!("reef_event_streams_open").increment(1.0);
        Self(())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!("reef_event_streams_open").decrement(1.0);
    }
}

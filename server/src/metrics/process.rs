//! Metrics of this process: version, database connections, memory, open files and event streams.

use std::fs;

use metrics::gauge;
use reef_service::Services;

pub(super) fn record(services: &Services) {
    gauge!("reef_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    // The gauge exists from the first scrape on, even if no stream was opened.
    gauge!("reef_event_streams_open").increment(0.0);
    for pool in services.connection_pools() {
        gauge!("reef_database_connections_open", "pool" => pool.name).set(pool.open);
        gauge!("reef_database_connections_idle", "pool" => pool.name)
            .set(u32::try_from(pool.idle).unwrap_or(u32::MAX));
        gauge!("reef_database_connections_max", "pool" => pool.name).set(pool.max);
    }
    // These files exist on Linux only; elsewhere the metrics are left out.
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

/// Parses a line such as `VmRSS:      5120 kB` (proc_pid_status(5)).
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// Parses a line such as `Max open files      1024      524288      files` (proc_pid_limits(5)).
fn fds_max() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

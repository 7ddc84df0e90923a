//! Random faults of the vendors: delays, duplicates, errors and dropped connections.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::world::SandboxFaults;

const PATHS: [&str; 10] = [
    "/telegram/*/getMe",
    "/telegram/*/setWebhook",
    "/telegram/*/deleteWebhook",
    "/telegram/*/sendMessage",
    "/anthropic/*",
    "/openai/*",
    "/polar/v1/checkouts/*",
    "/polar/v1/subscriptions/*",
    "/telegram/*",
    "/polar/*",
];
const DELIVERIES: [&str; 2] = ["/webhooks/polar", "/workers/*/telegram"];

/// Configures new faults until `stopped`, and then clears them. Returns how many there were.
pub async fn inject(
    sandbox: SandboxFaults,
    mut rng: fastrand::Rng,
    mut stopped: watch::Receiver<bool>,
) -> Result<u64> {
    let mut count = 0;
    while !*stopped.borrow() {
        let faults: Vec<Value> = (0..rng.u32(1..5)).map(|_| random_fault(&mut rng)).collect();
        count += u64::try_from(faults.len())?;
        sandbox.set_faults(&json!(faults)).await.context("faults could not be configured")?;
        let pause = Duration::from_millis(rng.u64(200..1500));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = stopped.changed() => changed.context("the stop signal is gone")?,
        }
    }
    sandbox.set_faults(&json!([])).await.context("faults could not be cleared")?;
    Ok(count)
}

/// Returns an error from which Reef can recover: a flood wait, a failure in a successful response, a completion that was
/// only thinking, a credit that is almost spent, or a daily limit.
fn recoverable_error(rng: &mut fastrand::Rng) -> Value {
    let choice = |finish: &str, native: &str| {
        json!({"choices": [{"finish_reason": finish, "native_finish_reason": native,
            "message": {"role": "assistant", "content": ""}}]})
    };
    let (path, status, body) = match rng.u32(..5) {
        0 => {
            let wait = rng.u32(1..4);
            let parameters = json!({"retry_after": wait});
            let description = format!("Too Many Requests: retry after {wait}");
            let body =
                json!({"ok": false, "error_code": 429, "description": description, "parameters": parameters});
            ("/telegram/*/sendMessage", 429, body)
        }
        1 => ("/openai/*/completions", 200, choice("stop", "network_error")),
        2 => ("/openai/*/completions", 200, choice("length", "max_tokens")),
        3 => {
            let message = "You requested up to 8192 tokens, but can only afford 3919";
            ("/openai/*/completions", 402, json!({"error": {"code": 402, "message": message}}))
        }
        _ => {
            let message = "Rate limit exceeded: free-models-per-day";
            ("/openai/*/completions", 429, json!({"error": {"code": 429, "message": message}}))
        }
    };
    json!({"path": path, "times": rng.u32(1..3), "status": status, "body": body})
}

fn random_fault(rng: &mut fastrand::Rng) -> Value {
    if rng.u32(..3) == 0 {
        return recoverable_error(rng);
    }
    let path = PATHS[rng.usize(..PATHS.len())];
    let times = rng.u32(1..4);
    match rng.u32(..10) {
        0..=2 => json!({"path": path, "times": times, "status": 500}),
        3 => json!({"path": path, "times": times, "status": 429}),
        4 | 5 => json!({"path": path, "times": times, "delayMs": rng.u64(200..4000)}),
        6 => json!({"path": path, "times": 1, "delayMs": 600_000}),
        7 => json!({"path": path, "times": times, "drop": true}),
        _ => json!({"path": DELIVERIES[rng.usize(..DELIVERIES.len())], "times": times, "twice": true}),
    }
}

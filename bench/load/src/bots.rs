//! Buying assistants in the sandbox, activating all of them at once, and talking to them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{self, Customer};

/// Orders that are paid at the same time. More than 10 unpaid ones would be refused.
const BUYERS: u64 = 5;
/// The id of the first bot.
const FIRST_BOT: u64 = 500_000_000;
/// The metric that counts turns whose answer was sent.
const ANSWERS: &str = "reef_turns_total{outcome=\"answered\"}";
/// How long all replies may take.
const REPLY_LIMIT: Duration = Duration::from_secs(180);

/// The options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// Address of Reef.
    #[arg(long)]
    reef: SocketAddr,
    /// Address of the sandbox.
    #[arg(long)]
    sandbox: SocketAddr,
    /// API key of the customer.
    #[arg(long)]
    key: String,
    /// Number of assistants.
    #[arg(long, default_value_t = 200)]
    bots: u64,
    /// Number of messages to each bot.
    #[arg(long, default_value_t = 10)]
    messages: u64,
}

/// Activates the assistants and talks to them.
pub async fn run(options: &Options) -> Result<Value> {
    let customer = Customer { reef: options.reef, key: options.key.clone() };
    let ids = buy_all(&customer, options).await?;
    open_to_everyone(&customer, &ids).await?;
    let mut times = activate_all(&customer, ids).await?;
    times.sort();
    let last = times.last().context("there are no assistants")?;
    // The first replies fill caches and open connections.
    reply_to_all(options, 1, 1).await?;
    let took = reply_to_all(options, 2, options.messages).await?;
    let turns = u32::try_from(options.bots * options.messages)?;
    Ok(json!({
        "assistants": options.bots,
        "half active after, ms": times[times.len() / 2].as_secs_f64() * 1e3,
        "all active after, ms": last.as_secs_f64() * 1e3,
        "turns": turns,
        "turns/s": f64::from(turns) / took.as_secs_f64(),
    }))
}

async fn buy_all(customer: &Customer, options: &Options) -> Result<Vec<String>> {
    let mut buyers = JoinSet::new();
    for buyer in 0..BUYERS {
        let (customer, sandbox) = (customer.clone(), options.sandbox);
        let count = (buyer..options.bots).step_by(usize::try_from(BUYERS)?).count();
        buyers.spawn(async move {
            let mut ids = Vec::new();
            for _ in 0..count {
                ids.push(buy(&customer, sandbox).await?);
            }
            Ok::<_, anyhow::Error>(ids)
        });
    }
    let all = buyers.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(all.concat())
}

async fn buy(customer: &Customer, sandbox: SocketAddr) -> Result<String> {
    let order = customer.call("POST", "/purchase", Some(&json!({"apiMode": "byok"}))).await?;
    let id = order["deploymentId"].as_str().context("an order has no id")?;
    let page = order["checkoutUrl"].as_str().context("an order has no checkout")?;
    let path = page.split_once(&sandbox.to_string()).context("the checkout is not in the sandbox")?.1;
    let paid = client::send(sandbox, "POST", &format!("{path}/pay"), "", None).await?;
    ensure!(paid.status == 303, "the checkout returned {}: {}", paid.status, paid.body);
    customer.wait_for(id, "purchased").await?;
    Ok(id.to_owned())
}

/// Lets everyone talk to the assistants. Binaries from before there were settings have no such endpoint, and answer everyone.
async fn open_to_everyone(customer: &Customer, ids: &[String]) -> Result<()> {
    let open = json!({"access": {"mode": "anyone"}});
    for id in ids {
        let response = customer.send("PATCH", &format!("/{id}/settings"), Some(&open)).await?;
        ensure!(
            matches!(response.status, 200 | 404),
            "settings returned {}: {}",
            response.status,
            response.body
        );
    }
    Ok(())
}

/// Returns how long it took until each of them was active.
async fn activate_all(customer: &Customer, ids: Vec<String>) -> Result<Vec<Duration>> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (bot, id) in (FIRST_BOT..).zip(ids) {
        let customer = customer.clone();
        tasks.spawn(async move {
            let body = json!({
                "name": format!("Bot {bot}"), "modelProvider": "openai", "modelId": "gpt-4o", "modelApiKey": "sk-bench",
                "telegramBotToken": format!("{bot}:okAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            });
            customer.call("POST", &format!("/{id}/activate"), Some(&body)).await?;
            customer.wait_for(&id, "active").await?;
            Ok::<_, anyhow::Error>(started.elapsed())
        });
    }
    tasks.join_all().await.into_iter().collect()
}

/// Sends messages to all bots at the same time, each in a chat of its own. Returns how long it took until all have a reply.
async fn reply_to_all(options: &Options, first_chat: u64, messages: u64) -> Result<Duration> {
    let before = count_turns(options.reef).await?;
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for bot in FIRST_BOT..FIRST_BOT + options.bots {
        let sandbox = options.sandbox;
        tasks.spawn(async move {
            let path = format!("/sandbox/telegram/bots/{bot}/messages");
            for chat in first_chat..first_chat + messages {
                let message = json!({"chatId": chat, "text": format!("question {chat}")});
                let sent = client::send(sandbox, "POST", &path, "", Some(&message)).await?;
                ensure!(sent.status < 300, "the sandbox refused a message: {} {}", sent.status, sent.body);
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    tasks.join_all().await.into_iter().collect::<Result<()>>()?;
    let wanted = before + options.bots * messages;
    while count_turns(options.reef).await? < wanted {
        if started.elapsed() > REPLY_LIMIT {
            bail!("not all messages had a reply within {} s", REPLY_LIMIT.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(started.elapsed())
}

/// Reads how many answers the process has sent.
async fn count_turns(reef: SocketAddr) -> Result<u64> {
    let metrics = client::send(reef, "GET", "/metrics", "", None).await?;
    let lines = metrics.body.lines().filter(|line| line.starts_with(ANSWERS));
    lines.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?)).sum()
}

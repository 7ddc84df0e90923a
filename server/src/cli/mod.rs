//! The command line: one binary, `reef`.

mod accounts;
mod doctor;
mod operations;
mod sandbox;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use secrecy::SecretString;

use crate::compose::{self, Reached};
use crate::config::Config;
use crate::{api, log, serve};

/// Sells, launches and runs hosted assistants. Without a command it serves.
///
/// Configured by environment variables; `.env.example` lists them all.
#[derive(Debug, Parser)]
#[command(name = "reef", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the site, the API and the workers (the default).
    Serve,
    /// Bring the database up to date and end.
    Migrate,
    /// Accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print an account's callback signing secret alone.
    CallbackSecret {
        /// The account's address.
        #[arg(long)]
        email: String,
        /// Make a new one; the old one signs beside it for 24 h.
        #[arg(long)]
        rotate: bool,
    },
    /// Run the outside world as a process of its own.
    Sandbox(SandboxArgs),
    /// Print the OpenAPI document.
    Openapi,
    /// Write a copy of a SQLite database, beside a running server; on PostgreSQL use pg_dump.
    Backup {
        /// The new file; the secret key is not in it.
        file: PathBuf,
    },
    /// Seal everything with the first key of SECRET_KEY that an older one has sealed; beside running servers.
    Reseal,
    /// Check the database and every configured upstream, and say what is wrong.
    Doctor,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Open an account; prints its id.
    Create {
        /// Its address.
        #[arg(long)]
        email: String,
        /// Read the password from the first line of standard input; without it one is made and printed after
        /// the id.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account another password and sign it out everywhere.
    Password {
        /// Its address.
        #[arg(long)]
        email: String,
        /// Read the password from the first line of standard input; without it one is made and printed.
        #[arg(long)]
        password_stdin: bool,
        /// Switch two-step sign-in off too, for somebody who has lost app and recovery codes.
        #[arg(long)]
        end_two_step: bool,
    },
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make an API key; prints the key alone.
    Create {
        /// Whose it is.
        #[arg(long)]
        email: String,
        /// What to call it.
        #[arg(long)]
        name: String,
        /// What it may do: read, write; both unless given.
        #[arg(long = "scope", value_parser = ["read", "write"])]
        scopes: Vec<String>,
        /// After how long it ends by itself, such as 12h or 30d.
        #[arg(long, value_parser = accounts::duration)]
        expires_in: Option<std::time::Duration>,
        /// The id of an assistant that it is limited to; up to 20 times. Without it the key may touch all of the
        /// account's, also later ones.
        #[arg(long = "assistant", value_name = "ID")]
        assistants: Vec<String>,
    },
    /// Revoke an API key; it is dead at once.
    Revoke(RevokeArgs),
}

/// Which key to revoke: itself, or an account's by name or id.
#[derive(Debug, clap::Args)]
struct RevokeArgs {
    /// The key itself. Better give it with --key-stdin: shells keep what is typed.
    #[arg(conflicts_with_all = ["key_stdin", "email"])]
    key: Option<String>,
    /// Read the key itself from the first line of standard input.
    #[arg(long, conflicts_with = "email")]
    key_stdin: bool,
    /// The account whose key it is; goes with --name or --id.
    #[arg(long, required_unless_present_any = ["key", "key_stdin"])]
    email: Option<String>,
    /// Every key of the account that is called so.
    #[arg(long, requires = "email")]
    name: Option<String>,
    /// The account's key with this id.
    #[arg(long, requires = "email", conflicts_with = "name")]
    id: Option<String>,
}

/// Where the sandbox is and whom it tells.
#[derive(Debug, clap::Args)]
struct SandboxArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:4000")]
    bind: SocketAddr,
    /// Where to take mail by SMTP. Port 0: any that is free, another after each start.
    #[arg(long, default_value = "127.0.0.1:0")]
    smtp_bind: SocketAddr,
    /// Where browsers and Reef reach it; `http://` and the bound address unless given.
    #[arg(long)]
    public_url: Option<String>,
    /// Its SQLite file.
    #[arg(long, default_value = "data/sandbox.db")]
    database: PathBuf,
    /// Where Polar's webhooks go; the origin of a checkout's success URL and /webhooks/polar unless given.
    #[arg(long)]
    webhook_url: Option<String>,
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// With one line for people.
    pub async fn run(self) -> anyhow::Result<()> {
        if let Some(Command::Openapi) = self.command {
            return print(&serde_json::to_string_pretty(&api::document())?);
        }
        let config = Config::from_env()?;
        let telemetry = log::init(&config)?;
        let done = self.run_with(&config).await;
        telemetry.end().await;
        done
    }

    async fn run_with(self, config: &Config) -> anyhow::Result<()> {
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::serve(config).await,
            Command::Migrate => compose::open_store(config).await.map(|_| ()),
            Command::Sandbox(args) => sandbox::run(config, args).await,
            Command::Doctor => doctor::run(config).await,
            Command::Backup { file } => operations::backup(config, &file).await,
            Command::Reseal => operations::reseal(&app(config).await?).await,
            Command::Openapi => Ok(()),
            Command::User(command) => accounts::user(&app(config).await?, command).await,
            Command::Key(command) => accounts::key(&app(config).await?, command).await,
            Command::CallbackSecret { email, rotate } => {
                accounts::callback_secret(&app(config).await?, &email, rotate).await
            }
        }
    }
}

/// The service layer without a server around it.
async fn app(config: &Config) -> anyhow::Result<compose::App> {
    let store = compose::open_store(config).await?;
    compose::app(config, store, Reached::at(config, config.bind_addr))
}

/// Prints what was asked for, alone, on standard output.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// The first line of standard input, without its end.
fn first_line() -> anyhow::Result<SecretString> {
    use std::io::{BufRead as _, Read as _};
    const LINE_MAX: u64 = 4096;
    let mut line = String::new();
    std::io::stdin().lock().take(LINE_MAX).read_line(&mut line)?;
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}

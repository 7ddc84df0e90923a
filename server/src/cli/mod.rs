//! The command line of the binary `reef`: its commands, options and help texts.

mod accounts;
mod doctor;
mod operations;
mod sandbox;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use secrecy::SecretString;

use crate::compose::{self, PublicUrls};
use crate::config::Config;
use crate::{api, log, serve};

/// Sell and run hosted Telegram assistants. Without a command, `reef` runs `serve`.
///
/// Configuration comes from environment variables; `.env.example` lists them all.
#[derive(Debug, Parser)]
#[command(name = "reef", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the site, the API and the workers (default).
    Serve,
    /// Migrate the database and exit.
    Migrate,
    /// Create accounts and reset passwords.
    #[command(subcommand)]
    User(UserCommand),
    /// Create and revoke API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print the secret that signs an account's callbacks.
    CallbackSecret {
        /// Email address of the account.
        #[arg(long)]
        email: String,
        /// Create a new secret; the previous one also signs for another 24 hours.
        #[arg(long)]
        rotate: bool,
    },
    /// Run the sandbox as a separate process.
    Sandbox(SandboxArgs),
    /// Print the OpenAPI document.
    Openapi,
    /// Copy a SQLite database, even while a server is running; on PostgreSQL use pg_dump.
    Backup {
        /// File to create; it does not contain the secret key.
        file: PathBuf,
    },
    /// Reseal every secret with the first key of SECRET_KEY, even while servers are running.
    Reseal,
    /// Check the database and every configured upstream, and report problems.
    Doctor,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Create an account and print its id.
    Create {
        /// Email address of the account.
        #[arg(long)]
        email: String,
        /// Read the password from the first line of standard input; without this option, a password is generated and
        /// printed after the id.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set a new password for an account and sign it out everywhere.
    Password {
        /// Email address of the account.
        #[arg(long)]
        email: String,
        /// Read the password from the first line of standard input; without this option, a password is generated and
        /// printed.
        #[arg(long)]
        password_stdin: bool,
        /// Also turn off two-factor authentication, for users who lost their authenticator app and recovery codes.
        #[arg(long)]
        end_two_step: bool,
    },
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create an API key and print it.
    Create {
        /// Email address of the account.
        #[arg(long)]
        email: String,
        /// Name of the key.
        #[arg(long)]
        name: String,
        /// Permission of the key: read or write; both by default.
        #[arg(long = "scope", value_parser = ["read", "write"])]
        scopes: Vec<String>,
        /// Time until the key expires, such as 12h or 30d.
        #[arg(long, value_parser = accounts::parse_duration)]
        expires_in: Option<std::time::Duration>,
        /// Id of an assistant that the key may access; may be given up to 20 times. Without this option, the key may
        /// access all current and future assistants of the account.
        #[arg(long = "assistant", value_name = "ID")]
        assistants: Vec<String>,
    },
    /// Revoke an API key immediately.
    Revoke(RevokeArgs),
}

/// Selects the key to revoke: the key itself, or a key of an account by its name or id.
#[derive(Debug, clap::Args)]
struct RevokeArgs {
    /// The API key. Prefer --key-stdin, because shells save commands in their history.
    #[arg(conflicts_with_all = ["key_stdin", "email"])]
    key: Option<String>,
    /// Read the API key from the first line of standard input.
    #[arg(long, conflicts_with = "email")]
    key_stdin: bool,
    /// Email address of the account that owns the key; requires --name or --id.
    #[arg(long, required_unless_present_any = ["key", "key_stdin"])]
    email: Option<String>,
    /// Revoke every key of the account with this name.
    #[arg(long, requires = "email")]
    name: Option<String>,
    /// Revoke the key of the account with this id.
    #[arg(long, requires = "email", conflicts_with = "name")]
    id: Option<String>,
}

#[derive(Debug, clap::Args)]
struct SandboxArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:4000")]
    bind: SocketAddr,
    /// Address to accept mail on by SMTP. Port 0 selects a free port at each start.
    #[arg(long, default_value = "127.0.0.1:0")]
    smtp_bind: SocketAddr,
    /// URL at which browsers and Reef reach the sandbox; by default `http://` and the bound address.
    #[arg(long)]
    public_url: Option<String>,
    /// SQLite file of the sandbox.
    #[arg(long, default_value = "data/sandbox.db")]
    database: PathBuf,
    /// URL that receives Polar's webhooks; by default /webhooks/polar at the origin of each checkout's success URL.
    #[arg(long)]
    webhook_url: Option<String>,
}

impl Cli {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// Returns an error whose `{:#}` form is one line for the operator.
    pub async fn run(self) -> anyhow::Result<()> {
        if let Some(Command::Openapi) = self.command {
            return print(&serde_json::to_string_pretty(&api::document())?);
        }
        let config = Config::from_env()?;
        let telemetry = log::init(&config)?;
        let result = self.run_with(&config).await;
        telemetry.shutdown().await;
        result
    }

    async fn run_with(self, config: &Config) -> anyhow::Result<()> {
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::serve(config).await,
            Command::Migrate => compose::open_store(config).await.map(|_| ()),
            Command::Sandbox(args) => sandbox::run(config, args).await,
            Command::Doctor => doctor::run(config).await,
            Command::Backup { file } => operations::backup(config, &file).await,
            Command::Reseal => operations::reseal(&open_app(config).await?).await,
            Command::Openapi => Ok(()),
            Command::User(command) => accounts::user(&open_app(config).await?, command).await,
            Command::Key(command) => accounts::key(&open_app(config).await?, command).await,
            Command::CallbackSecret { email, rotate } => {
                accounts::callback_secret(&open_app(config).await?, &email, rotate).await
            }
        }
    }
}

/// Opens the database and the service layer for a command that does not serve.
async fn open_app(config: &Config) -> anyhow::Result<compose::App> {
    let store = compose::open_store(config).await?;
    compose::build_app(config, store, PublicUrls::new(config, config.bind_addr))
}

/// Prints a line on standard output.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Reads the first line of standard input, without its line ending.
fn read_first_line() -> anyhow::Result<SecretString> {
    use std::io::{BufRead as _, Read as _};
    const LINE_MAX: u64 = 4096;
    let mut line = String::new();
    std::io::stdin().lock().take(LINE_MAX).read_line(&mut line)?;
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}

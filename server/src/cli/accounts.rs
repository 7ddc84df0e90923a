//! `reef user`, `reef key` and `reef callback-secret`.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use reef_domain::ids::UserId;
use reef_service::api_keys::{ApiKey, NewApiKey};
use reef_service::{Caller, Error, Services};
use secrecy::{ExposeSecret, SecretString};

use super::{KeyCommand, RevokeArgs, UserCommand, print, read_first_line};
use crate::compose::App;

/// Parses a duration such as `90s`, `15m`, `12h` or `30d`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("{text:?} is not a duration such as 12h or 30d");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| invalid())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(invalid()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(invalid)
}

/// Converts a service error into one line for the terminal: the messages of its issues, or its own message and cause.
fn cli_error(error: &Error) -> anyhow::Error {
    let issues: Vec<_> = error.issues().iter().map(|issue| issue.message.clone()).collect();
    if issues.is_empty() {
        let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        anyhow!("{error}{cause}")
    } else {
        anyhow!("{}", issues.join(" "))
    }
}

async fn find_user(services: &Services, email: &str) -> anyhow::Result<UserId> {
    let found = services.find_account_by_email(email).await.map_err(|error| cli_error(&error))?;
    Ok(found.with_context(|| format!("no account has the email address {email}"))?.id)
}

/// Generates a password for an account that is created or reset without one.
fn generate_password() -> SecretString {
    use reef_outbound::SystemEntropy;
    use reef_ports::Entropy as _;
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes);
    SecretString::from(data_encoding::HEXLOWER.encode(&bytes))
}

/// `reef user …`
pub(super) async fn user(app: &App, command: UserCommand) -> anyhow::Result<()> {
    let (UserCommand::Create { password_stdin, .. } | UserCommand::Password { password_stdin, .. }) = command;
    let password = if password_stdin { read_first_line()? } else { generate_password() };
    match command {
        UserCommand::Create { email, .. } => {
            let account =
                app.services.create_user(&email, &password).await.map_err(|error| cli_error(&error))?;
            print(&account.id.to_string())?;
        }
        UserCommand::Password { email, end_two_step, .. } => {
            find_user(&app.services, &email).await?;
            let replaced = app.services.replace_password(&email, &password, end_two_step).await;
            replaced.map_err(|error| cli_error(&error))?;
        }
    }
    if password_stdin { Ok(()) } else { print(password.expose_secret()) }
}

/// `reef key …`
pub(super) async fn key(app: &App, command: KeyCommand) -> anyhow::Result<()> {
    let services = &app.services;
    match command {
        KeyCommand::Create { email, name, scopes, expires_in, assistants } => {
            let caller = Caller::operator(find_user(services, &email).await?);
            let has = |scope: &str| scopes.is_empty() || scopes.iter().any(|given| given == scope);
            let new = NewApiKey { name, read: has("read"), write: has("write"), expires_in, assistants };
            let (_, key) = services.create_api_key(&caller, &new).await.map_err(|error| cli_error(&error))?;
            print(key.expose_secret())
        }
        KeyCommand::Revoke(args) => revoke(services, args).await,
    }
}

/// `reef key revoke`
async fn revoke(services: &Services, args: RevokeArgs) -> anyhow::Result<()> {
    let Some(email) = args.email else {
        let key = args.key.map_or_else(read_first_line, |key| Ok(SecretString::from(key)))?;
        match services.revoke_api_key_by_secret(&key).await {
            Err(Error::NotFound) => bail!("this is not a valid API key"),
            other => other.map_err(|error| cli_error(&error))?,
        }
        services.wait_until_followed().await;
        return Ok(());
    };
    let caller = Caller::operator(find_user(services, &email).await?);
    let keys = services.list_api_keys(&caller).await.map_err(|error| cli_error(&error))?;
    let is_selected = |key: &&ApiKey| match (&args.id, &args.name) {
        (Some(id), _) => key.id.to_string() == *id,
        (None, Some(name)) => key.name == *name,
        (None, None) => false,
    };
    let selected: Vec<_> = keys.iter().filter(is_selected).collect();
    if selected.is_empty() {
        bail!("{email} has no such API key; pass --name or --id");
    }
    for key in selected {
        services.revoke_api_key(&caller, &key.id.to_string()).await.map_err(|error| cli_error(&error))?;
    }
    services.wait_until_followed().await;
    Ok(())
}

/// `reef callback-secret`
pub(super) async fn callback_secret(app: &App, email: &str, rotate: bool) -> anyhow::Result<()> {
    let services = &app.services;
    let user = find_user(services, email).await?;
    let secret = if rotate {
        services.rotate_signing_secret(&Caller::operator(user)).await
    } else {
        services.get_signing_secret(user).await
    };
    print(secret.map_err(|error| cli_error(&error))?.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_units_and_limits() {
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        for bad in ["", "d", "30", "30 d", "-1d", "1w", "99999999999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}

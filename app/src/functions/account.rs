//! Signing up, in and out.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;
use crate::secret::Secret;
#[cfg(feature = "ssr")]
use crate::{
    server::{SiteInfo, answer, client_address, go, local_path, provided},
    session::{current_caller, session, sign_in_session, sign_out_session},
};
#[cfg(feature = "ssr")]
use reef_service::Services;

/// What every page shows around itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Whether the outside world is the sandbox.
    pub sandbox: bool,
    /// Whether strangers may open accounts.
    pub signups_open: bool,
    /// The address of the account that is signed in.
    pub email: Option<String>,
}

/// What every page shows around itself.
#[server(prefix = "/_fn", endpoint = "frame")]
pub async fn load_frame() -> Result<Frame, AppError> {
    let services: Services = provided()?;
    let account = match current_caller().await? {
        Some(caller) => services.account(caller.user_id).await?,
        None => None,
    };
    let SiteInfo { sandbox } = provided()?;
    let signups_open = services.config().signups_open;
    Ok(Frame { sandbox, signups_open, email: account.map(|account| account.email) })
}

/// Opens an account and signs in.
#[server(prefix = "/_fn", endpoint = "sign_up")]
pub async fn sign_up(
    email: String,
    password: Secret,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    answer(&[("email", &email)], async {
        let services: Services = provided()?;
        let account = services.sign_up(&email, &password.expose().into(), client_address()).await?;
        sign_in_session(&session().await?, account.id).await?;
        go(local_path(&next))
    })
    .await
}

/// Signs in.
#[server(prefix = "/_fn", endpoint = "sign_in")]
pub async fn sign_in(
    email: String,
    password: Secret,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    answer(&[("email", &email)], async {
        let services: Services = provided()?;
        let account = services.sign_in(&email, &password.expose().into(), client_address()).await?;
        sign_in_session(&session().await?, account.id).await?;
        go(local_path(&next))
    })
    .await
}

/// Signs out.
#[server(prefix = "/_fn", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), AppError> {
    answer(&[], async {
        sign_out_session(&session().await?).await?;
        go("/")
    })
    .await
}

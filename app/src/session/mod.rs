//! Sessions: who is signed in. This is the only module that knows what a session holds.

mod cookie;
mod store;

use std::time::Duration;

use leptos_axum::extract;
use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_service::accounts::{Account, PendingSignIn, sanitize_user_agent};
use reef_service::{Caller, ClientAddress, Error, PasswordStamp, Services};
use tower_sessions::Session;

use crate::error::AppError;

pub(crate) use cookie::{complete_removed_cookies, session_layer};

/// The session's key for the [`UserId`] that is signed in.
const SESSION_USER: &str = "user_id";
/// How long a verified password counts for actions that need one.
const PASSWORD_VALID_FOR: Duration = Duration::from_secs(10 * 60);
/// The session's key for the IP address that it was created from, for the list of sessions.
const SESSION_ADDRESS: &str = "address";
/// The session's key for the browser that it was created with, for the list of sessions.
const SESSION_AGENT: &str = "agent";
/// The session's key for the [`Timestamp`] when the password was verified last.
const SESSION_PASSWORD_AT: &str = "password_at";
/// The session's key for the [`PasswordStamp`] of that password.
const SESSION_PASSWORD: &str = "password_stamp";
/// The session's key for a [`PendingSignIn`] that waits for its two-factor code.
const SESSION_PENDING: &str = "pending_user";

/// Finds the caller who is signed in. Reads the session and never writes it.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be read.
pub(crate) async fn find_caller(session: &Session) -> Result<Option<Caller>, Error> {
    let user: Option<UserId> = session.get(SESSION_USER).await.map_err(Error::internal)?;
    Ok(user.map(Caller::signed_in))
}

/// As [`find_caller`], with whether the password was verified in this session within the last minutes.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be read.
pub(crate) async fn find_caller_with_password_proof(
    services: &Services,
    session: &Session,
) -> Result<Option<Caller>, Error> {
    let Some(caller) = find_caller(session).await? else { return Ok(None) };
    let given: Option<Timestamp> = session.get(SESSION_PASSWORD_AT).await.map_err(Error::internal)?;
    let stamp: Option<PasswordStamp> = session.get(SESSION_PASSWORD).await.map_err(Error::internal)?;
    let is_recent = given.is_some_and(|at| services.now().since(at) < PASSWORD_VALID_FOR);
    let stamp = stamp.filter(|_| is_recent);
    Ok(Some(stamp.map_or(caller, |stamp| Caller::with_proven_password(caller.user_id, stamp))))
}

/// Records that the password was verified in this session now.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be written.
pub(crate) async fn record_password_proof(
    services: &Services,
    session: &Session,
    stamp: PasswordStamp,
) -> Result<(), Error> {
    session.insert(SESSION_PASSWORD, stamp).await.map_err(Error::internal)?;
    session.insert(SESSION_PASSWORD_AT, services.now()).await.map_err(Error::internal)
}

/// Signs the session in under a new id, so that an id that was planted before the sign-in is worthless. Records the IP address and
/// `agent`, the browser's `User-Agent`, so that the user recognizes the session in the list.
///
/// # Errors
/// [`Error::WrongCredentials`] when the password was changed meanwhile; [`Error::Internal`] when the session cannot be
/// written.
pub(crate) async fn sign_in_session(
    services: &Services,
    session: &Session,
    account: &Account,
    from: ClientAddress,
    agent: &str,
) -> Result<(), Error> {
    session.cycle_id().await.map_err(Error::internal)?;
    session.remove_value(SESSION_PENDING).await.map_err(Error::internal)?;
    if from != ClientAddress::UNKNOWN {
        let address = from.0.to_canonical().to_string();
        session.insert(SESSION_ADDRESS, address).await.map_err(Error::internal)?;
    }
    session.insert(SESSION_AGENT, sanitize_user_agent(agent)).await.map_err(Error::internal)?;
    record_password_proof(services, session, account.password_stamp()).await?;
    session.insert(SESSION_USER, account.id).await.map_err(Error::internal)?;
    session.save().await.map_err(Error::internal)?;
    let confirmed = services.confirm_sign_in(account).await;
    if confirmed.is_err() {
        session.flush().await.map_err(Error::internal)?;
    }
    confirmed
}

/// Records that the session waits for a two-factor code. Nobody is signed in until then.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be written.
pub(crate) async fn save_pending_sign_in(session: &Session, pending: &PendingSignIn) -> Result<(), Error> {
    session.cycle_id().await.map_err(Error::internal)?;
    // Without this, saving the new row would restore a session that was revoked in the meantime.
    session.clear().await;
    session.insert(SESSION_PENDING, pending).await.map_err(Error::internal)
}

/// Gets the sign-in that waits for a two-factor code.
///
/// # Errors
/// [`Error::InvalidRequest`] about `code` when the session waits for none; [`Error::Internal`] when it cannot be read.
pub(crate) async fn get_pending_sign_in(session: &Session) -> Result<PendingSignIn, Error> {
    let pending = session.get(SESSION_PENDING).await.map_err(Error::internal)?;
    let message = "Enter your password first.";
    pending.ok_or_else(|| Error::invalid_field("code", "sign_in_over", message))
}

/// Deletes the session and its cookie.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be removed.
pub(crate) async fn sign_out_session(session: &Session) -> Result<(), Error> {
    session.flush().await.map_err(Error::internal)
}

/// Gets the session of the current request.
///
/// # Errors
/// [`AppError`] outside a request, or without the session layer.
pub(crate) async fn current_session() -> Result<Session, AppError> {
    extract::<Session>().await.map_err(|error| Error::internal(error).into())
}

/// Gets the id of the current request's session.
///
/// # Errors
/// [`Error::Unauthorized`] when there is none.
pub(crate) async fn current_session_id() -> Result<String, Error> {
    let session = extract::<Session>().await.map_err(Error::internal)?;
    Ok(session.id().ok_or(Error::Unauthorized)?.to_string())
}

/// Finds the caller who is signed in on the current request.
///
/// # Errors
/// [`AppError`] when the session cannot be read.
pub(crate) async fn find_current_caller() -> Result<Option<Caller>, AppError> {
    Ok(find_caller(&current_session().await?).await?)
}

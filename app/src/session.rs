//! Who is signed in: the one place that knows what a session holds.

use std::time::Duration;

use leptos_axum::extract;
use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_service::accounts::{Account, PendingSignIn, clean_agent};
use reef_service::{Caller, ClientAddress, Error, PasswordStamp, Services};
use tower_sessions::Session;

use crate::error::AppError;

/// The session's key of the account that is signed in; the value is a [`UserId`].
pub const SESSION_USER: &str = "user_id";
/// How long a session need not ask for the password again.
const PASSWORD_HOLDS_FOR: Duration = Duration::from_secs(10 * 60);
/// The session's key of the address it was opened from, for the list of sessions.
pub const SESSION_ADDRESS: &str = "address";
/// The session's key of what it was opened with, for the list of sessions.
pub const SESSION_AGENT: &str = "agent";
/// The session's key of when the password was given last; the value is a [`Timestamp`].
const SESSION_PASSWORD_AT: &str = "password_at";
/// The session's key of which password that was; the value is a [`PasswordStamp`].
const SESSION_PASSWORD: &str = "password_stamp";
/// The session's key of a sign-in whose code is to come; the value is a [`PendingSignIn`].
const SESSION_PENDING: &str = "pending_user";

/// Who is signed in, as a caller of the service layer. Reads the session, never writes it.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be read.
pub async fn caller_of(session: &Session) -> Result<Option<Caller>, Error> {
    let user: Option<UserId> = session.get(SESSION_USER).await.map_err(Error::internal)?;
    Ok(user.map(Caller::browsing))
}

/// As [`caller_of`], with whether the password was given in this session a short while ago.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be read.
pub(crate) async fn caller_now(services: &Services, session: &Session) -> Result<Option<Caller>, Error> {
    let Some(caller) = caller_of(session).await? else { return Ok(None) };
    let given: Option<Timestamp> = session.get(SESSION_PASSWORD_AT).await.map_err(Error::internal)?;
    let stamp: Option<PasswordStamp> = session.get(SESSION_PASSWORD).await.map_err(Error::internal)?;
    let is_recent = given.is_some_and(|at| services.now().since(at) < PASSWORD_HOLDS_FOR);
    let stamp = stamp.filter(|_| is_recent);
    Ok(Some(stamp.map_or(caller, |stamp| Caller::with_password(caller.user_id, stamp))))
}

/// Notes that a password was given in this session now.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be written.
pub(crate) async fn note_password(
    services: &Services,
    session: &Session,
    stamp: PasswordStamp,
) -> Result<(), Error> {
    session.insert(SESSION_PASSWORD, stamp).await.map_err(Error::internal)?;
    session.insert(SESSION_PASSWORD_AT, services.now()).await.map_err(Error::internal)
}

/// Signs the session in, under a new id: one that was known before the sign-in is worth nothing after it. Notes from
/// where and with what (`agent`, as the browser says it), so that its owner knows it again.
///
/// # Errors
/// [`Error::WrongCredentials`] when the password was changed meanwhile; [`Error::Internal`] when the session cannot be
/// written.
pub async fn sign_in_session(
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
    session.insert(SESSION_AGENT, clean_agent(agent)).await.map_err(Error::internal)?;
    note_password(services, session, account.password_stamp()).await?;
    session.insert(SESSION_USER, account.id).await.map_err(Error::internal)?;
    session.save().await.map_err(Error::internal)?;
    let confirmed = services.confirm_sign_in(account).await;
    if confirmed.is_err() {
        session.flush().await.map_err(Error::internal)?;
    }
    confirmed
}

/// Notes in the session that a code is to come: nobody is signed in until then, and who was is signed out.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be written.
pub(crate) async fn await_code(session: &Session, pending: &PendingSignIn) -> Result<(), Error> {
    session.cycle_id().await.map_err(Error::internal)?;
    // Whoever was signed in here is not any more: the new row must not bring back what ends meanwhile.
    session.clear().await;
    session.insert(SESSION_PENDING, pending).await.map_err(Error::internal)
}

/// Whose code is to come.
///
/// # Errors
/// [`Error::InvalidRequest`] about `code` when the session waits for none; [`Error::Internal`] when it cannot be read.
pub(crate) async fn pending_sign_in(session: &Session) -> Result<PendingSignIn, Error> {
    let pending = session.get(SESSION_PENDING).await.map_err(Error::internal)?;
    let message = "The password comes first. Sign in again.";
    pending.ok_or_else(|| Error::invalid_field("code", "sign_in_over", message))
}

/// Ends the session: its row and its cookie are gone.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be removed.
pub async fn sign_out_session(session: &Session) -> Result<(), Error> {
    session.flush().await.map_err(Error::internal)
}

/// The session of the request that a page or a server function answers.
///
/// # Errors
/// [`AppError`] outside a request, or without the session layer.
pub(crate) async fn session() -> Result<Session, AppError> {
    extract::<Session>().await.map_err(|error| Error::internal(error).into())
}

/// Who is signed in on the request that a page or a server function answers.
///
/// # Errors
/// [`AppError`] when the session cannot be read.
pub async fn current_caller() -> Result<Option<Caller>, AppError> {
    Ok(caller_of(&session().await?).await?)
}

//! Who is signed in: the one place that knows what a session holds.

use leptos_axum::extract;
use reef_domain::ids::UserId;
use reef_service::{Caller, Error};
use tower_sessions::Session;

use crate::error::AppError;

/// The session's key of the account that is signed in; the value is a [`UserId`].
pub const SESSION_USER: &str = "user_id";

/// Who is signed in, as a caller of the service layer. Reads the session, never writes it.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be read.
pub async fn caller_of(session: &Session) -> Result<Option<Caller>, Error> {
    let user: Option<UserId> = session.get(SESSION_USER).await.map_err(Error::internal)?;
    Ok(user.map(Caller::session))
}

/// Signs the session in, under a new id: one that was known before the sign-in is worth nothing after it.
///
/// # Errors
/// [`Error::Internal`] when the session cannot be written.
pub async fn sign_in_session(session: &Session, user: UserId) -> Result<(), Error> {
    session.cycle_id().await.map_err(Error::internal)?;
    session.insert(SESSION_USER, user).await.map_err(Error::internal)
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

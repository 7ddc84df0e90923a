//! Passes on who has sent a request.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use reef_domain::ids::UserId;
use reef_service::Caller;
use tower_sessions::Session;

use crate::session::find_caller;

/// Carries the caller from the inner layer that authenticates it to the outer layer that logs the request.
#[derive(Clone, Debug, Default)]
pub struct RequestPrincipal(Arc<OnceLock<Caller>>);

impl RequestPrincipal {
    /// Sets the caller, unless it is set already.
    pub fn set(&self, caller: Caller) {
        self.0.get_or_init(|| caller);
    }

    /// Returns the caller, or `None` before authentication.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.0.get()
    }

    /// Returns the id of the caller's user, or `None` before authentication.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.0.get().map(|caller| caller.user_id)
    }
}

/// Records the signed-in user. This layer runs inside the session layer, which loads the session.
pub(crate) async fn record_session(request: Request, next: Next) -> Response {
    let known = (
        request.extensions().get::<Session>().cloned(),
        request.extensions().get::<RequestPrincipal>().cloned(),
    );
    let response = next.run(request).await;
    if let (Some(session), Some(principal)) = known
        && let Ok(Some(caller)) = find_caller(&session).await
    {
        principal.set(caller);
    }
    response
}

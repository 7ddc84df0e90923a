//! Flashes: the message that a form leaves for the page it leads to. It is a notice, the error of the form, or something that is
//! shown only once, such as a new key.
//!
//! A message is sealed, for one page, for a minute. With a session it is in the session's row, and a cookie says that it is there;
//! without one, the cookie has it. The page that shows the message removes the cookie. So a reload does not show it again, a GET
//! changes nothing on the server, and a response that is lost on its way loses no secret.

mod carrier;
mod notice;

use std::sync::Arc;

use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use reef_domain::Timestamp;
use reef_service::{Caller, Error, Services};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::checks::SavedChecks;
use crate::error::AppError;
use crate::secret::Secret;
use crate::server::{get_context, redirect_to};
use crate::session::{current_session, current_session_id};

pub(crate) use carrier::{find, removal, store};
pub(crate) use notice::Notice;

/// What a form leaves for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// What the form has done.
    Notice(Notice),
    /// Why the form at this path was rejected.
    FormError { path: String, error: AppError },
    /// A key that was just created.
    NewKey { notice: Notice, key: Secret },
    /// The recovery codes that were just created.
    RecoveryCodes { notice: Notice, codes: Secret },
    /// The owner link that was just created.
    OwnerLink { url: Secret, expires_at: Timestamp },
    /// The results of a form's preflight.
    Checks(SavedChecks),
}

impl Message {
    fn notice(&self) -> Option<Notice> {
        match self {
            Self::Notice(notice) | Self::NewKey { notice, .. } | Self::RecoveryCodes { notice, .. } => {
                Some(*notice)
            }
            Self::FormError { .. } | Self::OwnerLink { .. } | Self::Checks(_) => None,
        }
    }

    fn to_text(&self) -> Result<SecretString, Error> {
        Ok(SecretString::from(serde_json::to_string(self).map_err(Error::internal)?))
    }

    fn from_text(text: &SecretString) -> Result<Self, Error> {
        serde_json::from_str(text.expose_secret()).map_err(Error::internal)
    }

    /// The same message without what was typed, which can be long.
    fn without_values(mut self) -> Self {
        if let Self::FormError { error, .. } = &mut self {
            error.values.clear();
        }
        self
    }
}

/// The message for the page that is being rendered.
pub(crate) fn message() -> Option<Arc<Message>> {
    use_context::<Parts>()?.extensions.get().cloned()
}

/// What the form that led to this page has done.
pub(crate) fn notice() -> Option<Notice> {
    message().and_then(|message| message.notice())
}

/// Redirects the sender of a form to a page of this site that shows a message.
pub(crate) async fn redirect_with(to: &str, message: Message) -> Result<(), AppError> {
    let services: Services = get_context()?;
    let cookie = store(&services, Some(&current_session().await?), carrier::page_of(to), message).await?;
    if let Some(options) = use_context::<ResponseOptions>() {
        options.append_header(SET_COOKIE, cookie);
    }
    redirect_to(to)
}

/// As [`redirect_with`], for a notice.
pub(crate) async fn redirect_with_notice(to: &str, notice: Notice) -> Result<(), AppError> {
    redirect_with(to, Message::Notice(notice)).await
}

/// Runs work that creates a secret, once for each form token, and redirects to the page that shows the secret
/// (`redirect_with_message_once`).
pub(crate) async fn redirect_with_secret_once(
    to: &'static str,
    of: (&Services, &Caller),
    form: (&str, &str),
    message: fn(Secret) -> Message,
    work: impl Future<Output = Result<SecretString, Error>> + Send + 'static,
) -> Result<(), AppError> {
    let work = async move { Ok(message(Secret::from(work.await?.expose_secret().to_owned()))) };
    redirect_with_message_once(to, of, form, Box::pin(work)).await
}

/// Runs work whose result is shown only once, once for each form token (`Services::once_per_form`), and redirects to the page that
/// shows it. The work completes and its message is stored even when the browser disconnects.
pub(crate) async fn redirect_with_message_once(
    to: &str,
    (services, caller): (&Services, &Caller),
    (token, content): (&str, &str),
    work: impl Future<Output = Result<Message, Error>> + Send + 'static,
) -> Result<(), AppError> {
    let (saver, session, page) = (services.clone(), current_session_id().await?, to.to_owned());
    let saving = async move { saver.set_flash(&session, &page, &work.await?.to_text()?).await };
    // The future is large, and each layer around it would put a copy on the stack.
    services.once_per_form(caller, token, content, Box::pin(saving)).await?;
    if let Some(options) = use_context::<ResponseOptions>() {
        options.append_header(SET_COOKIE, carrier::in_session(services)?);
    }
    redirect_to(to)
}

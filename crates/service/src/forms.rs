//! Support for plain browser forms: each is carried out once however often it is sent, and texts that travel in a URL are
//! authenticated.

use std::time::Duration;

use reef_domain::ids::UserId;
use subtle::ConstantTimeEq as _;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::{Claimed, Done};
use crate::services::Services;
use crate::vault::{fingerprint, hex};

/// How long a repeated form waits for the first one: a little longer than Polar may take to create a checkout.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(150);
const TOKEN_MAX: usize = 64;

impl Services {
    /// A new token for a form, which makes sure that it is carried out once.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.random_hex::<16>()
    }

    /// Carries out a form once for its token and content, within a day and over all processes. It runs to its end even if the
    /// caller drops the future, as when a second click closes the first connection. `None` when it was carried out before.
    /// `content` is any text that distinguishes two requests with the same token.
    ///
    /// # Errors
    /// Those of the use case, after which the form may be sent again; [`Error::InvalidRequest`] without a token.
    pub async fn once_per_form<T: Send + 'static>(
        &self,
        caller: &Caller,
        token: &str,
        content: &str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let key = form_key(&hex(&fingerprint("form content", content)), token)?;
        let (services, caller) = (self.clone(), *caller);
        let whole = async move {
            match services.claim_patiently(&caller, &key).await? {
                Claimed::First(claim) => {
                    let done = services.under_claim(&claim, nothing_kept, work).await;
                    services.settle_request(&claim, done.is_ok().then_some((200, ""))).await?;
                    done.map(Some)
                }
                Claimed::Before { .. } => Ok(None),
            }
        };
        tokio::spawn(whole.in_current_span()).await.map_err(Error::internal)?
    }

    /// Claims a key, waiting while another request with it runs.
    pub(crate) async fn claim_patiently(&self, caller: &Caller, key: &str) -> Result<Claimed, Error> {
        let claimed = timeout(PATIENCE, async {
            loop {
                match self.claim_request(caller, key, Vec::new()).await {
                    Err(Error::RequestInProgress) => sleep(LOOK_EVERY).await,
                    other => return other,
                }
            }
        });
        claimed.await.unwrap_or(Err(Error::RequestInProgress))
    }

    /// The MAC of a text that travels in a URL. It is valid for this reader only; `None` stands for visitors who are not signed
    /// in.
    #[must_use]
    pub fn mark(&self, reader: Option<UserId>, text: &str) -> String {
        let reader = reader.map(|reader| reader.to_string()).unwrap_or_default();
        self.vault().derive("text in an address", &format!("{reader} {text}"))
    }

    /// Whether `mac` is the MAC of `text` for this reader.
    #[must_use]
    pub fn is_marked(&self, reader: Option<UserId>, text: &str, mark: &str) -> bool {
        self.mark(reader, text).as_bytes().ct_eq(mark.as_bytes()).into()
    }
}

/// The idempotency key of a form. It contains spaces, which those of API clients cannot.
pub(crate) fn form_key(content: &str, token: &str) -> Result<String, Error> {
    if token.is_empty() || token.len() > TOKEN_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid_field("", "required", "This page changed. Reload it to continue."));
    }
    Ok(format!("form {content} {token}"))
}

fn nothing_kept(_: Done<'_>) -> Result<(u16, String), Error> {
    Ok((200, String::new()))
}

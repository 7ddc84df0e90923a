//! What plain browser forms need: to be carried out once however often they are sent, and to find their errors in an
//! address that nobody else has written.

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

/// How long the same form's second sending waits for the first: as long as Polar may take to make a checkout, and a bit.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// The longest form token.
const TOKEN_MAX: usize = 64;

impl Services {
    /// What a form carries, so that it is carried out once: a new one for every page.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.random_hex::<16>()
    }

    /// Carries out what a form asks for, once for its token and content, whichever process is asked, at the same time or
    /// within a day, and to its end: a browser's second click drops the connection of the first. `None` when it was done
    /// before. `content` may be anything that tells two wishes apart.
    ///
    /// # Errors
    /// Those of `work`, after which the form may be sent again; [`Error::InvalidRequest`] without a token.
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

    /// The mark of a text that goes through somebody's address bar: nobody else can make one, and for nobody else is it
    /// worth anything. Without a user it is one for whoever is not signed in.
    #[must_use]
    pub fn mark(&self, reader: Option<UserId>, text: &str) -> String {
        let reader = reader.map(|reader| reader.to_string()).unwrap_or_default();
        self.vault().derive("text in an address", &format!("{reader} {text}"))
    }

    /// Whether a text has come back as [`Self::mark`] has marked it.
    #[must_use]
    pub fn is_marked(&self, reader: Option<UserId>, text: &str, mark: &str) -> bool {
        self.mark(reader, text).as_bytes().ct_eq(mark.as_bytes()).into()
    }
}

/// What a form is claimed under. No client's idempotency key has a space in it.
pub(crate) fn form_key(content: &str, token: &str) -> Result<String, Error> {
    if token.is_empty() || token.len() > TOKEN_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid_field("", "required", "This form is out of date: load the page anew."));
    }
    Ok(format!("form {content} {token}"))
}

fn nothing_kept(_: Done<'_>) -> Result<(u16, String), Error> {
    Ok((200, String::new()))
}

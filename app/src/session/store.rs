//! Stores browser sessions with the service layer.

use async_trait::async_trait;
use reef_domain::ids::UserId;
use reef_domain::{ErrorChain, Timestamp};
use reef_service::Services;
use reef_service::accounts::StoredSession;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use super::{SESSION_ADDRESS, SESSION_AGENT, SESSION_USER};

/// How many ids to try. An id has 128 random bits, so a collision is already unlikely.
const ID_ATTEMPTS: usize = 8;

/// The session layer's store.
#[derive(Clone)]
pub(crate) struct Sessions(Services);

impl Sessions {
    pub(crate) const fn new(services: Services) -> Self {
        Self(services)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

fn backend(error: reef_service::Error) -> Error {
    Error::Backend(ErrorChain(&error).to_string())
}

/// What is stored of a session. Some of its data is stored again in columns of its own, for the list of sessions.
fn stored(record: &Record) -> Result<StoredSession> {
    let text = |key: &str| record.data.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    Ok(StoredSession {
        user_id: text(SESSION_USER).and_then(|id| UserId::parse(&id)),
        data: serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?,
        ip_address: text(SESSION_ADDRESS),
        user_agent: text(SESSION_AGENT),
        expires_at: Timestamp::from(record.expiry_date),
    })
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..ID_ATTEMPTS {
            if self.0.create_session(&record.id.to_string(), stored(record)?).await.map_err(backend)? {
                return Ok(());
            }
            record.id = Id::default();
        }
        Err(Error::Backend("no unused session id was found".to_owned()))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.0.save_session(&record.id.to_string(), stored(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some(session) = self.0.find_session(&id.to_string()).await.map_err(backend)? else {
            return Ok(None);
        };
        let data = serde_json::from_str(&session.data).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: session.expires_at.into() }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete_session(&id.to_string()).await.map_err(backend)
    }
}

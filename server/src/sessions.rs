//! Stores browser sessions in Reef's database, and completes the attributes of their cookies.

use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use reef_app::session::{SESSION_ADDRESS, SESSION_AGENT, SESSION_USER};
use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_service::Services;
use reef_service::forms::flash::session_row_id;
use reef_store::{SessionRow, StoreError};
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

/// The name of the session cookie. Browsers accept a name with the prefix `__Host-` only over https and for this host alone.
pub const fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-reef" } else { "reef" }
}

/// Adds the missing attributes when the session layer removes a cookie. That layer sends only name and path, and browsers
/// ignore such a removal for the prefix `__Host-`. The session cookie also moves before other cookies, for clients that read
/// only the first one.
pub async fn complete_removed_cookies(
    State(is_https): State<bool>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    complete(response.headers_mut(), is_https);
    response
}

fn complete(headers: &mut HeaderMap, is_https: bool) {
    let start = format!("{}=", cookie_name(is_https));
    let (sessions, others): (Vec<_>, Vec<_>) = headers
        .get_all(SET_COOKIE)
        .iter()
        .cloned()
        .partition(|value| value.as_bytes().starts_with(start.as_bytes()));
    let sessions = sessions.into_iter().map(|value| complete_cookie(value, &start, is_https));
    let all: Vec<_> = sessions.chain(others).collect();
    headers.remove(SET_COOKIE);
    for value in all {
        headers.append(SET_COOKIE, value);
    }
}

fn complete_cookie(value: HeaderValue, start: &str, is_https: bool) -> HeaderValue {
    let Ok(text) = value.to_str() else { return value };
    if !text.starts_with(&format!("{start};")) {
        return value;
    }
    let secure = if is_https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{text}; HttpOnly; SameSite=Lax{secure}")).unwrap_or(value)
}

/// How many ids to try. An id has 128 random bits, so a collision is already unlikely.
const ID_ATTEMPTS: usize = 8;

/// The session layer's store in Reef's database.
#[derive(Clone)]
pub struct Sessions(pub Services);

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

fn row_id(id: &Id) -> String {
    session_row_id(&id.to_string())
}

fn backend(error: impl std::fmt::Display) -> Error {
    Error::Backend(error.to_string())
}

impl Sessions {
    fn row(&self, record: &Record) -> Result<SessionRow> {
        let text = |key: &str| record.data.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        Ok(SessionRow {
            id: row_id(&record.id),
            user_id: text(SESSION_USER).and_then(|id| UserId::parse(&id)),
            data: serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?,
            ip_address: text(SESSION_ADDRESS),
            user_agent: text(SESSION_AGENT),
            created_at: self.0.now(),
            expires_at: Timestamp::from(record.expiry_date),
            last_used_at: None,
        })
    }

    async fn save_row(&self, row: &SessionRow) -> std::result::Result<(), StoreError> {
        let mut tx = self.0.store().begin().await?;
        tx.update_session(row).await?;
        tx.commit().await
    }

    async fn insert_row(&self, row: &SessionRow) -> std::result::Result<bool, StoreError> {
        let mut tx = self.0.store().begin().await?;
        let added = tx.insert_session(row).await?;
        tx.commit().await?;
        Ok(added)
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..ID_ATTEMPTS {
            if self.insert_row(&self.row(record)?).await.map_err(backend)? {
                return Ok(());
            }
            record.id = Id::default();
        }
        Err(backend("no unused session id was found"))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.save_row(&self.row(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = async {
            let mut tx = self.0.store().read().await?;
            tx.find_session(&row_id(id), self.0.now()).await
        };
        let Some(row) = found.await.map_err(backend)? else { return Ok(None) };
        self.0.record_session_use(&row).await;
        let data = serde_json::from_str(&row.data).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: row.expires_at.into() }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let deleted = async {
            let mut tx = self.0.store().begin().await?;
            match tx.delete_session(&row_id(id)).await? {
                Some(user) => self.0.commit_access_revoked(tx, user).await,
                None => tx.commit().await,
            }
        };
        deleted.await.map_err(backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_cookie_gets_attributes() {
        let set = |is_https: bool, values: &[&'static str]| -> Vec<String> {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(SET_COOKIE, HeaderValue::from_static(value));
            }
            complete(&mut headers, is_https);
            headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        let removed = set(true, &["x=1", "__Host-reef-device=2; Secure", "__Host-reef=; Path=/; Max-Age=0"]);
        let expected = "__Host-reef=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(removed, [expected, "x=1", "__Host-reef-device=2; Secure"]);
        assert_eq!(set(false, &["reef=; Path=/"]), ["reef=; Path=/; HttpOnly; SameSite=Lax"]);
        let kept = "__Host-reef=id; HttpOnly; SameSite=Lax; Secure; Path=/";
        assert_eq!(set(true, &[kept]), [kept]);
        assert!(set(true, &[]).is_empty());
    }
}

//! Users: their address, password hash and signing secret.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_optional};

/// A user. The fields are columns of `users`.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct UserRow {
    pub id: UserId,
    /// The address in lower case.
    pub email: String,
    /// An argon2id hash in PHC form.
    pub password_hash: String,
    /// The secret that webhooks are signed with, sealed.
    pub signing_secret: Vec<u8>,
    /// The secret before the last rotation, sealed.
    pub previous_signing_secret: Option<Vec<u8>>,
    pub signing_secret_rotated_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// When the owner proved access to the address, by opening a link that was sent there.
    pub email_confirmed_at: Option<Timestamp>,
}

impl Tx {
    /// Inserts a user; `false` when the address is taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_user(&mut self, user: &UserRow) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into users (id, email, password_hash, signing_secret, created_at, email_confirmed_at)
             values ($1, $2, $3, $4, $5, $6) on conflict (email) do nothing",
            user.id,
            &user.email,
            &user.password_hash,
            &user.signing_secret,
            user.created_at,
            user.email_confirmed_at,
        );
        Ok(added == 1)
    }

    /// Finds the user with this address, which must be in lower case.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_user_by_email(&mut self, email: &str) -> Result<Option<UserRow>, StoreError> {
        Ok(fetch_optional!(self, UserRow, "select * from users where email = $1", email))
    }

    /// Finds the user with this id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_user(&mut self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok(fetch_optional!(self, UserRow, "select * from users where id = $1", id))
    }

    /// Locks the row of a user until the transaction ends, so that counts for the user stay true until then.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lock_user(&mut self, id: UserId) -> Result<(), StoreError> {
        // A writer on SQLite has locked the whole database. `no key update` does not block rows that refer to the user.
        let sql = dialect!(
            self,
            sqlite: "select id from users where id = $1",
            postgres: "select id from users where id = $1 for no key update",
        );
        let _: Option<(UserId,)> = fetch_optional!(self, (UserId,), sql, id);
        Ok(())
    }

    /// Replaces the signing secret and keeps the current one as the previous one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rotate_signing_secret(
        &mut self,
        id: UserId,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update users set previous_signing_secret = signing_secret, signing_secret = $2,
                    signing_secret_rotated_at = $3 where id = $1",
            id,
            sealed,
            now,
        );
        Ok(())
    }

    /// Replaces the password hash if it is still `expected`; `false` when another request replaced it first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_password_hash_if_unchanged(
        &mut self,
        id: UserId,
        expected: &str,
        new: &str,
    ) -> Result<bool, StoreError> {
        let sql = "update users set password_hash = $3 where id = $1 and password_hash = $2";
        Ok(execute!(self, sql, id, expected, new) == 1)
    }

    /// Deletes a user with everything that belongs to them: keys, sessions, receipts, and the events and deliveries
    /// of deleted assistants. `false`, with nothing deleted, while the user has an assistant or when there is no such
    /// user.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_user(&mut self, id: UserId) -> Result<bool, StoreError> {
        // A request that orders an assistant locks this row. Either its assistant is counted below, or it finds no user.
        let sql = dialect!(
            self,
            sqlite: "select id from users where id = $1",
            postgres: "select id from users where id = $1 for update",
        );
        let _: Option<(UserId,)> = fetch_optional!(self, (UserId,), sql, id);
        let sql = "select count(*) from assistants where user_id = $1";
        let assistants: Option<(i64,)> = fetch_optional!(self, (i64,), sql, id);
        if assistants.is_none_or(|(count,)| count > 0) {
            return Ok(false);
        }
        // Only receipts name the owner of a deleted assistant, and they are deleted with the user.
        execute!(
            self,
            "delete from events where assistant_id in (select assistant_id from receipts where user_id = $1)",
            id
        );
        execute!(
            self,
            "delete from deliveries where assistant_id in (select assistant_id from receipts where user_id = $1)",
            id
        );
        execute!(self, "delete from idempotency_keys where user_id = $1", id);
        // The user's API keys go with the user.
        self.invalidate(id);
        Ok(execute!(self, "delete from users where id = $1", id) == 1)
    }

    /// Records that the user has confirmed this address; `false` when the user has another one. The time of the first
    /// confirmation stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn confirm_email(
        &mut self,
        id: UserId,
        email: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "update users set email_confirmed_at = coalesce(email_confirmed_at, $3)
                   where id = $1 and email = $2";
        Ok(execute!(self, sql, id, email, now) == 1)
    }

    /// Replaces the address of a user by one that its owner has confirmed, in lower case; `false` when it is taken.
    /// If two requests choose the same address at once, the second one fails with a unique violation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_email(
        &mut self,
        id: UserId,
        email: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "update users set email = $2, email_confirmed_at = $3
                   where id = $1 and not exists (select 1 from users where email = $2 and id <> $1)";
        Ok(execute!(self, sql, id, email, now) == 1)
    }

    /// Replaces the password hash; `false` when there is no such user.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_password_hash(&mut self, id: UserId, hash: &str) -> Result<bool, StoreError> {
        let sql = "update users set password_hash = $2 where id = $1";
        Ok(execute!(self, sql, id, hash) == 1)
    }
}

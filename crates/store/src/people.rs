//! Who has written to an assistant, and whether they may talk to it.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, PersonId};
use reef_domain::people::Role;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// A person who has written to an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct PersonRow {
    pub id: PersonId,
    pub assistant_id: AssistantId,
    pub telegram_user_id: i64,
    pub name: String,
    /// Without the @.
    pub username: Option<String>,
    pub role: Role,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// When they got their role.
    pub role_set_at: Timestamp,
    /// Whether they are the owner because the assistant had none when they wrote.
    pub is_first_writer: bool,
    /// When they were last answered that they may not talk to the assistant.
    pub refused_at: Option<Timestamp>,
    /// The update that this was the answer to.
    pub refused_update_id: Option<i64>,
}

impl PersonRow {
    /// Gives the person a role.
    pub const fn set_role(&mut self, role: Role, now: Timestamp) {
        self.role = role;
        self.role_set_at = now;
        self.is_first_writer = false;
    }
}

#[derive(FromRow)]
pub(crate) struct Row {
    id: PersonId,
    assistant_id: AssistantId,
    telegram_user_id: i64,
    name: String,
    username: Option<String>,
    role: String,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    role_set_at: Timestamp,
    is_first_writer: bool,
    refused_at: Option<Timestamp>,
    refused_update_id: Option<i64>,
}

impl TryFrom<Row> for PersonRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            role: Role::parse(&row.role).ok_or_else(|| StoreError::corrupt("people", row.id))?,
            id: row.id,
            assistant_id: row.assistant_id,
            telegram_user_id: row.telegram_user_id,
            name: row.name,
            username: row.username,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            role_set_at: row.role_set_at,
            is_first_writer: row.is_first_writer,
            refused_at: row.refused_at,
            refused_update_id: row.refused_update_id,
        })
    }
}

pub(crate) fn read_all(rows: Vec<Row>) -> Result<Vec<PersonRow>, StoreError> {
    rows.into_iter().map(PersonRow::try_from).collect()
}

impl Tx {
    /// Inserts a person. `false` if the assistant knows the Telegram user already, or has an owner and this would be another.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_person(&mut self, person: &PersonRow) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into people (id, assistant_id, telegram_user_id, name, username, role, first_seen_at, last_seen_at,
                                 role_set_at, is_first_writer, refused_at, refused_update_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict do nothing",
            person.id,
            person.assistant_id,
            person.telegram_user_id,
            &person.name,
            &person.username,
            person.role.as_str(),
            person.first_seen_at,
            person.last_seen_at,
            person.role_set_at,
            person.is_first_writer,
            person.refused_at,
            person.refused_update_id,
        );
        Ok(added == 1)
    }

    /// Stores a person who was read in this transaction. The id and the Telegram user stay.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_person(&mut self, person: &PersonRow) -> Result<(), StoreError> {
        execute!(
            self,
            "update people set name = $2, username = $3, role = $4, last_seen_at = $5, role_set_at = $6,
               is_first_writer = $7, refused_at = $8, refused_update_id = $9 where id = $1",
            person.id,
            &person.name,
            &person.username,
            person.role.as_str(),
            person.last_seen_at,
            person.role_set_at,
            person.is_first_writer,
            person.refused_at,
            person.refused_update_id,
        );
        Ok(())
    }

    /// Finds a person by their Telegram user.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_person_by_telegram_user(
        &mut self,
        assistant: AssistantId,
        telegram_user: i64,
    ) -> Result<Option<PersonRow>, StoreError> {
        let sql = "select * from people where assistant_id = $1 and telegram_user_id = $2";
        let row: Option<Row> = fetch_optional!(self, Row, sql, assistant, telegram_user);
        row.map(PersonRow::try_from).transpose()
    }

    /// Finds a person of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_person(
        &mut self,
        assistant: AssistantId,
        id: PersonId,
    ) -> Result<Option<PersonRow>, StoreError> {
        let sql = "select * from people where assistant_id = $1 and id = $2";
        let row: Option<Row> = fetch_optional!(self, Row, sql, assistant, id);
        row.map(PersonRow::try_from).transpose()
    }

    /// Finds the owner of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_owner(&mut self, assistant: AssistantId) -> Result<Option<PersonRow>, StoreError> {
        let sql = "select * from people where assistant_id = $1 and role = 'owner'";
        let row: Option<Row> = fetch_optional!(self, Row, sql, assistant);
        row.map(PersonRow::try_from).transpose()
    }

    /// Lists up to `limit` people from `(first_seen_at, id)` on, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_people(
        &mut self,
        assistant: AssistantId,
        (first_seen_at, id): (Timestamp, PersonId),
        limit: i64,
    ) -> Result<Vec<PersonRow>, StoreError> {
        read_all(fetch_all!(
            self,
            Row,
            "select * from people
             where assistant_id = $1 and (first_seen_at < $2 or (first_seen_at = $2 and id <= $3))
             order by first_seen_at desc, id desc limit $4",
            assistant,
            first_seen_at,
            id,
            limit,
        ))
    }

    /// Counts the people of an assistant who have a role.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_people(&mut self, assistant: AssistantId, role: Role) -> Result<i64, StoreError> {
        let sql = "select count(*) from people where assistant_id = $1 and role = $2";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, assistant, role.as_str());
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Deletes a person of an assistant. Calls of the model that were made for them, and groups that they have added the bot to,
    /// no longer say so.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_person(&mut self, assistant: AssistantId, id: PersonId) -> Result<bool, StoreError> {
        self.erase_person_from_calls(id).await?;
        execute!(
            self,
            "update bot_groups set added_by = null where assistant_id = $1 and added_by =
               (select telegram_user_id from people where assistant_id = $1 and id = $2)",
            assistant,
            id,
        );
        Ok(execute!(self, "delete from people where assistant_id = $1 and id = $2", assistant, id) == 1)
    }

    /// Replaces the owner link of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_owner_link(
        &mut self,
        assistant: AssistantId,
        code_hash: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into owner_links (assistant_id, code_hash, expires_at) values ($1, $2, $3)
             on conflict (assistant_id) do update set code_hash = excluded.code_hash, expires_at = excluded.expires_at",
            assistant,
            code_hash,
            expires_at,
        );
        Ok(())
    }

    /// Uses up the owner link of an assistant. `false` if the code is another one, was used, or has expired.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn use_owner_link(
        &mut self,
        assistant: AssistantId,
        code_hash: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let used = execute!(
            self,
            "delete from owner_links where assistant_id = $1 and code_hash = $2 and expires_at > $3",
            assistant,
            code_hash,
            now,
        );
        Ok(used == 1)
    }
}

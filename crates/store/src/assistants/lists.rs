//! Several assistants at once: what owners see listed, and what reconcilers walk.

use reef_domain::ids::{AssistantId, GrantId, UserId};
use reef_domain::wire::Status;
use reef_domain::{Assistant, Chain, Timestamp};

use super::{Row, select};
use crate::error::StoreError;
use crate::tx::{Tx, fetch_all, fetch_optional};

fn all(rows: Vec<Row>) -> Result<Vec<Assistant>, StoreError> {
    rows.into_iter().map(Assistant::try_from).collect()
}

/// Those that can be read: what looks after everybody must not stop at one that is broken.
fn sound(rows: Vec<Row>) -> Vec<Assistant> {
    let read = rows.into_iter().map(Assistant::try_from);
    read.filter_map(|row| {
        row.inspect_err(|error| {
            tracing::error!(error = %Chain(error), "an assistant is passed over");
        })
        .ok()
    })
    .collect()
}

impl Tx {
    /// A user's assistants, newest first, without unpaid ones ordered before `unpaid_since`.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn assistants_of(
        &mut self,
        user: UserId,
        unpaid_since: Timestamp,
    ) -> Result<Vec<Assistant>, StoreError> {
        all(fetch_all!(
            self,
            Row,
            select!(
                "where user_id = $1 and (status <> 'pending_payment' or created_at >= $2)
                 order by created_at desc, id desc"
            ),
            user,
            unpaid_since,
        ))
    }

    /// A page of the same list: at most `limit` after the one created then with that id.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn assistants_page(
        &mut self,
        user: UserId,
        unpaid_since: Timestamp,
        after: Option<(Timestamp, AssistantId)>,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        let Some((created_at, id)) = after else {
            return all(fetch_all!(
                self,
                Row,
                select!(
                    "where user_id = $1 and (status <> 'pending_payment' or created_at >= $2)
                     order by created_at desc, id desc limit $3"
                ),
                user,
                unpaid_since,
                limit,
            ));
        };
        all(fetch_all!(
            self,
            Row,
            select!(
                "where user_id = $1 and (status <> 'pending_payment' or created_at >= $2)
                   and (created_at < $3 or (created_at = $3 and id < $4))
                 order by created_at desc, id desc limit $5"
            ),
            user,
            unpaid_since,
            created_at,
            id,
            limit,
        ))
    }

    /// The same list, of the assistants alone that a grant names.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn granted_assistants(
        &mut self,
        user: UserId,
        grant: GrantId,
        unpaid_since: Timestamp,
    ) -> Result<Vec<Assistant>, StoreError> {
        all(fetch_all!(
            self,
            Row,
            select!(
                "where id in (select assistant_id from api_key_grants where grant_id = $1) and user_id = $2
                   and (status <> 'pending_payment' or created_at >= $3)
                 order by created_at desc, id desc"
            ),
            grant,
            user,
            unpaid_since,
        ))
    }

    /// How many of the same list there are in each status; those in which there are none are left out.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn count_by_status(
        &mut self,
        user: UserId,
        unpaid_since: Timestamp,
    ) -> Result<Vec<(Status, i64)>, StoreError> {
        let rows: Vec<(String, i64)> = fetch_all!(
            self,
            (String, i64),
            "select status, count(*) from assistants
             where user_id = $1 and (status <> 'pending_payment' or created_at >= $2)
             group by status order by status",
            user,
            unpaid_since,
        );
        let read = |(text, count): (String, i64)| {
            let status = Status::parse(&text).ok_or_else(|| StoreError::corrupt("assistants", user))?;
            Ok((status, count))
        };
        rows.into_iter().map(read).collect()
    }

    /// When the `n`-th newest of a user's orders that were made after `after` and never paid was made, counted from 1;
    /// `None` when there are fewer. Deleted slots count. Those that were void because no checkout could be made count
    /// only if `void_too`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn nth_newest_unpaid(
        &mut self,
        user: UserId,
        after: Timestamp,
        n: i64,
        void_too: bool,
    ) -> Result<Option<Timestamp>, StoreError> {
        // What was paid after its deletion is being given back.
        let row: Option<(Timestamp,)> = fetch_optional!(
            self,
            (Timestamp,),
            "select ordered_at from (
                 select created_at as ordered_at from assistants
                 where user_id = $1 and created_at > $2 and status = 'pending_payment' and payment_status = 'pending'
                 union all
                 select ordered_at from tombstones
                 where user_id = $1 and ordered_at > $2 and (not checkout_failed or $4)
                   and not exists (select 1 from revocations where revocations.assistant_id = tombstones.assistant_id)
             ) as orders order by ordered_at desc limit 1 offset $3",
            user,
            after,
            n - 1,
            void_too,
        );
        Ok(row.map(|(ordered_at,)| ordered_at))
    }

    /// A user's newest unpaid slots that were ordered since a moment.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn unpaid_of(
        &mut self,
        user: UserId,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        all(fetch_all!(
            self,
            Row,
            select!(
                "where user_id = $1 and status = 'pending_payment' and created_at >= $2
                 order by created_at desc, id desc limit $3"
            ),
            user,
            since,
            limit,
        ))
    }

    /// Assistants in a status, oldest change first: what reconcilers walk. A corrupt row is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn assistants_in(&mut self, status: Status, limit: i64) -> Result<Vec<Assistant>, StoreError> {
        Ok(sound(fetch_all!(
            self,
            Row,
            select!("where status = $1 order by updated_at, id limit $2"),
            status.as_str(),
            limit
        )))
    }

    /// Deployments that should have ended by `now`. A corrupt row is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn overdue_deployments(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        Ok(sound(fetch_all!(
            self,
            Row,
            select!("where status = 'deploying' and deadline <= $1 order by deadline limit $2"),
            now,
            limit,
        )))
    }

    /// Whether another assistant holds the same bot: of the same owner and not stopped, or of anybody and
    /// running, when `owner` is `None`. Of two that are being deployed at once, the older one holds it. One that a change in
    /// deployment would bring back counts as held.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bot_is_taken(
        &mut self,
        fingerprint: &[u8],
        besides: AssistantId,
        owner: Option<UserId>,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = match owner {
            Some(owner) => fetch_optional!(
                self,
                (i64,),
                "select count(*) from assistants
                 where bot_token_hash = $1 and id <> $2 and user_id = $3 and status <> 'stopped'",
                fingerprint,
                besides,
                owner,
            ),
            None => fetch_optional!(
                self,
                (i64,),
                "select count(*) from assistants where bot_token_hash = $1 and id <> $2
                   and (status = 'active' or (status = 'deploying' and id < $2))",
                fingerprint,
                besides,
            ),
        };
        if row.is_some_and(|(count,)| count > 0) {
            return Ok(true);
        }
        self.bot_is_fallback(fingerprint, besides, owner).await
    }

    /// Whether an assistant, of anybody, has this worker name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker_name_is_taken(&mut self, name: &str) -> Result<bool, StoreError> {
        let sql = "select count(*) from assistants where worker_name = $1";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, name);
        Ok(row.is_some_and(|(count,)| count > 0))
    }

    /// Whether another assistant, of anybody, runs or is being brought up as this bot.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bot_runs_elsewhere(
        &mut self,
        fingerprint: &[u8],
        besides: AssistantId,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from assistants
             where bot_token_hash = $1 and id <> $2 and status in ('active', 'deploying')",
            fingerprint,
            besides,
        );
        Ok(row.is_some_and(|(count,)| count > 0))
    }
}

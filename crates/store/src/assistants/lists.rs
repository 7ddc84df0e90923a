//! Lists of assistants: those that pages and the API show, and those that reconcilers go through. Also whether a bot
//! or a worker name is taken.

use reef_domain::ids::{AssistantId, GrantId, UserId};
use reef_domain::state::Run;
use reef_domain::{Assistant, ErrorChain, Timestamp};
use uuid::Uuid;

use super::{Row, select};
use crate::error::StoreError;
use crate::tx::{Tx, fetch_all, fetch_optional};

fn read_all(rows: Vec<Row>) -> Result<Vec<Assistant>, StoreError> {
    rows.into_iter().map(Assistant::try_from).collect()
}

/// Logs and skips rows that cannot be read: one of them must not stop a reconciler for all others.
fn skip_corrupt(rows: Vec<Row>) -> Vec<Assistant> {
    let read = rows.into_iter().map(Assistant::try_from);
    read.filter_map(|row| {
        row.inspect_err(|error| {
            tracing::error!(error = %ErrorChain(error), "corrupt assistant row skipped");
        })
        .ok()
    })
    .collect()
}

impl Tx {
    /// Lists a user's assistants, newest first, without unpaid ones that were ordered before `unpaid_since`.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_assistants(
        &mut self,
        user: UserId,
        unpaid_since: Timestamp,
    ) -> Result<Vec<Assistant>, StoreError> {
        read_all(fetch_all!(
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

    /// Lists a page of the same list: at most `limit` assistants that come after the given creation time and id.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_assistants_page(
        &mut self,
        user: UserId,
        unpaid_since: Timestamp,
        after: Option<(Timestamp, AssistantId)>,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        let Some((created_at, id)) = after else {
            return read_all(fetch_all!(
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
        read_all(fetch_all!(
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

    /// Lists the same, limited to the assistants of a grant.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_granted_assistants(
        &mut self,
        user: UserId,
        grant: GrantId,
        unpaid_since: Timestamp,
    ) -> Result<Vec<Assistant>, StoreError> {
        read_all(fetch_all!(
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

    /// Finds when the `n`-th newest unpaid order of a user was made, counted from 1, among those made after `after`;
    /// `None` when there are fewer. Deleted orders count. Those that were deleted because Polar created no checkout
    /// count only with `include_failed_checkouts`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_nth_newest_unpaid_order(
        &mut self,
        user: UserId,
        after: Timestamp,
        n: i64,
        include_failed_checkouts: bool,
    ) -> Result<Option<Timestamp>, StoreError> {
        // A deleted order with a revocation was paid after all, and that payment is being refunded.
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
            include_failed_checkouts,
        );
        Ok(row.map(|(ordered_at,)| ordered_at))
    }

    /// Lists a user's newest unpaid assistants ordered at `since` or later.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_unpaid_assistants(
        &mut self,
        user: UserId,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        read_all(fetch_all!(
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

    /// Lists the runs of active assistants in the order of their ids: those after `after`, or the first ones.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_active_runs(
        &mut self,
        after: Option<AssistantId>,
        limit: i64,
    ) -> Result<Vec<(AssistantId, Run)>, StoreError> {
        // The smallest id is that of no assistant.
        let after = after.unwrap_or_else(|| AssistantId::new(Uuid::nil()));
        let rows: Vec<(AssistantId, String, i64)> = fetch_all!(
            self,
            (AssistantId, String, i64),
            "select id, worker_name, generation from assistants
             where status = 'active' and id > $1 and worker_name is not null and generation is not null
             order by id limit $2",
            after,
            limit,
        );
        Ok(rows
            .into_iter()
            .map(|(id, worker_name, generation)| (id, Run { worker_name, generation }))
            .collect())
    }

    /// Lists deployments whose deadline has passed at `now`. Corrupt rows are logged and skipped.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_overdue_deployments(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        Ok(skip_corrupt(fetch_all!(
            self,
            Row,
            select!("where status = 'deploying' and deadline <= $1 order by deadline limit $2"),
            now,
            limit,
        )))
    }

    /// Whether another assistant has the same bot token. With `owner`, assistants of that user that are not stopped
    /// count; without, running ones of any user count, and the older of two that are deploying. A token that a failing
    /// change would restore counts as taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_bot_taken(
        &mut self,
        fingerprint: &[u8],
        except: AssistantId,
        owner: Option<UserId>,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = match owner {
            Some(owner) => fetch_optional!(
                self,
                (i64,),
                "select count(*) from assistants
                 where bot_token_hash = $1 and id <> $2 and user_id = $3 and status <> 'stopped'",
                fingerprint,
                except,
                owner,
            ),
            None => fetch_optional!(
                self,
                (i64,),
                "select count(*) from assistants where bot_token_hash = $1 and id <> $2
                   and (status = 'active' or (status = 'deploying' and id < $2))",
                fingerprint,
                except,
            ),
        };
        if row.is_some_and(|(count,)| count > 0) {
            return Ok(true);
        }
        self.is_bot_fallback(fingerprint, except, owner).await
    }

    /// Whether an assistant of any user has this worker name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_worker_name_taken(&mut self, name: &str) -> Result<bool, StoreError> {
        let sql = "select count(*) from assistants where worker_name = $1";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, name);
        Ok(row.is_some_and(|(count,)| count > 0))
    }

    /// Whether another assistant of any user is active or deploying with this bot token.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_bot_running_elsewhere(
        &mut self,
        fingerprint: &[u8],
        except: AssistantId,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from assistants
             where bot_token_hash = $1 and id <> $2 and status in ('active', 'deploying')",
            fingerprint,
            except,
        );
        Ok(row.is_some_and(|(count,)| count > 0))
    }
}

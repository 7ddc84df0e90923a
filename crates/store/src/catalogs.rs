//! The model lists that were last read from providers.

use reef_domain::Timestamp;
use reef_domain::catalog::ListedModel;
use sqlx::types::Json;

use crate::cache::CATALOGS;
use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

impl Tx {
    /// Finds when the list of a source was last read.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_catalog_fetched_at(&mut self, source: &str) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Timestamp,)> =
            fetch_optional!(self, (Timestamp,), "select fetched_at from catalogs where source = $1", source);
        Ok(row.map(|(at,)| at))
    }

    /// Finds the list of a source and when it was read.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when the stored list cannot be parsed.
    pub async fn find_catalog(
        &mut self,
        source: &str,
    ) -> Result<Option<(Vec<ListedModel>, Timestamp)>, StoreError> {
        let row: Option<(Json<Vec<ListedModel>>, Timestamp)> = fetch_optional!(
            self,
            (Json<Vec<ListedModel>>, Timestamp),
            "select models, fetched_at from catalogs where source = $1",
            source,
        );
        Ok(row.map(|(models, at)| (models.0, at)))
    }

    /// Replaces the list of a source.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn upsert_catalog(
        &mut self,
        source: &str,
        models: &[ListedModel],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into catalogs (source, models, fetched_at) values ($1, $2, $3)
             on conflict (source) do update set models = excluded.models, fetched_at = excluded.fetched_at",
            source,
            Json(models),
            now,
        );
        self.invalidate(CATALOGS);
        Ok(())
    }
}

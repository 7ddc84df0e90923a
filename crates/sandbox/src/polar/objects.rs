//! Storage of Polar's objects, each as the JSON that goes over the wire.

use serde_json::{Map, Value, json};
use sqlx::{FromRow, SqliteConnection, types::Json};

use super::validate::{Issues, Location};
use crate::clock::{now_ms, rfc3339};
use crate::web::{HandlerResult, parse_pairs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Checkout,
    Customer,
    Subscription,
    Order,
    Endpoint,
    CustomerSession,
    PaymentMethod,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Customer => "customer",
            Self::Subscription => "subscription",
            Self::Order => "order",
            Self::Endpoint => "endpoint",
            Self::CustomerSession => "customer_session",
            Self::PaymentMethod => "payment_method",
        }
    }
}

/// An object of any kind.
#[derive(FromRow)]
pub(super) struct Object {
    pub id: String,
    /// The URL of the default webhook endpoint, which the objects created from this one inherit.
    pub webhook_url: String,
    #[sqlx(json)]
    pub doc: Value,
}

impl Object {
    /// Returns a string field of the document, or `""`.
    pub fn text(&self, field: &str) -> &str {
        self.doc[field].as_str().unwrap_or_default()
    }
}

/// Sets fields and `modified_at`.
pub(super) fn update_fields(doc: &mut Value, changes: Value) {
    if let (Some(fields), Value::Object(changes)) = (doc.as_object_mut(), changes) {
        fields.extend(changes);
        fields.insert("modified_at".to_owned(), json!(rfc3339(now_ms())));
    }
}

/// Returns the id of a document.
pub(super) fn id_of(doc: &Value) -> String {
    doc["id"].as_str().unwrap_or_default().to_owned()
}

/// Inserts a new object. A checkout can also be found by its client secret, and a customer session by its token.
pub(super) async fn insert(conn: &mut SqliteConnection, kind: Kind, object: &Object) -> sqlx::Result<()> {
    sqlx::query(
        "insert into polar_objects (kind, id, client_secret, webhook_url, doc) values ($1, $2, $3, $4, $5)",
    )
    .bind(kind.name())
    .bind(&object.id)
    .bind(object.doc["client_secret"].as_str().or_else(|| object.doc["token"].as_str()))
    .bind(&object.webhook_url)
    .bind(Json(&object.doc))
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn update(conn: &mut SqliteConnection, object: &Object) -> sqlx::Result<()> {
    sqlx::query("update polar_objects set doc = $2 where id = $1")
        .bind(&object.id)
        .bind(Json(&object.doc))
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn delete(conn: &mut SqliteConnection, kind: Kind, id: &str) -> sqlx::Result<bool> {
    let gone = sqlx::query("delete from polar_objects where kind = $1 and id = $2")
        .bind(kind.name())
        .bind(id)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected() == 1)
}

pub(super) async fn find(conn: &mut SqliteConnection, kind: Kind, id: &str) -> sqlx::Result<Option<Object>> {
    sqlx::query_as("select id, webhook_url, doc from polar_objects where kind = $1 and id = $2")
        .bind(kind.name())
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// Finds a checkout by its client secret or a customer session by its token.
pub(super) async fn find_by_secret(
    conn: &mut SqliteConnection,
    kind: Kind,
    secret: &str,
) -> sqlx::Result<Option<Object>> {
    sqlx::query_as("select id, webhook_url, doc from polar_objects where kind = $1 and client_secret = $2")
        .bind(kind.name())
        .bind(secret)
        .fetch_optional(conn)
        .await
}

/// Lists the objects of a customer, newest first.
pub(super) async fn list_by_customer(
    conn: &mut SqliteConnection,
    kind: Kind,
    customer_id: &str,
    limit: i64,
) -> sqlx::Result<Vec<Object>> {
    let mut filter = Map::new();
    filter.insert("$.customer_id".to_owned(), json!([customer_id]));
    list(conn, kind, &filter, limit, 0).await
}

/// Finds a customer by the merchant's own id.
pub(super) async fn find_customer_by_external_id(
    conn: &mut SqliteConnection,
    id: &str,
) -> sqlx::Result<Option<Object>> {
    sqlx::query_as(
        "select id, webhook_url, doc from polar_objects
         where kind = 'customer' and json_extract(doc, '$.external_id') = $1 limit 1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await
}

pub(super) async fn find_customer_by_email(
    conn: &mut SqliteConnection,
    email: &str,
) -> sqlx::Result<Option<Object>> {
    sqlx::query_as(
        "select id, webhook_url, doc from polar_objects
         where kind = 'customer' and json_extract(doc, '$.email') = $1 limit 1",
    )
    .bind(email)
    .fetch_optional(conn)
    .await
}

/// Finds the newest order of a subscription with this status.
pub(super) async fn find_last_order(
    conn: &mut SqliteConnection,
    subscription_id: &str,
    status: &str,
) -> sqlx::Result<Option<Object>> {
    sqlx::query_as(
        "select id, webhook_url, doc from polar_objects
         where kind = 'order' and json_extract(doc, '$.subscription_id') = $1 and json_extract(doc, '$.status') = $2
         order by seq desc limit 1",
    )
    .bind(subscription_id)
    .bind(status)
    .fetch_optional(conn)
    .await
}

/// Lists the objects that match a filter, newest first.
///
/// `filter` maps each JSON path to the list of accepted values.
pub(super) async fn list(
    conn: &mut SqliteConnection,
    kind: Kind,
    filter: &Map<String, Value>,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<Object>> {
    sqlx::query_as(
        "select id, webhook_url, doc from polar_objects where kind = $1 and not exists (
           select 1 from json_each($2) wanted where not exists (
             select 1 from json_each(wanted.value) choice
             where cast(coalesce(json_extract(doc, wanted.key), '') as text) = choice.value))
         order by seq desc limit $3 offset $4",
    )
    .bind(kind.name())
    .bind(Json(filter))
    .bind(limit)
    .bind(offset)
    .fetch_all(conn)
    .await
}

async fn count(conn: &mut SqliteConnection, kind: Kind, filter: &Map<String, Value>) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select count(*) from polar_objects where kind = $1 and not exists (
           select 1 from json_each($2) wanted where not exists (
             select 1 from json_each(wanted.value) choice
             where cast(coalesce(json_extract(doc, wanted.key), '') as text) = choice.value))",
    )
    .bind(kind.name())
    .bind(Json(filter))
    .fetch_one(conn)
    .await
}

/// A filter of a list: the name of the query parameter and the JSON path that it compares.
pub(super) type Filterable = (&'static str, &'static str);

/// Renders a page of a list. The query may contain `page`, `limit`, the filters in `known`, and `metadata[key]=value`.
pub(super) async fn list_page(
    conn: &mut SqliteConnection,
    kind: Kind,
    known: &[Filterable],
    query: Option<&str>,
) -> HandlerResult<Value> {
    let mut issues = Issues::default();
    let (mut page, mut limit) = (1, 10);
    let mut filter = Map::new();
    for (key, value) in parse_pairs(query.unwrap_or_default().as_bytes()) {
        let metadata = key.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']'));
        if key == "page" || key == "limit" {
            match value.parse::<i64>() {
                Ok(number @ 1..=1_000_000) if key == "page" => page = number,
                Ok(number @ 1..) if key == "limit" => limit = number.min(100),
                _ => issues.add(
                    Location::Query,
                    &[&key],
                    "Input should be a valid integer greater than 0",
                    "greater_than",
                ),
            }
        } else if let Some(name) = metadata {
            if name.is_empty() || name.contains(['"', '\\']) {
                issues.add(Location::Query, &[&key], "Invalid metadata filter", "value_error");
            } else {
                add_filter(&mut filter, format!("$.metadata.\"{name}\""), value);
            }
        } else if let Some((_, path)) = known.iter().find(|(name, _)| *name == key) {
            add_filter(&mut filter, (*path).to_owned(), value);
        }
    }
    issues.check()?;
    let total = count(conn, kind, &filter).await?;
    let found = list(conn, kind, &filter, limit, (page - 1) * limit).await?;
    let items: Vec<Value> = found.into_iter().map(|object| object.doc).collect();
    let pages = (total + limit - 1) / limit;
    Ok(json!({"items": items, "pagination": {"total_count": total, "max_page": pages}}))
}

/// Adds an accepted value to a filter. Booleans are 0 and 1 in SQLite's JSON functions.
fn add_filter(filter: &mut Map<String, Value>, path: String, value: String) {
    let value = match value.as_str() {
        "true" => "1".to_owned(),
        "false" => "0".to_owned(),
        _ => value,
    };
    match filter.entry(path).or_insert_with(|| json!([])) {
        Value::Array(choices) => choices.push(Value::String(value)),
        _ => unreachable!("every filter is a list"),
    }
}

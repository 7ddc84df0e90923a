use std::path::Path;

use reef_store::testing::TestStore;
use reef_store::{StoreError, on_both_databases};

use crate::support::{new_user, raw, raw_rows};

/// The sorted file names in `migrations/{database}`.
fn files(database: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database);
    let entries = std::fs::read_dir(folder).expect("directory of migrations should be readable");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry.expect("entry should be readable").file_name().into_string().expect("name should be UTF-8")
        })
        .collect();
    names.sort();
    names
}

/// The version and the description in a file name, as sqlx reads them.
fn parsed(file: &str) -> (i64, String) {
    let stem = file.strip_suffix(".sql").expect("migration should be an .sql file");
    let (number, words) = stem.split_once('_').expect("migration should be called number_words.sql");
    (number.parse().expect("version should be a number"), words.replace('_', " "))
}

#[test]
fn migrations_are_the_same_for_both_databases() {
    let names = files("sqlite");
    assert_eq!(names, files("postgres"));
    let numbers: Vec<_> = names.iter().map(|name| parsed(name).0).collect();
    assert!(numbers.first() == Some(&1) && numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

on_both_databases! {
    async fn every_migration_file_is_applied(db: TestStore) {
        let applied = raw_rows!(
            db,
            (i64, String, bool),
            "select version, description, success from _sqlx_migrations order by version",
        );
        let expected: Vec<_> = files("sqlite")
            .iter()
            .map(|file| parsed(file))
            .map(|(number, words)| (number, words, true))
            .collect();
        assert_eq!(applied, expected);
    }

    async fn repeated_migration_changes_nothing(db: TestStore) {
        let user = new_user("ada@example.com");
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.commit().await.unwrap();
        db.store.migrate().await.unwrap();
        db.store.migrate().await.unwrap();
        assert!(db.store.read().await.unwrap().find_user(user.id).await.unwrap().is_some());
    }

    async fn concurrent_migrations_succeed(db: TestStore) {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let store = db.store.clone();
            tasks.spawn(async move { store.migrate().await });
        }
        for result in tasks.join_all().await {
            result.unwrap();
        }
    }

    async fn database_newer_than_binary_is_refused(db: TestStore) {
        raw!(
            db,
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             select 9999, 'from the future', success, checksum, 0 from _sqlx_migrations where version = 1",
        );
        assert!(matches!(db.store.migrate().await, Err(StoreError::Migration(_))));
    }

    async fn database_from_before_the_first_release_is_refused(db: TestStore) {
        raw!(db, "update _sqlx_migrations set description = 'foundation', checksum = $1", b"other".as_slice());
        let error = db.store.migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::UnreleasedSchema), "{error:?}");
        assert!(error.to_string().ends_with("move it aside, or set DATABASE_URL to an empty database"));
    }

    async fn database_with_several_unreleased_migrations_is_refused(db: TestStore) {
        raw!(db, "update _sqlx_migrations set description = 'foundation', checksum = $1", b"other".as_slice());
        raw!(
            db,
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             select 1000, 'idempotency', success, checksum, 0 from _sqlx_migrations where version = 1",
        );
        assert!(matches!(db.store.migrate().await, Err(StoreError::UnreleasedSchema)));
    }

    async fn changed_migration_is_refused(db: TestStore) {
        raw!(db, "update _sqlx_migrations set checksum = $1", b"other".as_slice());
        assert!(matches!(db.store.migrate().await, Err(StoreError::Migration(_))));
    }
}

/// Rows of `(table, column, may be null)`. SQLite has fewer types, so types are not compared.
const SQLITE_COLUMNS: &str = "select tables.name, columns.name, columns.\"notnull\" = 0 and columns.pk = 0
     from sqlite_master tables join pragma_table_info(tables.name) columns
     where tables.type = 'table' and tables.name not in ('_sqlx_migrations', 'sqlite_sequence') order by 1, 2";
const POSTGRES_COLUMNS: &str = "select table_name::text, column_name::text, is_nullable = 'YES'
     from information_schema.columns
     where table_schema = current_schema() and table_name <> '_sqlx_migrations'
     order by table_name::text collate \"C\", column_name::text collate \"C\"";

/// Rows of `(table, index)` for indexes that the migrations name.
const SQLITE_INDEXES: &str = "select tbl_name, name from sqlite_master
     where type = 'index' and sql is not null order by 1, 2";
const POSTGRES_INDEXES: &str = "select tablename::text, indexname::text from pg_indexes
     where schemaname = current_schema() and indexname not like '%\\_pkey' and indexname not like '%\\_key'
     order by tablename::text collate \"C\", indexname::text collate \"C\"";

#[tokio::test]
async fn schemas_of_both_databases_match() {
    let (sqlite, postgres) = (TestStore::sqlite().await, TestStore::postgres().await);
    let columns = raw_rows!(sqlite, (String, String, bool), SQLITE_COLUMNS);
    assert!(columns.len() > 100, "{columns:?}");
    assert_eq!(columns, raw_rows!(postgres, (String, String, bool), POSTGRES_COLUMNS));
    let indexes = raw_rows!(sqlite, (String, String), SQLITE_INDEXES);
    assert!(indexes.len() > 10, "{indexes:?}");
    assert_eq!(indexes, raw_rows!(postgres, (String, String), POSTGRES_INDEXES));
}

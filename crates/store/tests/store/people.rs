use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, PersonId};
use reef_domain::people::Role;
use reef_store::{BotGroupRow, PersonRow, SettingsRevisionRow, SettingsRow, on_both_databases};
use uuid::Uuid;

use crate::support::{add_unpaid_assistant, add_user, at, uuid};

fn person(assistant_id: AssistantId, telegram_user_id: i64, role: Role, seen: i64) -> PersonRow {
    PersonRow {
        id: PersonId::new(uuid()),
        assistant_id,
        telegram_user_id,
        name: "Grace".to_owned(),
        username: None,
        role,
        first_seen_at: at(seen),
        last_seen_at: at(seen),
        role_set_at: at(seen),
        is_first_writer: false,
        refused_at: None,
        refused_update_id: None,
    }
}

const LAST: Timestamp = Timestamp::from_unix_ms(253_402_300_799_999);

on_both_databases! {
    async fn assistant_has_one_owner_and_knows_each_person_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (assistant, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        let owner = person(assistant, 1, Role::Owner, 5);
        assert!(tx.insert_person(&owner).await.unwrap());
        assert!(!tx.insert_person(&person(assistant, 2, Role::Owner, 6)).await.unwrap(), "a second owner");
        assert!(!tx.insert_person(&person(assistant, 1, Role::Requested, 6)).await.unwrap(), "known");
        assert!(tx.insert_person(&person(other, 1, Role::Owner, 6)).await.unwrap());
        let mut guest = person(assistant, 3, Role::Requested, 7);
        assert!(tx.insert_person(&guest).await.unwrap());
        assert_eq!(tx.find_owner(assistant).await.unwrap(), Some(owner.clone()));
        guest.role = Role::Blocked;
        guest.username = Some("grace".to_owned());
        guest.refused_at = Some(at(8));
        guest.refused_update_id = Some(9);
        tx.save_person(&guest).await.unwrap();
        assert_eq!(tx.find_person(assistant, guest.id).await.unwrap(), Some(guest.clone()));
        assert_eq!(tx.find_person(other, guest.id).await.unwrap(), None);
        assert_eq!(tx.find_person_by_telegram_user(assistant, 3).await.unwrap(), Some(guest.clone()));
        assert_eq!(tx.count_people(assistant, Role::Blocked).await.unwrap(), 1);
        let newest = (LAST, PersonId::new(Uuid::max()));
        assert_eq!(tx.list_people(assistant, newest, 9).await.unwrap(), [guest.clone(), owner.clone()]);
        let from_owner = (owner.first_seen_at, owner.id);
        assert_eq!(tx.list_people(assistant, from_owner, 9).await.unwrap(), [owner]);
        assert!(!tx.delete_person(other, guest.id).await.unwrap());
        assert!(tx.delete_person(assistant, guest.id).await.unwrap());
        assert_eq!(tx.find_person(assistant, guest.id).await.unwrap(), None);
    }

    async fn people_with_a_role_are_listed_newest_first(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (assistant, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        let mut waiting: Vec<PersonRow> = (1..=3).map(|number| person(assistant, number, Role::Requested, number)).collect();
        let others = [person(assistant, 4, Role::Approved, 4), person(assistant, 5, Role::Blocked, 5), person(other, 6, Role::Requested, 6)];
        for row in waiting.iter().chain(&others) {
            tx.insert_person(row).await.unwrap();
        }
        waiting.reverse();
        let newest = (LAST, PersonId::new(Uuid::max()));
        assert_eq!(tx.list_people_with_role(assistant, Role::Requested, newest, 9).await.unwrap(), waiting);
        assert_eq!(tx.list_people_with_role(assistant, Role::Requested, newest, 2).await.unwrap(), waiting[..2]);
        let second = (waiting[1].first_seen_at, waiting[1].id);
        assert_eq!(tx.list_people_with_role(assistant, Role::Requested, second, 9).await.unwrap(), waiting[1..]);
        assert_eq!(tx.list_people_with_role(assistant, Role::Blocked, newest, 9).await.unwrap(), [others[1].clone()]);
        assert_eq!(tx.list_people_with_role(other, Role::Approved, newest, 9).await.unwrap(), []);
    }

    async fn owner_link_works_once_and_until_it_expires(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        tx.save_owner_link(assistant, b"old", at(9)).await.unwrap();
        tx.save_owner_link(assistant, b"new", at(9)).await.unwrap();
        assert!(!tx.use_owner_link(assistant, b"old", at(1)).await.unwrap(), "replaced");
        assert!(!tx.use_owner_link(assistant, b"new", at(9)).await.unwrap(), "expired");
        assert!(tx.use_owner_link(assistant, b"new", at(8)).await.unwrap());
        assert!(!tx.use_owner_link(assistant, b"new", at(8)).await.unwrap(), "used");
    }

    async fn owner_link_requirement_belongs_to_its_assistant(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (assistant, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        assert!(!tx.is_owner_link_required(assistant).await.unwrap());
        tx.require_owner_link(assistant, at(1)).await.unwrap();
        tx.require_owner_link(assistant, at(2)).await.unwrap();
        assert!(tx.is_owner_link_required(assistant).await.unwrap());
        assert!(!tx.is_owner_link_required(other).await.unwrap());
    }

    async fn requests_are_listed_apart_from_other_people(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        let oldest = person(assistant, 1, Role::Requested, 1);
        assert!(tx.insert_person(&oldest).await.unwrap());
        for telegram_user in 2..=120 {
            assert!(tx.insert_person(&person(assistant, telegram_user, Role::Approved, telegram_user)).await.unwrap());
        }
        let newest = person(assistant, 121, Role::Requested, 200);
        assert!(tx.insert_person(&newest).await.unwrap());
        let start = (LAST, PersonId::new(Uuid::max()));
        assert_eq!(tx.list_requests(assistant, start, 9).await.unwrap(), [newest.clone(), oldest.clone()]);
        assert_eq!(tx.list_requests(assistant, start, 1).await.unwrap(), [newest]);
        let from_oldest = (oldest.first_seen_at, oldest.id);
        assert_eq!(tx.list_requests(assistant, from_oldest, 9).await.unwrap(), [oldest]);
    }

    async fn group_keeps_its_adder_and_its_approval(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        let group = BotGroupRow {
            chat_id: -5, title: "Team".to_owned(), added_by: Some(7), is_approved: false, first_seen_at: at(1),
        };
        tx.save_bot_group(assistant, &group).await.unwrap();
        assert!(tx.update_bot_group_approval(assistant, -5, true).await.unwrap());
        assert!(!tx.update_bot_group_approval(assistant, -6, true).await.unwrap());
        let renamed = BotGroupRow { title: "Crew".to_owned(), added_by: None, ..group.clone() };
        tx.save_bot_group(assistant, &renamed).await.unwrap();
        let expected = BotGroupRow { title: "Crew".to_owned(), is_approved: true, ..group };
        assert_eq!(tx.find_bot_group(assistant, -5).await.unwrap(), Some(expected.clone()));
        assert_eq!(tx.list_bot_groups(assistant).await.unwrap(), [expected]);
        tx.delete_bot_group(assistant, -5).await.unwrap();
        assert_eq!(tx.list_bot_groups(assistant).await.unwrap(), []);
    }

    async fn settings_and_their_revisions_round_trip(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        assert_eq!(tx.find_settings(assistant).await.unwrap(), None);
        let row = SettingsRow {
            revision: 2, document: "{}".to_owned(), mcp_headers: Some(vec![1, 2]), updated_at: at(3),
        };
        tx.save_settings(assistant, &SettingsRow { revision: 1, mcp_headers: None, ..row.clone() }).await.unwrap();
        tx.save_settings(assistant, &row).await.unwrap();
        assert_eq!(tx.find_settings(assistant).await.unwrap(), Some(row));
        let revision = |revision| SettingsRevisionRow {
            revision,
            document: "{}".to_owned(),
            changes: "[]".to_owned(),
            author_type: "session".to_owned(),
            author_id: user.uuid(),
            author_name: "ada@example.com".to_owned(),
            created_at: at(revision),
        };
        for number in [1, 2, 3] {
            tx.insert_settings_revision(assistant, &revision(number)).await.unwrap();
        }
        let again = SettingsRevisionRow { author_name: "eve".to_owned(), ..revision(2) };
        tx.insert_settings_revision(assistant, &again).await.unwrap();
        let listed = tx.list_settings_revisions(assistant, i64::MAX, 2).await.unwrap();
        assert_eq!(listed, [revision(3), revision(2)]);
        assert_eq!(tx.list_settings_revisions(assistant, 2, 9).await.unwrap(), [revision(1)]);
        assert_eq!(tx.find_settings_revision(assistant, 2).await.unwrap(), Some(revision(2)));
        tx.trim_settings_revisions(assistant, 3, 1).await.unwrap();
        assert_eq!(tx.list_settings_revisions(assistant, i64::MAX, 9).await.unwrap(), [revision(3)]);
        tx.delete_assistant(assistant, user, at(9)).await.unwrap();
        assert_eq!(tx.find_settings(assistant).await.unwrap(), None);
    }
}

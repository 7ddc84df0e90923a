use std::sync::Arc;

use reef_domain::input::UpdateInput;
use reef_domain::search::Search;
use reef_domain::wire::Status::{self, Active, PendingPayment, Purchased};
use reef_domain::wire::{ApiMode, AssistantRecord};
use reef_domain::{Assistant, State};
use reef_service::assistants::PAGE_SIZE;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;

use crate::support::HOUR;

fn ids(records: &[Arc<AssistantRecord>]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

on_both_databases! {
    async fn search_finds_by_name_id_and_status_with_counts(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let running = t.create_active(&me).await;
        t.clock.advance(HOUR);
        let bought = t.create_paid(&me).await;
        let ordered = t.create_unpaid(&me).await;
        t.create_active(&other).await;
        let name = UpdateInput { name: Some("ÉTOILE de mer".to_owned()), ..UpdateInput::default() };
        t.services.update(&me, &bought.to_string(), Ok(name)).await.unwrap();
        let find = |text: &str, status: Option<Status>| {
            let (services, search) = (t.services.clone(), Search::new(text, status));
            async move { services.assistant_list(&me).await.unwrap().search(&search, None) }
        };
        let (running, bought, ordered) = (running.to_string(), bought.to_string(), ordered.to_string());
        let all = find("", None).await;
        assert_eq!(ids(&all.records).len(), 3);
        assert_eq!(all.counts, [(Active, 1), (PendingPayment, 1), (Purchased, 1)]);
        assert_eq!(ids(&find("étoile", None).await.records), [&bought]);
        assert_eq!(ids(&find(&running, None).await.records), [&running]);
        assert_eq!(ids(&find("", Some(PendingPayment)).await.records), [&ordered]);
        let nobody = t.create_user().await;
        let empty = t.services.assistant_list(&nobody).await.unwrap().search(&Search::default(), None);
        assert_eq!((empty.records, empty.counts), (vec![], vec![]));
        let none = find("étoile", Some(Active)).await;
        assert_eq!((none.records.len(), none.counts), (0, all.counts));
    }

    async fn search_pages_skip_other_assistants(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let mut tx = t.db.store.begin().await.unwrap();
        // From the newest: a hundred matches, more than five hundred others, and one match.
        for number in 0..(PAGE_SIZE + 520) {
            let id = reef_domain::ids::AssistantId::new(t.services.new_uuid());
            let mut a = Assistant::new(id, me.user_id, ApiMode::Byok, t.services.now());
            a.state = State::Purchased;
            let fits = number == 0 || number >= 520;
            a.config.name = Some(if fits { format!("coral {number}") } else { format!("other {number}") });
            tx.insert_assistant(&a).await.unwrap();
            t.clock.advance(std::time::Duration::from_millis(1));
        }
        tx.commit().await.unwrap();
        let search = Search::new("coral", None);
        let first = t.services.assistant_list(&me).await.unwrap().search(&search, None);
        assert_eq!((first.records.len(), first.records[0].name.as_str()), (PAGE_SIZE, "coral 619"));
        let second = t.services.assistant_list(&me).await.unwrap().search(&search, first.next);
        assert_eq!((second.records.len(), second.records[0].name.as_str()), (1, "coral 0"));
        assert!(first.next.is_some() && second.next.is_none());
        let all = t.services.assistant_list(&me).await.unwrap().search(&Search::default(), None);
        assert_eq!((all.records.len(), all.counts), (PAGE_SIZE, vec![(Purchased, 620)]));
    }
}

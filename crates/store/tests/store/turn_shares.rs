use reef_store::{TurnShareRow, on_both_databases};

use crate::support::{add_unpaid_assistant, add_user, at};

on_both_databases! {
    async fn share_is_replaced_only_as_it_was_read(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (assistant, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        let first = TurnShareRow {
            hour_used_until: at(1), day_used_until: at(2), last_update_id: 7, refused_at: None, refused_update_id: None,
        };
        assert_eq!(tx.find_turn_share(assistant, 5).await.unwrap(), None);
        assert!(tx.replace_turn_share(assistant, 5, None, &first).await.unwrap());
        assert!(!tx.replace_turn_share(assistant, 5, None, &first).await.unwrap(), "another turn was first");
        let refused = TurnShareRow { refused_at: Some(at(3)), refused_update_id: Some(8), ..first };
        assert!(tx.replace_turn_share(assistant, 5, Some(&first), &refused).await.unwrap());
        assert!(!tx.replace_turn_share(assistant, 5, Some(&first), &refused).await.unwrap(), "changed since");
        let later = TurnShareRow { day_used_until: at(9), last_update_id: 9, ..refused };
        assert!(tx.replace_turn_share(assistant, 5, Some(&refused), &later).await.unwrap());
        assert_eq!(tx.find_turn_share(assistant, 5).await.unwrap(), Some(later));
        assert_eq!(tx.find_turn_share(other, 5).await.unwrap(), None);
        assert!(tx.replace_turn_share(other, 5, None, &first).await.unwrap());
        assert_eq!(tx.prune_turn_shares(at(9)).await.unwrap(), 1);
        assert_eq!(tx.find_turn_share(assistant, 5).await.unwrap(), Some(later));
        tx.delete_turn_share(assistant, 5).await.unwrap();
        assert_eq!(tx.find_turn_share(assistant, 5).await.unwrap(), None);
    }
}

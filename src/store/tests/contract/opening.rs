//! Opening and closing. What only one engine can show stands in the unit tests of `open`.

use margay_domain::ports::StoreError;
use margay_store::Store;

use crate::fixtures::people_and_client;

checks! {
    an_open_store_answers_and_a_closed_one_does_not,
    clones_share_one_database,
}

async fn an_open_store_answers_and_a_closed_one_does_not(store: Store) {
    store.ping().await.unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.users().count().await, Err(StoreError::Unavailable(_))));
}

async fn clones_share_one_database(store: Store) {
    people_and_client(&store.clone()).await;
    assert_eq!(store.users().count().await.unwrap(), 1);
}

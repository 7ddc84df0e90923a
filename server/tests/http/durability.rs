//! Responses of a whole server whose disk is held: none leaves before the sync that covers what it says.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use reef_domain::Timestamp;
use reef_store::testing::TestStore;
use serde_json::json;

use crate::client::ASSISTANTS;
use crate::support::{App, eventually};

/// How long to wait to see that a response does not leave. On a slow machine a fault may be missed, and nothing fails without
/// one.
const PAUSE: Duration = Duration::from_millis(200);

/// Syncs that wait while this is `true`.
#[derive(Default)]
struct Held(Mutex<bool>, Condvar);

impl Held {
    fn set(&self, is_held: bool) {
        *self.0.lock().unwrap() = is_held;
        self.1.notify_all();
    }

    fn sync(&self) -> io::Result<()> {
        drop(self.1.wait_while(self.0.lock().unwrap(), |held| *held).unwrap());
        Ok(())
    }
}

/// Releases the disk, because a test that fails meanwhile would wait for its sync.
struct ReleaseOnDrop(Arc<Held>);

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_response_leaves_while_the_sync_is_held() {
    let held = Arc::new(Held::default());
    let disk = Arc::clone(&held);
    let database = TestStore::sqlite_with_sync(move || disk.sync()).await;
    let app = App::start_on_store(&database).await;
    let me = app.customer().await;
    held.set(true);
    let _release = ReleaseOnDrop(Arc::clone(&held));
    let write =
        me.client.request("POST", &format!("{ASSISTANTS}/purchase")).json(&json!({"apiMode": "byok"}));
    let write = tokio::spawn(write.send());
    eventually("the purchase to be visible", async || {
        let mut tx = app.services.store().read().await.unwrap();
        tx.list_assistants(me.user, Timestamp::from_unix_ms(0)).await.unwrap().pop()
    })
    .await;
    let reads = [app.url("/signin"), app.url("/workers/openclaw-00000000")]
        .map(|url| app.http.get(url))
        .into_iter()
        .chain([me.client.request("GET", ASSISTANTS)])
        .map(|request| tokio::spawn(request.send()))
        .collect::<Vec<_>>();
    // What says nothing about data does not wait.
    for path in ["/robots.txt", "/healthz", "/readyz", "/metrics"] {
        assert_eq!(app.http.get(app.url(path)).send().await.unwrap().status(), 200, "{path}");
    }
    tokio::time::sleep(PAUSE).await;
    assert!(!write.is_finished() && reads.iter().all(|read| !read.is_finished()));
    held.set(false);
    assert_eq!(write.await.unwrap().unwrap().status(), 201);
    for (read, status) in reads.into_iter().zip([200, 404, 200]) {
        assert_eq!(read.await.unwrap().unwrap().status(), status);
    }
}

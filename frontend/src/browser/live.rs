//! Receives snapshots of what the page shows as server-sent events. The browser reconnects automatically and sends the stamp of the
//! last snapshot; the server answers with a new one if that differs.
//!
//! A hidden tab closes its connection after a while: without HTTP/2 a browser opens six connections to a host, and seven open tabs
//! would leave none for a click.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource, MessageEvent};

use super::refresh::{FIRST_PAUSE, next_pause, refresh, refresh_unless_form_busy};
use super::{dom, notices};
use crate::deployment_outcome::DeploymentWatch;

/// How long a hidden tab keeps its connection, so that a quick switch to another tab costs nothing.
const HIDDEN_CLOSE_AFTER: Duration = Duration::from_secs(20);

/// The stream of a page, over all its connections.
struct LiveStream {
    /// The path of the stream. Its query has the stamp of what the page showed when it loaded.
    path: String,
    /// The stamp of the last snapshot.
    last_stamp: RefCell<Option<String>>,
    source: RefCell<Option<EventSource>>,
    deployment: RefCell<DeploymentWatch>,
    /// True when what the page shows was deleted.
    is_ended: Cell<bool>,
    /// How often the tab was hidden or shown.
    visibility_changes: Cell<u32>,
    /// True while the connection is lost.
    lost: RwSignal<bool>,
    /// The pause after the next failed attempt.
    retry_pause: Cell<Duration>,
}

/// Follows the stream at `path` for the life of the page, except while the tab is hidden, and refreshes the page's regions with each
/// snapshot. `lost` is true while the connection is lost.
pub(crate) fn follow(path: &str, lost: RwSignal<bool>) {
    let follower = Rc::new(LiveStream {
        path: path.to_owned(),
        last_stamp: RefCell::default(),
        deployment: RefCell::new(DeploymentWatch::new(shows_deployment())),
        source: RefCell::default(),
        is_ended: Cell::new(false),
        visibility_changes: Cell::new(0),
        lost,
        retry_pause: Cell::new(FIRST_PAUSE),
    });
    Rc::clone(&follower).open();
    dom::listen("visibilitychange", false, move |_| {
        follower.visibility_changes.set(follower.visibility_changes.get().wrapping_add(1));
        if dom::is_visible() {
            Rc::clone(&follower).open();
        } else {
            follower.close_if_still_hidden();
        }
    });
}

impl LiveStream {
    /// Opens a connection, unless there is one or none is needed.
    fn open(self: Rc<Self>) {
        let is_open =
            self.source.borrow().as_ref().is_some_and(|source| source.ready_state() != EventSource::CLOSED);
        if is_open || self.is_ended.get() {
            return;
        }
        if !dom::is_visible() {
            self.close_if_still_hidden();
        }
        let Ok(source) = EventSource::new(&self.address()) else {
            self.lost.set(true);
            return;
        };
        self.source.replace(Some(source.clone()));
        let follower = Rc::clone(&self);
        add_listener(&source, "open", move |_| {
            follower.lost.set(false);
            follower.retry_pause.set(FIRST_PAUSE);
        });
        let follower = Rc::clone(&self);
        add_listener(&source, "message", move |event| {
            let Some(message) = event.dyn_ref::<MessageEvent>() else { return };
            follower.last_stamp.replace(Some(message.last_event_id()));
            let snapshot = message.data().as_string().unwrap_or_default();
            if let Some(notice) = follower.deployment.borrow_mut().apply(&snapshot) {
                notices::schedule(notice);
            }
            spawn_local(refresh());
        });
        let follower = Rc::clone(&self);
        add_listener(&source, "gone", move |_| {
            follower.is_ended.set(true);
            follower.close();
            spawn_local(refresh_unless_form_busy());
        });
        let failed = source.clone();
        add_listener(&source, "error", move |_| {
            self.lost.set(true);
            if failed.ready_state() == EventSource::CLOSED {
                self.reconnect();
            }
        });
    }

    fn close_if_still_hidden(self: &Rc<Self>) {
        let (follower, changes) = (Rc::clone(self), self.visibility_changes.get());
        let close = move || {
            if follower.visibility_changes.get() == changes {
                follower.close();
            }
        };
        set_timeout(close, HIDDEN_CLOSE_AFTER);
    }

    fn close(&self) {
        if let Some(source) = self.source.take() {
            source.close();
        }
    }

    /// The address of the stream with the stamp of the last snapshot.
    fn address(&self) -> String {
        let seen = self.last_stamp.borrow();
        match (&*seen, self.path.split_once('?')) {
            (Some(stamp), Some((path, _))) => format!("{path}?seen={stamp}"),
            _ => self.path.clone(),
        }
    }

    /// Reconnects after a pause. Browsers give up on a stream whose response is anything but 200, even a proxy's 502 during a
    /// restart. Refreshing the page shows whether the stream has ended, for example because the session has.
    fn reconnect(self: &Rc<Self>) {
        spawn_local(refresh());
        let pause = self.retry_pause.get();
        self.retry_pause.set(next_pause(pause));
        let follower = Rc::clone(self);
        set_timeout(move || follower.open(), pause);
    }
}

/// Whether the page shows an assistant that is being deployed.
fn shows_deployment() -> bool {
    let root = dom::document().document_element();
    root.is_some_and(|root| dom::first(&root, "[data-region='state'] .badge.deploying").is_some())
}

fn add_listener(source: &EventSource, name: &str, handler: impl Fn(Event) + 'static) {
    let handler = Closure::<dyn Fn(Event)>::new(handler).into_js_value();
    if source.add_event_listener_with_callback(name, handler.unchecked_ref()).is_err() {
        leptos::logging::error!("a listener could not be added to the stream");
    }
}

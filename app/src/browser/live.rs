//! Snapshots that the server pushes: server-sent events. The browser reconnects by itself and says what it has seen
//! last; the server's first word is the whole state if that has changed since.
//!
//! A tab that nobody sees rests after a while: without HTTP/2 a browser holds six connections to a host, and seven open tabs
//! would leave none for a click. Seen again, it is up to date before one has found one's place.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource, MessageEvent};

use super::dom;
use super::refresh::{FIRST_PAUSE, longer, refresh, refresh_or_leave};

/// How long a tab that nobody sees goes on listening: who looks elsewhere for a moment finds it as it is.
const REST_AFTER: Duration = Duration::from_secs(20);

/// What a page listens to.
struct Follower {
    /// Where the stream is, with what the page showed at first.
    path: String,
    /// The stamp of the snapshot that came last.
    seen: RefCell<Option<String>>,
    source: RefCell<Option<EventSource>>,
    /// What the page shows is gone: there is nothing more to follow.
    is_over: Cell<bool>,
    /// How often the tab was left or come back to.
    turns: Cell<u32>,
    /// True while nothing can arrive.
    lost: RwSignal<bool>,
    /// How long to wait when the next try is refused, too.
    pause: Cell<Duration>,
}

/// Opens the stream for the life of the page, resting while nobody sees it, and has its regions drawn anew with each snapshot. The
/// signal is true while nothing can arrive.
pub fn follow(path: &str, lost: RwSignal<bool>) {
    let follower = Rc::new(Follower {
        path: path.to_owned(),
        seen: RefCell::default(),
        source: RefCell::default(),
        is_over: Cell::new(false),
        turns: Cell::new(0),
        lost,
        pause: Cell::new(FIRST_PAUSE),
    });
    Rc::clone(&follower).open();
    dom::listen("visibilitychange", false, move |_| {
        follower.turns.set(follower.turns.get().wrapping_add(1));
        if dom::is_seen() {
            Rc::clone(&follower).open();
        } else {
            follower.rest_later();
        }
    });
}

impl Follower {
    /// Listens, unless it does or need not.
    fn open(self: Rc<Self>) {
        let is_open =
            self.source.borrow().as_ref().is_some_and(|source| source.ready_state() != EventSource::CLOSED);
        if is_open || self.is_over.get() {
            return;
        }
        if !dom::is_seen() {
            self.rest_later();
        }
        let Ok(source) = EventSource::new(&self.address()) else {
            self.lost.set(true);
            return;
        };
        self.source.replace(Some(source.clone()));
        let follower = Rc::clone(&self);
        on(&source, "open", move |_| {
            follower.lost.set(false);
            follower.pause.set(FIRST_PAUSE);
        });
        let follower = Rc::clone(&self);
        on(&source, "message", move |event| {
            follower.seen.replace(event.dyn_ref::<MessageEvent>().map(MessageEvent::last_event_id));
            spawn_local(refresh());
        });
        let follower = Rc::clone(&self);
        on(&source, "gone", move |_| {
            follower.is_over.set(true);
            follower.close();
            spawn_local(refresh_or_leave());
        });
        let failed = source.clone();
        on(&source, "error", move |_| {
            self.lost.set(true);
            if failed.ready_state() == EventSource::CLOSED {
                self.ask_again();
            }
        });
    }

    fn rest_later(self: &Rc<Self>) {
        let (follower, turn) = (Rc::clone(self), self.turns.get());
        let rest = move || {
            if follower.turns.get() == turn {
                follower.close();
            }
        };
        set_timeout(rest, REST_AFTER);
    }

    fn close(&self) {
        if let Some(source) = self.source.take() {
            source.close();
        }
    }

    /// The stream from what was seen last on.
    fn address(&self) -> String {
        let seen = self.seen.borrow();
        match (&*seen, self.path.split_once('?')) {
            (Some(stamp), Some((path, _))) => format!("{path}?seen={stamp}"),
            _ => self.path.clone(),
        }
    }

    /// Browsers give up a stream that was answered with anything but 200, a proxy's 502 during a restart too. The page
    /// itself says whether that is for good, because nobody is signed in any more for example; if not, it goes on.
    fn ask_again(self: &Rc<Self>) {
        spawn_local(refresh());
        let pause = self.pause.get();
        self.pause.set(longer(pause));
        let follower = Rc::clone(self);
        set_timeout(move || follower.open(), pause);
    }
}

fn on(source: &EventSource, name: &str, handler: impl Fn(Event) + 'static) {
    let handler = Closure::<dyn Fn(Event)>::new(handler).into_js_value();
    if source.add_event_listener_with_callback(name, handler.unchecked_ref()).is_err() {
        leptos::logging::error!("the browser does not take a listener");
    }
}

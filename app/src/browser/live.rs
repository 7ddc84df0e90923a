//! Snapshots that the server pushes: server-sent events. The browser reconnects by itself and says what it has seen
//! last; the server's first word is the whole state if that has changed since.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource};

use super::refresh::{refresh, refresh_or_leave};

/// How long to wait before a stream that was refused is asked for again: this, then twice as long each time, up to the
/// last.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What a page listens to.
struct Follower {
    path: String,
    /// True while nothing can arrive.
    lost: RwSignal<bool>,
    /// How long to wait when the next try is refused, too.
    pause: Cell<Duration>,
}

/// Opens the stream for the life of the page, and has its regions drawn anew with each snapshot. The signal is true while
/// nothing can arrive.
pub fn follow(path: &str, lost: RwSignal<bool>) {
    Rc::new(Follower { path: path.to_owned(), lost, pause: Cell::new(ASK_AGAIN.0) }).open();
}

impl Follower {
    fn open(self: Rc<Self>) {
        let Ok(source) = EventSource::new(&self.path) else {
            self.lost.set(true);
            return;
        };
        let follower = Rc::clone(&self);
        on(&source, "open", move |_| {
            follower.lost.set(false);
            follower.pause.set(ASK_AGAIN.0);
        });
        on(&source, "message", |_| spawn_local(refresh()));
        let closing = source.clone();
        on(&source, "gone", move |_| {
            closing.close();
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

    /// Browsers give up a stream that was answered with anything but 200, a proxy's 502 during a restart too. The page
    /// itself says whether that is for good, because nobody is signed in any more for example; if not, it goes on.
    fn ask_again(self: &Rc<Self>) {
        spawn_local(refresh());
        let pause = self.pause.get();
        self.pause.set((pause * 2).min(ASK_AGAIN.1));
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

//! Snapshots that the server pushes: server-sent events. The browser reconnects by itself and says what it has seen
//! last; the server's first word is the whole state if that has changed since.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource};

use super::refresh::{refresh, refresh_or_leave};

/// Opens the stream for the life of the page, and has its regions drawn anew with each snapshot. The signal is true while
/// nothing can arrive.
pub fn follow(path: &str, lost: RwSignal<bool>) {
    let Ok(source) = EventSource::new(path) else {
        lost.set(true);
        return;
    };
    let on = |name: &str, handler: Box<dyn Fn(Event)>| {
        let handler = Closure::<dyn Fn(Event)>::wrap(handler).into_js_value();
        if source.add_event_listener_with_callback(name, handler.unchecked_ref()).is_err() {
            leptos::logging::error!("the browser does not take a listener");
        }
    };
    on("open", Box::new(move |_| lost.set(false)));
    on("message", Box::new(|_| spawn_local(refresh())));
    let closing = source.clone();
    on(
        "gone",
        Box::new(move |_| {
            closing.close();
            spawn_local(refresh_or_leave());
        }),
    );
    let failed = source.clone();
    on(
        "error",
        Box::new(move |_| {
            lost.set(true);
            // Refused for good, for want of a session for example: the page itself says what is the matter.
            if failed.ready_state() == EventSource::CLOSED {
                spawn_local(refresh());
            }
        }),
    );
}

//! Snapshots that the server pushes: server-sent events, read in the browser.

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use crate::components::drawn::changing;

/// Listens to `path` while the component that asks is on the page: hands over each snapshot, and says so when the thing
/// is gone. The signal is true while nothing can arrive; the browser reconnects by itself, and the server's first word
/// is the whole state then.
///
/// On the server nothing listens.
pub fn listen<T: DeserializeOwned + 'static>(
    path: String,
    on_snapshot: impl Fn(T) + Clone + 'static,
    on_gone: impl Fn() + Clone + 'static,
) -> ReadSignal<bool> {
    let (lost, set_lost) = signal(false);
    #[cfg(feature = "hydrate")]
    Effect::new(move || browser::open(&path, on_snapshot.clone(), on_gone.clone(), set_lost));
    #[cfg(not(feature = "hydrate"))]
    {
        // An effect never runs on the server.
        let _ = (path, on_snapshot, on_gone, set_lost);
    }
    lost
}

/// Says that the connection is lost, to eyes and ears.
#[component]
pub fn Connection(lost: ReadSignal<bool>) -> impl IntoView {
    let words = "Connection lost, reconnecting…";
    let shown = move || lost.get().then(|| view! { <p class="notice warn">{words}</p> }).into_any();
    view! {
        <div role="status">
            {changing(shown)}
        </div>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::prelude::*;
    use serde::de::DeserializeOwned;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    use web_sys::{EventSource, MessageEvent};

    type Handler = Closure<dyn Fn(MessageEvent)>;

    /// Opens a stream, and closes it when the current owner is cleaned up.
    pub fn open<T: DeserializeOwned + 'static>(
        path: &str,
        on_snapshot: impl Fn(T) + 'static,
        on_gone: impl Fn() + 'static,
        lost: WriteSignal<bool>,
    ) {
        let Ok(source) = EventSource::new(path) else {
            lost.set(true);
            return;
        };
        let message = Handler::new(move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            match serde_json::from_str(&text) {
                Ok(snapshot) => on_snapshot(snapshot),
                Err(error) => leptos::logging::error!("a snapshot cannot be read: {error}"),
            }
        });
        let closing = source.clone();
        let gone = Handler::new(move |_| {
            closing.close();
            on_gone();
        });
        let opened = Handler::new(move |_| lost.set(false));
        let failed = Handler::new(move |_| lost.set(true));
        source.set_onmessage(Some(message.as_ref().unchecked_ref()));
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(failed.as_ref().unchecked_ref()));
        if source.add_event_listener_with_callback("gone", gone.as_ref().unchecked_ref()).is_err() {
            leptos::logging::error!("the browser does not take a listener");
        }
        // The handlers live as long as the stream.
        let stream = StoredValue::new_local((source, [message, gone, opened, failed]));
        on_cleanup(move || stream.with_value(|(source, _)| source.close()));
    }
}

//! What the owner's server was told, and what it answered.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::actions::{Action, refusal_of};
use reef_service::assistants::{AttemptRow, CALLBACKS_SHOWN, Callback, DeliveryState};

use super::Shown;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::small::{Newest, When};
use crate::functions::assistants::{Redeliver, TestCallback};

/// The newest callbacks with all their tries.
pub(super) fn section(shown: &Shown) -> AnyView {
    let details = &shown.details;
    let record = &details.record;
    let one = |callback: &Callback| entry(callback, &record.id, shown.now);
    let list = if details.callbacks.is_empty() {
        let words = match &record.user_callback_url {
            Some(_) => "None was sent yet. One goes out with the next change of status.",
            None => "No callback URL is set. With one, your own server is told of every change of status.",
        };
        view! { <p>{words} " " <a href="/docs/callbacks">"About callbacks"</a></p> }.into_any()
    } else {
        view! {
            <ul class="deliveries">{details.callbacks.iter().map(one).collect_view()}</ul>
            <Newest shown=details.callbacks.len() most=CALLBACKS_SHOWN api="/docs/list-callbacks"/>
        }
        .into_any()
    };
    let refusal = refusal_of(record, Action::TestCallback);
    view! {
        <section class="card" aria-labelledby="callbacks">
            <h2 id="callbacks">"Callbacks"</h2>
            <dl class="facts">
                <dt>"Sent to"</dt>
                <dd>{record.user_callback_url.clone().unwrap_or_else(|| "nowhere".to_owned())}</dd>
            </dl>
            {list}
            {match refusal {
                None => view! { <Test id=record.id.clone()/> }.into_any(),
                Some(refusal) => view! {
                    <div class="action">
                        <button type="button" class="quiet" disabled aria-describedby="no-test">"Send a test"</button>
                        <p class="hint" id="no-test">{refusal.why} " " {refusal.instead}</p>
                    </div>
                }
                .into_any(),
            }}
        </section>
    }
    .into_any()
}

#[component]
fn Test(id: String) -> impl IntoView {
    let form = Form::of::<TestCallback>("test-callback", &[]);
    view! {
        <PostForm form class="inline">
            <Problem form/>
            <input type="hidden" name="id" value=id/>
            <Submit label="Send a test" busy="Sending…" class="quiet"/>
        </PostForm>
    }
}

fn entry(callback: &Callback, assistant: &str, now: Timestamp) -> AnyView {
    let delivery = &callback.delivery;
    let (class, state) = match delivery.state {
        DeliveryState::Delivered => ("badge good", "delivered"),
        DeliveryState::Pending => ("badge warn", "being tried"),
        DeliveryState::Failed => ("badge bad", "given up"),
    };
    // A moment stays true on a page that stands still.
    let next = callback.next_try.map(|at| {
        if at > now {
            view! { <p class="hint">"It is tried again at " <When at seconds=true/> "."</p> }.into_any()
        } else {
            view! { <p class="hint">"It is being tried now."</p> }.into_any()
        }
    });
    let (assistant, id) = (assistant.to_owned(), delivery.id.to_string());
    let form = Form::of::<Redeliver>("redeliver", &[]).about("delivery", &id);
    view! {
        <li>
            <p class="delivery">
                <span class=class>{state}</span> " " <code>{callback.kind.clone()}</code> " " <When at=delivery.created_at/>
            </p>
            {next}
            <details id=format!("delivery-{}", delivery.id)>
                <summary>{tries_in_words(callback.tries.len())}</summary>
                <ul class="tries">{callback.tries.iter().map(tried).collect_view()}</ul>
                <pre tabindex="0" role="group" aria-label="Body"><code>{delivery.payload.clone()}</code></pre>
                <PostForm form class="inline">
                    <Problem form/>
                    <input type="hidden" name="id" value=assistant/>
                    <input type="hidden" name="delivery" value=id/>
                    <Submit label="Send it again" busy="Sending…" class="quiet small"/>
                </PostForm>
            </details>
        </li>
    }
    .into_any()
}

fn tries_in_words(tries: usize) -> String {
    match tries {
        0 => "Not tried yet".to_owned(),
        1 => "1 try".to_owned(),
        _ => format!("{tries} tries"),
    }
}

fn tried(attempt: &AttemptRow) -> AnyView {
    let answer = match (attempt.status, &attempt.error) {
        (Some(status), None) => format!("answered {status}"),
        (Some(status), Some(error)) => format!("answered {status}: {error}"),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".to_owned(),
    };
    view! { <li><When at=attempt.tried_at/> " · " {answer} {format!(" · {} ms", attempt.took_ms)}</li> }
        .into_any()
}

//! What the owner's server was told, and what it answered.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::actions::{Action, refusal_of};
use reef_domain::wire::AssistantRecord;
use reef_service::assistants::{AttemptRow, CALLBACKS_SHOWN, Callback, DeliveryState};

use super::Shown;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::small::{Newest, Refresh, When};
use crate::functions::assistants::{Redeliver, TestCallback};

/// The newest callbacks with all their tries, and a way to try it out.
pub(super) fn section(shown: &Shown) -> AnyView {
    let (details, record) = (&shown.details, &shown.details.record);
    // An order has none, and nowhere to enter where they should go.
    if shown.standing.is_some() {
        return ().into_any();
    }
    let more = format!("/assistants/{}/history", record.id);
    let refusal = refusal_of(record, Action::TestCallback);
    view! {
        <section class="card" aria-labelledby="callbacks">
            <h2 id="callbacks">"Callbacks"</h2>
            <dl class="facts">
                <dt>"New ones go to"</dt>
                <dd>{record.user_callback_url.clone().unwrap_or_else(|| "nowhere".to_owned())}</dd>
            </dl>
            {list(record, &details.callbacks, shown.now, format!("/assistants/{}", record.id))}
            <Newest shown=details.callbacks.len() most=CALLBACKS_SHOWN more/>
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

/// Callbacks with all their tries, on the page at `here`; what is still being tried is to be looked at again.
pub(super) fn list(
    record: &AssistantRecord,
    callbacks: &[Callback],
    now: Timestamp,
    here: String,
) -> AnyView {
    if callbacks.is_empty() {
        let words = match &record.user_callback_url {
            Some(_) => "None was sent yet. One goes out with the next change of status.",
            None => "No callback URL is set. With one, your own server is told of every change of status.",
        };
        return view! { <p>{words} " " <a href="/docs/callbacks">"About callbacks"</a></p> }.into_any();
    }
    let is_any_tried = callbacks.iter().any(|callback| callback.delivery.state == DeliveryState::Pending);
    let one = |callback: &Callback| entry(callback, record, now);
    view! {
        <ul class="deliveries">{callbacks.iter().map(one).collect_view()}</ul>
        {is_any_tried.then(|| view! { <Refresh to=here/> })}
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

/// One of them. It goes, and is sent again, where new ones went when it was made.
fn entry(callback: &Callback, record: &AssistantRecord, now: Timestamp) -> AnyView {
    let delivery = &callback.delivery;
    let url = record.user_callback_url.as_deref();
    let elsewhere = (url != Some(&*delivery.url)).then(
        || view! { <p class="hint">"To " <code>{delivery.url.clone()}</code> ", which was set then."</p> },
    );
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
    let (assistant, id) = (record.id.clone(), delivery.id.to_string());
    let form = Form::of::<Redeliver>("redeliver", &[]).about("delivery", &id);
    view! {
        <li>
            <p class="delivery">
                <span class=class>{state}</span> " " <code>{callback.kind.clone()}</code> " " <When at=delivery.created_at/>
            </p>
            {elsewhere}
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

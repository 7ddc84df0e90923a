//! `/assistants/{id}`: one assistant, by the state it is in.

mod actions;
mod activate;
mod edit;
mod facts;
mod payment;
mod state;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use reef_domain::catalog::Catalog;
use reef_domain::wire::{AssistantRecord, Status};

use crate::components::drawn::{changing, waiting};
use crate::components::failure::Failure;
use crate::components::form::Form;
use crate::components::notice::Done;
use crate::functions::assistants::{Credit, Details, Happened, load_assistant, load_catalog};
use crate::live::{Connection, listen};

/// What the page knows of its assistant, and learns while it is open.
#[derive(Clone, Copy)]
struct Live {
    record: RwSignal<AssistantRecord>,
    timeline: RwSignal<Vec<Happened>>,
    credit: RwSignal<Option<Credit>>,
    catalog: StoredValue<Catalog>,
    gone: RwSignal<bool>,
    /// Grows when a form was accepted: forms are drawn afresh then, without what was typed.
    accepted: RwSignal<usize>,
}

impl Live {
    fn new(details: Details, catalog: Catalog) -> Self {
        Self {
            record: RwSignal::new(details.record),
            timeline: RwSignal::new(details.timeline),
            credit: RwSignal::new(details.credit),
            catalog: StoredValue::new(catalog),
            gone: RwSignal::new(false),
            accepted: RwSignal::new(0),
        }
    }

    /// Takes what a form's success gave: the stream may have told more already.
    fn take_answers_of(self, form: Form) {
        Effect::new(move || {
            if let Some(answer) = form.answer::<AssistantRecord>() {
                if answer.updated_at > self.record.read_untracked().updated_at {
                    self.record.set(answer);
                }
                self.accepted.update(|count| *count += 1);
            }
        });
    }

    /// Asks for the timeline again whenever the status has changed. Only in the browser.
    fn follow_timeline(self) {
        let status = Memo::new(move |_| self.record.read().status);
        Effect::new(move |before: Option<Status>| {
            let now = status.get();
            if before.is_some_and(|before| before != now) {
                let id = self.record.read_untracked().id.clone();
                spawn_local(async move {
                    // An error changes nothing: the page still shows what it knew.
                    if let Ok(details) = load_assistant(id).await {
                        self.timeline.try_set(details.timeline);
                        self.credit.try_set(details.credit);
                    }
                });
            }
            now
        });
    }
}

/// The page.
#[component]
pub(crate) fn AssistantPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").unwrap_or_default());
    let details = Resource::new(move || id.get(), load_assistant);
    let catalog = Resource::new(|| (), |()| load_catalog());
    view! {
        {waiting("Loading…", move || async move {
                match (details.await, catalog.await) {
                    (Ok(details), Ok(catalog)) => view! { <Assistant details catalog/> }.into_any(),
                    (Err(error), _) | (_, Err(error)) => view! { <Failure error/> }.into_any(),
                }
        })}
    }
}

#[component]
fn Assistant(details: Details, catalog: Catalog) -> impl IntoView {
    let checkout_url = details.checkout_url.clone();
    let live = Live::new(details, catalog);
    let Live { record, gone, .. } = live;
    let path = format!("/live/assistants/{}", record.read_untracked().id);
    let lost = listen(path, move |snapshot| record.set(snapshot), move || gone.set(true));
    live.follow_timeline();
    let name = move || record.read().name.clone();
    view! {
        <Title text=name/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a></p>
        <h1>{changing(move || name().into_any())}</h1>
        <Done/>
        <Connection lost/>
        {changing(move || if gone.get() {
            view! { <p class="notice" role="status">"This assistant has been deleted."</p> }.into_any()
        } else {
            let checkout_url = checkout_url.clone();
            view! { <Present live checkout_url/> }.into_any()
        })}
    }
}

#[component]
fn Present(live: Live, checkout_url: Option<String>) -> impl IntoView {
    let Live { record, accepted, .. } = live;
    // What is being typed stays while nothing changes what the forms are for.
    let stage = Memo::new(move |_| (record.read().status, record.read().payment_status, accepted.get()));
    let stage = move || {
        let (status, _, _) = stage.get();
        match status {
            Status::PendingPayment => {
                view! { <payment::Payment checkout_url=checkout_url.clone()/> }.into_any()
            }
            Status::Purchased => view! { <activate::Activation live/> }.into_any(),
            Status::Failed | Status::Stopped => view! { <edit::Edit live/> }.into_any(),
            Status::Deploying | Status::Active => ().into_any(),
        }
    };
    view! {
        <state::State record/>
        {changing(stage)}
        <actions::Actions live/>
        <facts::Facts record credit=live.credit/>
        <facts::Timeline timeline=live.timeline/>
    }
    .into_any()
}

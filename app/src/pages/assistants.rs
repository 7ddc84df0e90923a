//! `/assistants`: all of them.

use leptos::prelude::*;
use leptos_meta::Title;
use reef_domain::wire::AssistantRecord;

use crate::components::drawn::{changing, waiting};
use crate::components::failure::Failure;
use crate::components::notice::Done;
use crate::components::small::{StatusBadge, When};
use crate::functions::assistants::load_assistants;
use crate::live::{Connection, listen};
use crate::text;

/// The list, kept up to date.
#[component]
pub(crate) fn AssistantsPage() -> impl IntoView {
    let assistants = Resource::new(|| (), |()| load_assistants());
    view! {
        <Title text="Assistants"/>
        {waiting("Loading…", move || async move {
                match assistants.await {
                    Ok(assistants) => view! { <List assistants/> }.into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
        })}
    }
}

#[component]
fn List(assistants: Vec<AssistantRecord>) -> impl IntoView {
    let list = RwSignal::new(assistants);
    let lost = listen("/live/assistants".to_owned(), move |snapshot| list.set(snapshot), || {});
    view! {
        <h1>"Assistants"</h1>
        <Done/>
        <Connection lost/>
        {changing(move || if list.read().is_empty() {
            view! {
                <p>"You have no assistant yet. It begins with a slot: buy one, then give it a bot and a model."</p>
                <p><a class="button" href="/assistants/new">"Buy your first slot"</a></p>
            }
            .into_any()
        } else {
            view! {
                <p><a class="button" href="/assistants/new">"Buy a slot"</a></p>
                <Table assistants=list.get()/>
            }
            .into_any()
        })}
    }
    .into_any()
}

#[component]
fn Table(assistants: Vec<AssistantRecord>) -> impl IntoView {
    let row = |assistant: AssistantRecord| {
        view! {
            <tr>
                <th scope="row"><a href=format!("/assistants/{}", assistant.id)>{assistant.name}</a></th>
                <td data-label="Status"><StatusBadge status=assistant.status/></td>
                <td data-label="Mode">{text::mode(assistant.api_mode)}</td>
                <td data-label="Payment">{text::payment(assistant.payment_status)}</td>
                <td data-label="Ordered"><When at=assistant.created_at/></td>
            </tr>
        }
        .into_any()
    };
    view! {
        <table class="cards">
            <thead>
                <tr>
                    <th scope="col">"Name"</th>
                    <th scope="col">"Status"</th>
                    <th scope="col">"Mode"</th>
                    <th scope="col">"Payment"</th>
                    <th scope="col">"Ordered"</th>
                </tr>
            </thead>
            <tbody>{assistants.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

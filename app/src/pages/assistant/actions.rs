//! What can be done with an assistant now; what cannot is shown too, with why, and what would allow it.

use leptos::prelude::*;
use reef_domain::actions::{Action, refusal_of, starts_on_resume};
use reef_domain::billing;
use reef_domain::wire::{AssistantRecord, Status};

use crate::components::dialog::Dialog;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::small::Said;
use crate::functions::assistants::{Delete, Redeploy, Stop};

/// Redeploy or start, stop, delete. What changes the configuration is in its own section.
pub(super) fn section(record: &AssistantRecord) -> AnyView {
    // An order can be paid, above, or deleted; what else will be possible is no matter yet.
    let is_order = record.status == Status::PendingPayment;
    // What it is for before it was activated; what can be done has its own section.
    let is_new = record.status == Status::Purchased;
    let activate = is_new.then(|| refused(record, Action::Activate, "Activate"));
    let edit = is_new.then(|| refused(record, Action::Edit, "Edit"));
    let redeploy = (!is_order).then(|| redeploy(record));
    // Start takes its place; what a pause has stopped can be kept from starting again.
    let has_stop = !is_order && (record.status != Status::Stopped || starts_on_resume(record));
    let stop = has_stop.then(|| stop(record));
    view! {
        <section class="card" aria-labelledby="actions">
            <h2 id="actions">"Actions"</h2>
            {activate}
            {edit}
            {redeploy}
            {stop}
            {delete(record)}
        </section>
    }
    .into_any()
}

/// An action that is not possible now.
pub(super) fn refused(record: &AssistantRecord, action: Action, label: &'static str) -> Option<AnyView> {
    let refusal = refusal_of(record, action)?;
    let id = format!("why-not-{}", label.to_lowercase());
    let view = view! {
        <div class="action">
            <button type="button" class="quiet" disabled aria-describedby=id.clone()>{label}</button>
            <p class="hint" id=id>{refusal.why} " " {refusal.instead}</p>
        </div>
    };
    Some(view.into_any())
}

/// Deploys what is set: a start for what is stopped, and for what runs a restart, which is asked about before.
fn redeploy(record: &AssistantRecord) -> AnyView {
    let label = if record.status == Status::Stopped { "Start" } else { "Redeploy" };
    if let Some(refused) = refused(record, Action::Redeploy, label) {
        return refused;
    }
    let form = Form::of::<Redeploy>("redeploy", &[]);
    let id = record.id.clone();
    if record.status == Status::Active {
        return restart(form, record);
    }
    let (busy, hint) = if record.status == Status::Stopped {
        ("Starting…", "Starts with the current settings. This costs nothing extra.")
    } else {
        ("Redeploying…", "Deploys the current settings. This costs nothing extra.")
    };
    view! {
        <div class="action">
            <PostForm form class="inline">
                <Problem form/>
                <input type="hidden" name="id" value=id/>
                <Submit label=label busy=busy class="quiet"/>
            </PostForm>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

fn restart(form: Form, record: &AssistantRecord) -> AnyView {
    let (id, name) = (record.id.clone(), record.name.clone());
    view! {
        <div class="action">
            <Dialog
                id="redeploy"
                button="Redeploy"
                class="quiet"
                title=format!("Redeploy {name}?")
                open=form.has_failed()
            >
                <p>
                    "It restarts with the current settings and doesn’t reply for a few seconds. Settings and conversations are "
                    "kept, and this costs nothing extra."
                </p>
                <PostForm form>
                    <Problem form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label="Redeploy now" busy="Redeploying…"/>
                </PostForm>
            </Dialog>
            <p class="hint">"Restarts with the current settings. A few seconds of downtime."</p>
        </div>
    }
    .into_any()
}

fn stop(record: &AssistantRecord) -> AnyView {
    if let Some(refused) = refused(record, Action::Stop, "Stop") {
        return refused;
    }
    let form = Form::of::<Stop>("stop", &[]);
    let (id, costs) = (record.id.clone(), billing::consequence(record, Action::Stop));
    let (title, effect, hint) = if starts_on_resume(record) {
        (
            "Keep it stopped?",
            "It does not start again automatically when you resume your subscription. Settings and conversations are kept.",
            "It stays stopped, also when you resume your subscription.",
        )
    } else {
        (
            "Stop it?",
            "It won’t reply until you start it again. Settings and conversations are kept.",
            "The bot stops replying. Settings and conversations are kept.",
        )
    };
    view! {
        <div class="action">
            <Dialog id="stop" button="Stop" class="quiet" title=title open=form.has_failed()>
                <p>{effect}</p>
                <p><strong><Said sentence=costs/></strong></p>
                <PostForm form>
                    <Problem form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label="Stop it now" busy="Stopping…"/>
                </PostForm>
            </Dialog>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

fn delete(record: &AssistantRecord) -> AnyView {
    let form = Form::of::<Delete>("delete", &[]);
    let (id, costs) = (record.id.clone(), billing::consequence(record, Action::Delete));
    let is_order = record.status == Status::PendingPayment;
    let effect = if is_order {
        "This deletes the order. It can’t be undone."
    } else {
        "This deletes the bot token, the model key and all conversations. It can’t be undone."
    };
    let hint = if is_order {
        "Deletes this order."
    } else {
        "Permanently deletes the assistant and cancels its subscription. You get a receipt."
    };
    view! {
        <div class="action">
            <Dialog id="delete" button="Delete" class="danger quiet" title="Delete it for good?" open=form.has_failed()>
                <p>{effect}</p>
                <p><strong><Said sentence=costs/></strong></p>
                <PostForm form>
                    <Problem form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label="Delete it for good" busy="Deleting…" class="danger"/>
                </PostForm>
            </Dialog>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

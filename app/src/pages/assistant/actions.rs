//! The actions that the page of an assistant offers. A refused action is shown disabled, with the reason and the way out.

use leptos::prelude::*;
use reef_domain::actions::{Action, disabled_reason, restarts_on_resume};
use reef_domain::assistant::UNTITLED;
use reef_domain::billing;
use reef_domain::wire::{ApiMode, AssistantRecord, PaymentStatus, Status};

use crate::components::dialog::Dialog;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::LocalizedSentence;
use crate::functions::assistants::{Delete, Redeploy, Stop};

/// The button that deploys the saved settings, unless the assistant is stopped.
const REDEPLOY: &str = "Redeploy";

/// Redeploy or start, stop, and delete. The form that changes the settings has its own section.
pub(super) fn section(record: &AssistantRecord) -> AnyView {
    // An unpaid order can only be paid, in the section above, or deleted.
    let is_order = record.status == Status::PendingPayment;
    // Activation has its own section, unless it is refused.
    let is_new = record.status == Status::Purchased;
    let activate = is_new.then(|| refused(record, Action::Activate, "Activate"));
    let edit = is_new.then(|| refused(record, Action::Edit, "Edit"));
    let redeploy = (!is_order).then(|| redeploy(record));
    // A stopped assistant offers “Start” instead, but one that was stopped by a pause can be kept from starting again.
    let has_stop = !is_order && (record.status != Status::Stopped || restarts_on_resume(record));
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

/// The disabled button of an action that is not possible, with the reason; `None` when the action is possible.
pub(super) fn refused(record: &AssistantRecord, action: Action, label: &'static str) -> Option<AnyView> {
    let refusal = disabled_reason(record, action)?;
    let id = reason_id(action);
    let view = view! {
        <div class="action">
            <button type="button" class="quiet" disabled aria-describedby=id>{label}</button>
            <p class="hint" id=id>{refusal.reason} " " {refusal.hint}</p>
        </div>
    };
    Some(view.into_any())
}

/// The id of the element that says why an action is not possible.
const fn reason_id(action: Action) -> &'static str {
    match action {
        Action::Activate => "why-not-activate",
        Action::Edit => "why-not-edit",
        Action::EditAndRedeploy => "why-not-edit-and-redeploy",
        Action::Redeploy => "why-not-redeploy",
        Action::Stop => "why-not-stop",
        Action::TestCallback => "why-not-test",
        Action::Delete => "why-not-delete",
    }
}

/// Deploys the saved settings: “Start” for a stopped assistant, and for an active one a restart, which is confirmed first.
fn redeploy(record: &AssistantRecord) -> AnyView {
    let label = if record.status == Status::Stopped { "Start" } else { REDEPLOY };
    if let Some(refused) = refused(record, Action::Redeploy, label) {
        return refused;
    }
    let form = Form::of::<Redeploy>("redeploy", &[]);
    let id = record.id.clone();
    if record.status == Status::Active {
        return restart(form, record);
    }
    let (busy, hint) = if record.status == Status::Stopped {
        ("Starting…", "Starts with the current settings.")
    } else {
        ("Redeploying…", "Deploys the current settings.")
    };
    view! {
        <div class="action">
            <PostForm form class="inline">
                <FormErrorMessage form/>
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
    let label = format!("{REDEPLOY} {name}");
    view! {
        <div class="action">
            <Dialog
                id="redeploy"
                button=REDEPLOY
                class="quiet"
                title=format!("{label}?")
                open=form.has_failed()
            >
                <p>
                    {name} " restarts with the current settings and won’t reply for a few seconds. Settings and conversations "
                    "are kept."
                </p>
                <PostForm form>
                    <FormErrorMessage form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label busy="Redeploying…"/>
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
    let (id, name, billing_effect) = (record.id.clone(), &record.name, billing::stop_effect(record));
    let (title, label, effect, hint) = if restarts_on_resume(record) {
        (
            format!("Keep {name} stopped?"),
            format!("Keep {name} stopped"),
            format!(
                "{name} won’t start automatically when you resume your subscription. Settings and conversations are kept."
            ),
            "Stays stopped, even when you resume your subscription.",
        )
    } else {
        (
            format!("Stop {name}?"),
            format!("Stop {name}"),
            format!("{name} won’t reply until you start it again. Settings and conversations are kept."),
            stop_hint(record.status),
        )
    };
    view! {
        <div class="action">
            <Dialog id="stop" button="Stop" class="quiet" title open=form.has_failed()>
                <p>{effect}</p>
                <p><strong><LocalizedSentence sentence=billing_effect/></strong></p>
                <PostForm form>
                    <FormErrorMessage form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label busy="Stopping…"/>
                </PostForm>
            </Dialog>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

const fn stop_hint(status: Status) -> &'static str {
    match status {
        Status::Deploying => "Cancels the deployment. Settings and conversations are kept.",
        Status::Failed => "Marks this assistant as stopped. Settings and conversations are kept.",
        _ => "The bot stops replying. Settings and conversations are kept.",
    }
}

fn delete(record: &AssistantRecord) -> AnyView {
    let form = Form::of::<Delete>("delete", &[]);
    let (id, billing_effect) = (record.id.clone(), billing::delete_effect(record));
    let (title, effect, hint) = (delete_title(record), delete_effect(record), delete_hint(record));
    view! {
        <div class="action">
            <Dialog id="delete" button="Delete" class="danger quiet" title open=form.has_failed()>
                <p>{effect}</p>
                <p><strong><LocalizedSentence sentence=billing_effect/></strong></p>
                <PostForm form>
                    <FormErrorMessage form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label="Delete permanently" busy="Deleting…" class="danger"/>
                </PostForm>
            </Dialog>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

fn delete_title(record: &AssistantRecord) -> String {
    match record.status {
        Status::PendingPayment => "Delete this order?".to_owned(),
        _ if record.name == UNTITLED => "Delete this assistant?".to_owned(),
        _ => format!("Delete {}?", record.name),
    }
}

const fn delete_effect(record: &AssistantRecord) -> &'static str {
    match (record.status, record.api_mode) {
        (Status::PendingPayment, _) => "This deletes the order. It can’t be undone.",
        (_, ApiMode::Byok) => {
            "This deletes the bot token, the model API key and all conversations. It can’t be undone."
        }
        (_, ApiMode::Managed) => "This deletes the bot token and all conversations. It can’t be undone.",
    }
}

const fn delete_hint(record: &AssistantRecord) -> &'static str {
    match record.payment_status {
        PaymentStatus::Pending => "Deletes this order.",
        PaymentStatus::Paid | PaymentStatus::PastDue | PaymentStatus::Paused => {
            "Permanently deletes the assistant and cancels its subscription."
        }
        PaymentStatus::Canceled | PaymentStatus::Refunded => {
            "Permanently deletes the assistant. Its subscription has already ended."
        }
    }
}

//! What can be done with an assistant now; what cannot is shown too, with why, and what would allow it.

use leptos::prelude::*;
use reef_domain::actions::{Action, refusal_of, starts_on_resume};
use reef_domain::billing;
use reef_domain::wire::{AssistantRecord, Status};

use crate::components::dialog::Dialog;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::assistants::{Delete, Redeploy, Stop};

/// Redeploy, stop, delete. What changes the configuration is in its own section.
pub(super) fn section(record: &AssistantRecord) -> AnyView {
    // What it is for before it was activated; what can be done has its own section.
    let is_new = matches!(record.status, Status::PendingPayment | Status::Purchased);
    let activate = is_new.then(|| refused(record, Action::Activate, "Activate"));
    let edit = is_new.then(|| refused(record, Action::Edit, "Edit"));
    view! {
        <section class="card" aria-labelledby="actions">
            <h2 id="actions">"Actions"</h2>
            {activate}
            {edit}
            {redeploy(record)}
            {stop(record)}
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

fn redeploy(record: &AssistantRecord) -> AnyView {
    if let Some(refused) = refused(record, Action::Redeploy, "Redeploy") {
        return refused;
    }
    let form = Form::of::<Redeploy>("redeploy", &[]);
    let id = record.id.clone();
    view! {
        <div class="action">
            <PostForm form class="inline">
                <Problem form/>
                <input type="hidden" name="id" value=id/>
                <Submit label="Redeploy" busy="Redeploying…" class="quiet"/>
            </PostForm>
            <p class="hint">"A fresh worker with what is set now. The old one is gone before. This costs nothing extra."</p>
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
            "It does not start again by itself when you resume your subscription. Configuration and memory are kept.",
            "It stays stopped, also when you resume your subscription.",
        )
    } else {
        (
            "Stop it?",
            "The bot answers nobody until you redeploy. Configuration and memory are kept.",
            "The bot falls silent; everything else is kept.",
        )
    };
    view! {
        <div class="action">
            <Dialog id="stop" button="Stop" class="quiet" title=title open=form.has_failed()>
                <p>{effect}</p>
                <p><strong>{costs}</strong></p>
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
    view! {
        <div class="action">
            <Dialog id="delete" button="Delete" class="danger quiet" title="Delete it for good?" open=form.has_failed()>
                <p>
                    "The worker is removed. The bot token, the model key and all conversations are destroyed. This cannot be "
                    "undone."
                </p>
                <p><strong>{costs}</strong></p>
                <PostForm form>
                    <Problem form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label="Delete it for good" busy="Deleting…" class="danger"/>
                </PostForm>
            </Dialog>
            <p class="hint">"Worker, secrets and subscription end. You get a receipt."</p>
        </div>
    }
    .into_any()
}

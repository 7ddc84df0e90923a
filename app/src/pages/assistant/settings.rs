//! The settings of an assistant, and the form that changes them while it runs or is stopped.

use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::actions::{Action, disabled_reason};
use reef_domain::catalog::Catalog;
use reef_domain::wire::{ApiMode, AssistantRecord, Status};
use reef_service::assistants::StoredSecret;

use super::PageData;
use super::actions::refused;
use crate::components::field::TextField;
use crate::components::form::{Form, FormErrorMessage, PostForm};
use crate::components::model::{self, ModelField};
use crate::components::time_and_status::Day;
use crate::error::AppError;
use crate::functions::assistants::{Change, Update};
use crate::functions::form_baseline::{self, FormBaseline};
use crate::labels;

const FIELDS: &[&str] =
    &["name", "modelId", "modelProvider", "modelApiKey", "telegramBotToken", "callbackUrl"];

const RUNNING_HINT: &str = "A new name or webhook URL applies immediately. A new model, key or bot is checked first, then your \
                            assistant restarts (a few seconds of downtime). If that fails, the change is undone automatically.";
const MANAGED_RUNNING_HINT: &str = "A new name or webhook URL applies immediately. A new model or bot is checked first, then your \
                                    assistant restarts (a few seconds of downtime). If that fails, the change is undone \
                                    automatically.";

/// The current settings, without the secrets themselves, and the form that changes them.
pub(super) fn section(shown: &PageData) -> Result<AnyView, AppError> {
    let record = &shown.details.record;
    if matches!(record.status, Status::PendingPayment | Status::Purchased) {
        return Ok(().into_any());
    }
    let view = view! {
        <section class="card" aria-labelledby="settings">
            <h2 id="settings">"Settings"</h2>
            {facts(shown)}
            {edit_form(record, &shown.catalog)?}
        </section>
    };
    Ok(view.into_any())
}

fn facts(shown: &PageData) -> AnyView {
    let record = &shown.details.record;
    let model = match (record.model_provider, &record.model_id) {
        (Some(provider), Some(model)) => {
            format!(
                "{} ({})",
                model::name(&shown.catalog, Some(provider), model),
                labels::provider_name(provider)
            )
        }
        _ => "Not chosen yet".to_owned(),
    };
    let byok = record.api_mode == ApiMode::Byok;
    view! {
        <dl class="facts">
            <dt>"Model"</dt>
            <dd>{model}</dd>
            {byok.then(|| view! {
                <dt>"Model API key"</dt>
                <dd>{secret_facts(shown.details.model_key.as_ref())}</dd>
            })}
            <dt>"Bot token"</dt>
            <dd>{secret_facts(shown.details.bot_token.as_ref())}</dd>
            <dt>"Assistant ID"</dt>
            <dd><code>{record.id.clone()}</code></dd>
        </dl>
    }
    .into_any()
}

/// A secret is shown by its fingerprint, which lets its owner see whether two secrets are equal, and by its age.
fn secret_facts(secret: Option<&StoredSecret>) -> AnyView {
    let Some(secret) = secret else { return "Not set".into_any() };
    let fingerprint =
        secret.fingerprint.as_ref().map(|shown| format!(" · fingerprint {shown}")).unwrap_or_default();
    let since = secret.updated_at.map(|since| view! { " · updated " <Day at=since/> });
    view! { {format!("Encrypted{fingerprint}")} {since} }.into_any()
}

fn edit_form(record: &AssistantRecord, catalog: &Arc<Catalog>) -> Result<AnyView, AppError> {
    let may_save = disabled_reason(record, Action::Edit).is_none();
    let may_deploy = disabled_reason(record, Action::EditAndRedeploy).is_none();
    if !may_save && !may_deploy {
        return Ok(refused(record, Action::Edit, "Edit").into_any());
    }
    let (form, save) = (Form::of::<Change>("edit", FIELDS), Form::of::<Update>("edit", FIELDS));
    // The form's own action is that of its first button, which the Enter key presses.
    let form = if may_deploy && !save.has_failed() { form } else { save };
    // After a refused attempt the baseline stays that of the first rendering, so that what differs from it was changed by the
    // owner.
    let sent = form.typed_value(form_baseline::FIELD).filter(|sent| FormBaseline::from_json(sent).is_ok());
    let baseline = match sent {
        Some(sent) => sent,
        None => FormBaseline::of(record, model::current_value(record)).to_json()?,
    };
    let fields = fields(form, record, catalog);
    let buttons = buttons(record, may_save, may_deploy);
    let is_undone = record.status == Status::Active && record.status_message.is_some();
    let is_open = form.has_failed() || is_undone || record.status == Status::Failed;
    let view = view! {
        <details id="edit" open=is_open>
            <summary>"Edit"</summary>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name=form_baseline::FIELD value=baseline/>
                {fields}
                {buttons}
            </PostForm>
        </details>
    };
    Ok(view.into_any())
}

fn fields(form: Form, record: &AssistantRecord, catalog: &Arc<Catalog>) -> AnyView {
    let byok = record.api_mode == ApiMode::Byok;
    view! {
        <input type="hidden" name="id" value=record.id.clone()/>
        <TextField form name="name" path=&["name"] label="Name" value=record.name.clone() check="name"/>
        <ModelField form record=record.clone() catalog=catalog.clone()/>
        {byok.then(|| view! {
            <TextField
                form
                name="model_api_key"
                path=&["modelApiKey"]
                label="New model API key"
                kind="password"
                autocomplete="new-password"
                hint="Leave blank to keep the current key. Another provider needs a new key."
                check="model-key"
                optional=true
            />
        })}
        <TextField
            form
            name="telegram_bot_token"
            path=&["telegramBotToken"]
            label="New Telegram bot token"
            kind="password"
            autocomplete="new-password"
            hint="Leave blank to keep the current token."
            check="bot-token"
            optional=true
        />
        <TextField
            form
            name="callback_url"
            path=&["callbackUrl"]
            label="Webhook URL"
            value=record.user_callback_url.clone().unwrap_or_default()
            hint="We POST status changes to this HTTPS URL. Leave blank to turn webhooks off."
            optional=true
        />
    }
    .into_any()
}

fn buttons(record: &AssistantRecord, may_save: bool, may_deploy: bool) -> AnyView {
    let runs = record.status == Status::Active;
    let (change, save) = (action_of::<Change>(), action_of::<Update>());
    let running_hint = match record.api_mode {
        ApiMode::Byok => RUNNING_HINT,
        ApiMode::Managed => MANAGED_RUNNING_HINT,
    };
    let (label, busy) = match record.status {
        Status::Active => ("Save", "Checking…"),
        Status::Stopped => ("Save and start", "Checking and saving…"),
        _ => ("Save and redeploy", "Checking and saving…"),
    };
    view! {
        {(may_deploy && runs).then(|| view! { <p class="hint">{running_hint}</p> })}
        <div class="actions">
            {may_deploy.then(|| view! {
                <button type="submit" formaction=change data-busy=busy>{label}</button>
            })}
            {may_save.then(|| view! {
                <button type="submit" class="quiet" formaction=save data-busy="Saving…">"Save without deploying"</button>
            })}
        </div>
    }
    .into_any()
}

fn action_of<S: server_fn::ServerFn>() -> &'static str {
    S::PATH
}

//! After the payment: name, model, bot.

use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::assistant::UNTITLED;
use reef_domain::catalog::Catalog;
use reef_domain::wire::{ApiMode, AssistantRecord};
use reef_service::Services;
use reef_service::assistants::Details;

use crate::components::code::Copyable;
use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::model::ModelField;
use crate::components::preflight::{CheckFirst, Found};
use crate::error::AppError;
use crate::findings::{Finding, Tried};
use crate::functions::activation::{Activate, Preflight};
use crate::server::{SiteInfo, flash, provided};

const FIELDS: &[&str] =
    &["name", "modelId", "modelProvider", "modelApiKey", "telegramBotToken", "callbackUrl"];
const KEPT: &str = "One is kept, encrypted. Leave this empty to use it.";
const KEY_HINT: &str = "From the provider of the model. It is kept encrypted and never shown again.";
const TOKEN_HINT: &str =
    "From @BotFather in Telegram, such as 123456789:AA…. It is kept encrypted and never shown again.";

/// What the form begins with.
struct Start {
    record: AssistantRecord,
    catalog: Arc<Catalog>,
    has_bot_token: bool,
    has_model_key: bool,
    tried: Tried,
    /// Whether any bot token will do, because the bots live in the sandbox.
    sandbox_bots: bool,
}

/// The form that turns a paid slot into an assistant.
///
/// # Errors
/// [`AppError`] when the catalog or what was tried before cannot be read.
pub(super) async fn section(services: &Services, details: &Details) -> Result<AnyView, AppError> {
    let record = details.record.clone();
    let tried = flash(services, &Tried::flash_name(&record.id)).await?;
    let tried = tried.map(|text| Tried::from_json(text.expose())).transpose()?.unwrap_or_default();
    let start = Start {
        catalog: services.catalog().await?,
        has_bot_token: details.bot_token.is_some(),
        has_model_key: details.model_key.is_some(),
        tried,
        sandbox_bots: provided::<SiteInfo>()?.sandbox_bots,
        record,
    };
    let view = view! {
        <section aria-labelledby="activation">
            <h2 id="activation">"Activate"</h2>
            <p>"Give it a name, a model and a bot. Nothing extra is charged."</p>
            <ActivationForm start/>
        </section>
    };
    Ok(view.into_any())
}

#[component]
fn ActivationForm(start: Start) -> impl IntoView {
    let (form, check) = (Form::of::<Activate>("activate", FIELDS), Form::of::<Preflight>("activate", FIELDS));
    // Either of its buttons may have been refused; what the form itself does is to activate.
    let form = if check.has_failed() { check.leading_to(form) } else { form };
    let Start { record, catalog, has_bot_token, has_model_key, tried, sandbox_bots } = start;
    let name = if record.name == UNTITLED { String::new() } else { record.name.clone() };
    let id = record.id.clone();
    let byok = record.api_mode == ApiMode::Byok;
    let Tried { findings, callback_url } = tried;
    let (of_key, of_token) = (findings.clone(), findings.clone());
    // What was kept and is refused is no choice.
    let is_refused = |about: &str| findings.iter().any(|found| found.about == about && !found.good);
    let has_bot_token = has_bot_token && !is_refused("telegramBotToken");
    let has_model_key = has_model_key && !is_refused("modelApiKey");
    let callback_url = if callback_url.is_empty() {
        record.user_callback_url.clone().unwrap_or_default()
    } else {
        callback_url
    };
    let example = sandbox_bots.then(|| view! { <SandboxExample id=id.clone()/> });
    view! {
        <PostForm form>
            <Problem form/>
            <input type="hidden" name="id" value=id/>
            <TextField
                form
                name="name"
                path=&["name"]
                label="Name"
                value=name
                check="name"
                hint="What the assistant calls itself."
            />
            <ModelField form record catalog/>
            {if byok {
                view! { <ModelKey form is_kept=has_model_key findings=of_key/> }.into_any()
            } else {
                view! { <Found about="modelApiKey" findings=of_key/> }.into_any()
            }}
            <TextField
                form
                name="telegram_bot_token"
                path=&["telegramBotToken"]
                label="Telegram bot token"
                kind="password"
                autocomplete="new-password"
                hint=if has_bot_token { KEPT } else { TOKEN_HINT }
                optional=has_bot_token
                check="bot-token"
            >
                {example}
                <Found about="telegramBotToken" findings=of_token/>
            </TextField>
            <TextField
                form
                name="callback_url"
                path=&["callbackUrl"]
                label="Callback URL"
                value=callback_url
                hint="Your own server is told there when the status changes: https only."
                optional=true
                check="callback-url"
                inputmode="url"
            >
                <Found about="callbackUrl" findings/>
            </TextField>
            <div class="actions">
                <Submit label="Activate" busy="Activating…"/>
                <CheckFirst/>
            </div>
            <p class="hint">
                "Checking asks Telegram for the bot and the model for a word. Nothing is deployed."
                <span class="without-script">" What you typed is saved."</span>
            </p>
        </PostForm>
    }
}

#[component]
fn ModelKey(form: Form, is_kept: bool, findings: Vec<Finding>) -> impl IntoView {
    view! {
        <TextField
            form
            name="model_api_key"
            path=&["modelApiKey"]
            label="Model API key"
            kind="password"
            autocomplete="new-password"
            hint=if is_kept { KEPT } else { KEY_HINT }
            optional=is_kept
            check="model-key"
        >
            <Found about="modelApiKey" findings/>
        </TextField>
    }
}

/// A token that works in the sandbox: one of its own for every slot.
#[component]
fn SandboxExample(id: String) -> impl IntoView {
    view! {
        <p class="hint">
            "The sandbox takes any model key, and any token of six or more digits, a colon and twenty or more letters and digits. "
            "This one, for example:"
        </p>
        <Copyable label="Bot token for the sandbox" secret=sandbox_token(&id).into()/>
    }
}

/// Nine digits and twenty or more letters, made of the slot's id.
fn sandbox_token(id: &str) -> String {
    let hex: String = id.chars().filter(char::is_ascii_hexdigit).collect();
    let tail = &hex[hex.len().saturating_sub(12)..];
    let number = u64::from_str_radix(tail, 16).unwrap_or_default() % 900_000_000 + 100_000_000;
    format!("{number}:AA_sandbox_{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_sandbox_bot_of_its_own() {
        let token = sandbox_token("0190a1b2-0000-7000-8000-00000000002a");
        assert_eq!(token, "100000042:AA_sandbox_0190a1b2000070008000".to_owned() + "00000000002a");
        assert_ne!(token, sandbox_token("0190a1b2-0000-7000-8000-00000000002b"));
    }
}

//! The form that gives a paid assistant its name, its model and its bot.

use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::assistant::UNTITLED;
use reef_domain::catalog::Catalog;
use reef_domain::wire::{ApiMode, AssistantRecord};
use reef_frontend::CheckResult;
use reef_service::Services;
use reef_service::assistants::Details;

use crate::checks::SavedChecks;
use crate::components::code::Copyable;
use crate::components::field::TextField;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::model::ModelField;
use crate::components::preflight::{CheckMessage, TestConnection};
use crate::error::AppError;
use crate::flash::{self, Message};
use crate::functions::activation::{Activate, Preflight};
use crate::server::{SiteInfo, get_context};

const FIELDS: &[&str] =
    &["name", "modelId", "modelProvider", "modelApiKey", "telegramBotToken", "callbackUrl"];
const SAVED_KEY_HINT: &str = "A key is saved. Leave blank to keep it.";
const SAVED_TOKEN_HINT: &str = "A token is saved. Leave blank to keep it.";
const BYOK_CHECK_HINT: &str = "“Test connection” checks the token and the key without going live.";
const MANAGED_CHECK_HINT: &str = "“Test connection” checks the token without going live.";
const KEY_HINT: &str =
    "Create one at your model provider. Stored encrypted: you can replace it but not view it.";
const TOKEN_HINT: &str = "Open @BotFather in Telegram, send /newbot and paste the token. Stored encrypted: you can replace it \
                          but not view it.";

/// The values that the form is rendered with.
struct FormDefaults {
    record: AssistantRecord,
    catalog: Arc<Catalog>,
    has_bot_token: bool,
    has_model_key: bool,
    checks: SavedChecks,
    /// The sandbox accepts any bot token, so the form shows an example.
    sandbox_bots: bool,
}

/// The activation form, with the results of the check that led to this page.
pub(super) async fn section(services: &Services, details: &Details) -> Result<AnyView, AppError> {
    let record = details.record.clone();
    let saved = flash::message().and_then(|message| match &*message {
        Message::Checks(checks) => Some(checks.clone()),
        _ => None,
    });
    let start = FormDefaults {
        catalog: services.catalog_to_show().await?,
        has_bot_token: details.bot_token.is_some(),
        has_model_key: details.model_key.is_some(),
        checks: saved.unwrap_or_default(),
        sandbox_bots: get_context::<SiteInfo>()?.sandbox_bots,
        record,
    };
    let view = view! {
        <section aria-labelledby="activation">
            <h2 id="activation">"Activate"</h2>
            <ActivationForm start/>
        </section>
    };
    Ok(view.into_any())
}

#[component]
fn ActivationForm(start: FormDefaults) -> impl IntoView {
    let (form, check) = (Form::of::<Activate>("activate", FIELDS), Form::of::<Preflight>("activate", FIELDS));
    // Both buttons submit this form. The form's own action stays activation, also after a refused check.
    let form = if check.has_failed() { check.with_action_of(form) } else { form };
    let FormDefaults { record, catalog, has_bot_token, has_model_key, checks, sandbox_bots } = start;
    let name = if record.name == UNTITLED { String::new() } else { record.name.clone() };
    let id = record.id.clone();
    let byok = record.api_mode == ApiMode::Byok;
    let SavedChecks { results, callback_url } = checks;
    let (key_results, token_results) = (results.clone(), results.clone());
    // A saved secret that a vendor refuses has to be replaced.
    let is_refused = |about: &str| results.iter().any(|found| found.about == about && !found.good);
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
            <FormErrorMessage form/>
            <input type="hidden" name="id" value=id/>
            <TextField
                form
                name="name"
                path=&["name"]
                label="Name"
                value=name
                check="name"
                hint="The name your assistant introduces itself with."
            />
            <ModelField form record catalog/>
            {if byok {
                view! { <ModelKey form is_kept=has_model_key results=key_results/> }.into_any()
            } else {
                view! { <CheckMessage about="modelApiKey" results=key_results/> }.into_any()
            }}
            <TextField
                form
                name="telegram_bot_token"
                path=&["telegramBotToken"]
                label="Telegram bot token"
                kind="password"
                autocomplete="new-password"
                hint=if has_bot_token { SAVED_TOKEN_HINT } else { TOKEN_HINT }
                optional=has_bot_token
                check="bot-token"
            >
                {example}
                <CheckMessage about="telegramBotToken" results=token_results/>
            </TextField>
            <TextField
                form
                name="callback_url"
                path=&["callbackUrl"]
                label="Webhook URL"
                value=callback_url
                hint="We POST status changes to this HTTPS URL."
                optional=true
                check="callback-url"
                inputmode="url"
            >
                <CheckMessage about="callbackUrl" results/>
            </TextField>
            <div class="actions">
                <Submit label="Activate" busy="Activating…"/>
                <TestConnection/>
            </div>
            <p class="hint">
                {if byok { BYOK_CHECK_HINT } else { MANAGED_CHECK_HINT }}
                <span class="without-script">" Your entries are saved."</span>
            </p>
        </PostForm>
    }
}

#[component]
fn ModelKey(form: Form, is_kept: bool, results: Vec<CheckResult>) -> impl IntoView {
    view! {
        <TextField
            form
            name="model_api_key"
            path=&["modelApiKey"]
            label="Model API key"
            kind="password"
            autocomplete="new-password"
            hint=if is_kept { SAVED_KEY_HINT } else { KEY_HINT }
            optional=is_kept
            check="model-key"
        >
            <CheckMessage about="modelApiKey" results/>
        </TextField>
    }
}

#[component]
fn SandboxExample(id: String) -> impl IntoView {
    view! {
        <p class="hint">
            "The sandbox accepts any model key, and any token of 6 or more digits, a colon and 20 or more letters and digits. "
            "For example:"
        </p>
        <Copyable label="Example bot token" secret=sandbox_token(&id).into()/>
    }
}

/// A token that the sandbox accepts. It is made of the assistant's id, so that no two assistants share a bot.
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
    fn sandbox_tokens_differ_between_assistants() {
        let token = sandbox_token("0190a1b2-0000-7000-8000-00000000002a");
        assert_eq!(token, "100000042:AA_sandbox_0190a1b2000070008000".to_owned() + "00000000002a");
        assert_ne!(token, sandbox_token("0190a1b2-0000-7000-8000-00000000002b"));
    }
}

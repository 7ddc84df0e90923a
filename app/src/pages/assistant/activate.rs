//! After the payment: name, model, bot.

use leptos::prelude::*;
use reef_domain::assistant::UNTITLED;
use reef_domain::wire::ApiMode;

use super::Live;
use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::model::ModelField;
use crate::functions::assistants::Activate;

/// The form, filled with what was set before.
#[component]
pub(super) fn Activation(live: Live) -> impl IntoView {
    let fields = &["name", "modelId", "modelProvider", "modelApiKey", "telegramBotToken", "callbackUrl"];
    let form = Form::of::<Activate>("activate", fields);
    live.take_answers_of(form);
    let record = live.record.get_untracked();
    let name = if record.name == UNTITLED { String::new() } else { record.name.clone() };
    let callback_url = record.user_callback_url.clone().unwrap_or_default();
    let byok = record.api_mode == ApiMode::Byok;
    view! {
        <section aria-labelledby="activation">
            <h2 id="activation">"Activate"</h2>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="id" value=record.id.clone()/>
                <TextField form name="name" path=&["name"] label="Name" value=name/>
                <ModelField form record catalog=live.catalog/>
                {byok.then(|| view! {
                    <TextField
                        form
                        name="model_api_key"
                        path=&["modelApiKey"]
                        label="Model API key"
                        kind="password"
                        hint="From the provider of the model. It is kept encrypted and never shown again."
                    />
                })}
                <TextField
                    form
                    name="telegram_bot_token"
                    path=&["telegramBotToken"]
                    label="Telegram bot token"
                    kind="password"
                    hint="From @BotFather, such as 123456789:AA…. It is kept encrypted and never shown again."
                />
                <TextField
                    form
                    name="callback_url"
                    path=&["callbackUrl"]
                    label="Callback URL"
                    value=callback_url
                    hint="Your own server is told there when the status changes: https only."
                    optional=true
                />
                <Submit form label="Activate" busy="Activating…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

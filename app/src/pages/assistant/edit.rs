//! Changing an assistant that is not running.

use leptos::prelude::*;
use reef_domain::wire::ApiMode;

use super::Live;
use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::model::ModelField;
use crate::functions::assistants::Update;

/// The form, filled with what is set now; secrets that are left empty stay as they are.
#[component]
pub(super) fn Edit(live: Live) -> impl IntoView {
    let fields = &["name", "modelId", "modelProvider", "modelApiKey", "telegramBotToken"];
    let form = Form::of::<Update>("edit", fields);
    live.take_answers_of(form);
    let record = live.record.get_untracked();
    let byok = record.api_mode == ApiMode::Byok;
    view! {
        <section aria-labelledby="edit">
            <h2 id="edit">"Edit"</h2>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="id" value=record.id.clone()/>
                <TextField form name="name" path=&["name"] label="Name" value=record.name.clone()/>
                <ModelField form record catalog=live.catalog/>
                {byok.then(|| view! {
                    <TextField
                        form
                        name="model_api_key"
                        path=&["modelApiKey"]
                        label="New model API key"
                        kind="password"
                        hint="Left empty, the present one stays. Another provider needs its own."
                        optional=true
                    />
                })}
                <TextField
                    form
                    name="telegram_bot_token"
                    path=&["telegramBotToken"]
                    label="New Telegram bot token"
                    kind="password"
                    hint="Left empty, the present one stays."
                    optional=true
                />
                <Submit form label="Save" busy="Saving…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

//! The form for everything but the MCP servers.

use leptos::prelude::*;
use reef_domain::settings::{AccessMode, Allowance, GroupMode, SettingsRecord, Tools};

use super::templates::Template;
use crate::components::field::{Checkbox, RadioGroup, RadioOption, TextArea, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::functions::behavior::{UpdateBehavior, baseline};

/// The API's names of the form's fields.
const FIELDS: &[&str] = &[
    "instructions",
    "greeting",
    "language",
    "timeZone",
    "access.mode",
    "access.groups",
    "allowance.perDayUsd",
    "allowance.perMonthUsd",
];

/// The form with the current settings. A template fills in its texts, which are not saved yet.
pub(super) fn section(id: &str, settings: &SettingsRecord, template: Option<&Template>) -> AnyView {
    let id = id.to_owned();
    let form = Form::of::<UpdateBehavior>("behavior", FIELDS);
    let baseline = form.typed_value("baseline").unwrap_or_else(|| baseline(settings));
    let stored = |text: &Option<String>| text.clone().unwrap_or_default();
    let instructions =
        template.map_or_else(|| stored(&settings.instructions), |chosen| chosen.instructions.to_owned());
    let greeting = template.map_or_else(|| stored(&settings.greeting), |chosen| chosen.greeting.to_owned());
    let (language, time_zone) = (stored(&settings.language), settings.time_zone.clone());
    let (mode, groups) = (settings.access.mode.as_str(), settings.access.groups.as_str());
    let (tools, allowance) = (tools(form, &settings.tools), allowance(form, &settings.allowance));
    view! {
        <section class="card" aria-labelledby="behavior">
            <h2 id="behavior">"Settings"</h2>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="baseline" value=baseline/>
                <TextArea
                    form
                    name="instructions"
                    path=&["instructions"]
                    label="Instructions"
                    value=instructions
                    rows=10
                    hint="What your assistant is for, how it should answer, and what it should leave out. Up to 8,000 characters."
                />
                <TextArea
                    form
                    name="greeting"
                    path=&["greeting"]
                    label="Greeting"
                    value=greeting
                    rows=3
                    hint="The reply to /start. Leave it empty for the standard greeting."
                />
                <TextField
                    form
                    name="language"
                    path=&["language"]
                    label="Language of the answers"
                    value=language
                    optional=true
                    hint="A language tag, such as en or pt-BR. Leave it empty to answer in the language of the question."
                />
                <TextField
                    form
                    name="time_zone"
                    path=&["timeZone"]
                    label="Time zone"
                    value=time_zone
                    hint="Such as Europe/Berlin or America/New_York."
                />
                <RadioGroup
                    form
                    name="access_mode"
                    path=&["access.mode"]
                    label="Who may talk to it"
                    options=access_modes()
                    chosen=mode
                />
                <RadioGroup
                    form
                    name="access_groups"
                    path=&["access.groups"]
                    label="In groups"
                    options=group_modes()
                    chosen=groups
                />
                {tools}
                {allowance}
                <Submit label="Save" busy="Saving…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

fn tools(form: Form, tools: &Tools) -> AnyView {
    view! {
        <fieldset class="field choices">
            <legend>"What it may use"</legend>
            <Checkbox form name="web_search" label="Search the web" checked=tools.web_search/>
            <Checkbox form name="read_pages" label="Read web pages" checked=tools.read_pages/>
            <Checkbox form name="reminders" label="Set reminders" checked=tools.reminders/>
            <Checkbox form name="memory" label="Use what people ask it to remember" checked=tools.memory/>
            <p class="hint">"Web search, web pages and reminders are saved for later: assistants can’t use them yet."</p>
        </fieldset>
    }
    .into_any()
}

fn allowance(form: Form, allowance: &Allowance) -> AnyView {
    let stored = |amount: &Option<String>| amount.clone().unwrap_or_default();
    view! {
        <TextField
            form
            name="per_day"
            path=&["allowance.perDayUsd"]
            label="Allowance per day, in US dollars"
            value=stored(&allowance.per_day_usd)
            optional=true
            inputmode="decimal"
            hint="Such as 2.50. Leave it empty for no limit."
        />
        <TextField
            form
            name="per_month"
            path=&["allowance.perMonthUsd"]
            label="Allowance per month, in US dollars"
            value=stored(&allowance.per_month_usd)
            optional=true
            inputmode="decimal"
            hint="For a calendar month in the time zone above. Leave it empty for no limit."
        />
    }
    .into_any()
}

fn option(value: &'static str, label: &str, description: &str) -> RadioOption {
    RadioOption { value, label: label.to_owned(), description: description.to_owned() }
}

fn access_modes() -> Vec<RadioOption> {
    vec![
        option(
            AccessMode::Approved.as_str(),
            "People you approve",
            "Everyone else has to wait until you decide.",
        ),
        option(AccessMode::Owner.as_str(), "Only the owner", "Nobody else gets an answer in a private chat."),
        option(AccessMode::Anyone.as_str(), "Everyone", "Anyone who finds the bot can use your model."),
    ]
}

fn group_modes() -> Vec<RadioOption> {
    vec![
        option(
            GroupMode::Mention.as_str(),
            "When mentioned",
            "It answers mentions and replies to its messages.",
        ),
        option(GroupMode::All.as_str(), "Every message", "It answers whatever is written in the group."),
        option(GroupMode::Off.as_str(), "Never", "It stays silent in groups."),
    ]
}

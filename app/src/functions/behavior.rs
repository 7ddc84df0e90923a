//! The forms of the page about an assistant's behavior, except those of its MCP servers.

#![expect(
    clippy::too_many_arguments,
    reason = "server functions have an argument for each field of their form"
)]

use leptos::prelude::*;
use reef_domain::settings::SettingsRecord;
use reef_domain::settings_input;
use serde_json::{Map, Value};

use super::changed_fields::ChangedFields;
use crate::error::AppError;
use crate::flash::{Notice, redirect_with_notice};
use crate::server::{authenticate, run_form};

/// The fields of the form, with their paths in the settings.
const FIELDS: [(&str, &str); 12] = [
    ("instructions", "instructions"),
    ("greeting", "greeting"),
    ("language", "language"),
    ("time_zone", "timeZone"),
    ("access_mode", "access.mode"),
    ("access_groups", "access.groups"),
    ("web_search", "tools.webSearch"),
    ("read_pages", "tools.readPages"),
    ("reminders", "tools.reminders"),
    ("memory", "tools.memory"),
    ("per_day", "allowance.perDayUsd"),
    ("per_month", "allowance.perMonthUsd"),
];

/// The values that the form is rendered with, in the order of its fields.
fn values_of(settings: &SettingsRecord) -> [String; 12] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (access, tools) = (&settings.access, &settings.tools);
    [
        text(&settings.instructions),
        text(&settings.greeting),
        text(&settings.language),
        settings.time_zone.clone(),
        access.mode.to_string(),
        access.groups.to_string(),
        tools.web_search.to_string(),
        tools.read_pages.to_string(),
        tools.reminders.to_string(),
        tools.memory.to_string(),
        text(&settings.allowance.per_day_usd),
        text(&settings.allowance.per_month_usd),
    ]
}

/// What a form carries of the settings that it was rendered with.
pub(crate) fn baseline(settings: &SettingsRecord) -> String {
    ChangedFields::baseline(&values_of(settings))
}

/// Changes how an assistant behaves. Only what was changed in the form is sent on.
#[server(prefix = "/_fn", endpoint = "update_behavior")]
pub async fn update_behavior(
    id: String,
    #[server(default)] instructions: String,
    #[server(default)] greeting: String,
    #[server(default)] language: String,
    #[server(default)] time_zone: String,
    #[server(default)] access_mode: String,
    #[server(default)] access_groups: String,
    #[server(default)] web_search: bool,
    #[server(default)] read_pages: bool,
    #[server(default)] reminders: bool,
    #[server(default)] memory: bool,
    #[server(default)] per_day: String,
    #[server(default)] per_month: String,
    #[server(default)] baseline: String,
) -> Result<(), AppError> {
    // Browsers send line breaks as CRLF.
    let lines = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let typed = [
        lines(&instructions),
        lines(&greeting),
        language.trim().to_owned(),
        time_zone.trim().to_owned(),
        access_mode,
        access_groups,
        web_search.to_string(),
        read_pages.to_string(),
        reminders.to_string(),
        memory.to_string(),
        per_day.trim().to_owned(),
        per_month.trim().to_owned(),
    ];
    let named = FIELDS.iter().zip(&typed).map(|((name, _), value)| (*name, &**value));
    let values: Vec<(&str, &str)> = named.chain([("baseline", &*baseline)]).collect();
    run_form(&values, async {
        let (services, caller) = authenticate().await?;
        let changed = ChangedFields::parse(&baseline)?.of(&typed);
        let body = body(changed.into_iter().map(|index| (FIELDS[index].1, &*typed[index])));
        let here = format!("/assistants/{id}/behavior");
        if body.is_empty() {
            return redirect_with_notice(&here, Notice::NothingChanged).await;
        }
        services.update_settings(&caller, &id, settings_input::parse(body)).await?;
        redirect_with_notice(&here, Notice::BehaviorSaved).await
    })
    .await
}

/// The body of a change. Fields of tools are the only ones that are not texts.
fn body<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    let mut body = Map::new();
    for (path, text) in fields {
        let Some((parent, key)) = path.split_once('.') else {
            body.insert(path.to_owned(), text.into());
            continue;
        };
        let value = if parent == "tools" { Value::Bool(text == "true") } else { text.into() };
        let object = body.entry(parent).or_insert_with(|| Value::Object(Map::new()));
        if let Some(object) = object.as_object_mut() {
            object.insert(key.to_owned(), value);
        }
    }
    body
}

/// Makes the settings of a revision the current ones.
#[server(prefix = "/_fn", endpoint = "restore_behavior")]
pub async fn restore_behavior(id: String, revision: String) -> Result<(), AppError> {
    run_form(&[("revision", &revision)], async {
        let (services, caller) = authenticate().await?;
        services.restore_settings(&caller, &id, &revision, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}/behavior"), Notice::BehaviorRestored).await
    })
    .await
}

#[cfg(test)]
mod tests {
    use reef_domain::Timestamp;
    use reef_domain::settings::Settings;
    use serde_json::json;

    use super::*;

    #[test]
    fn body_has_only_what_differs_from_the_baseline() {
        let settings = SettingsRecord::new(Settings::default(), 1, Timestamp::from_unix_ms(0));
        let mut typed = values_of(&settings);
        let changed =
            |typed: &[String; 12]| ChangedFields::parse(&baseline(&settings)).map(|form| form.of(typed));
        assert_eq!(changed(&typed), Ok(Vec::new()));
        typed[0] = "Be brief.".to_owned();
        typed[6] = "false".to_owned();
        typed[7] = "false".to_owned();
        typed[10] = "2.50".to_owned();
        let changed = changed(&typed).expect("a baseline");
        let body = body(changed.into_iter().map(|index| (FIELDS[index].1, &*typed[index])));
        let expected = json!({
            "instructions": "Be brief.", "tools": {"webSearch": false, "readPages": false}, "allowance": {"perDayUsd": "2.50"},
        });
        assert_eq!(Value::Object(body), expected);
    }
}

//! A bot's commands, by scope and language.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::types::Json as SqlJson;

use super::{
    bad_request,
    bots::Bot,
    params::{MethodResult, Params, integer_param, json_param, text_param},
};
use crate::{World, web::HandlerResult};

const COMMANDS_MAX: usize = 100;

/// Returns the scope of a call as a key, and its language.
fn scope(params: &Params) -> HandlerResult<(String, String)> {
    let language = text_param(params, "language_code").unwrap_or_default();
    let is_language = language.len() == 2 && language.bytes().all(|c| c.is_ascii_lowercase());
    if !language.is_empty() && !is_language {
        return Err(bad_request("BOT_LANGUAGE_CODE_INVALID"));
    }
    let scope = json_param(params, "scope")
        .map_err(|_| bad_request("can't parse BotCommandScope: invalid JSON"))?
        .unwrap_or_else(|| json!({"type": "default"}));
    let kind = scope["type"].as_str().unwrap_or_default();
    let fields = scope.as_object().cloned().unwrap_or_default();
    let id = |name: &str| {
        integer_param(&fields, name).ok_or_else(|| bad_request("can't parse BotCommandScope: chat not found"))
    };
    let key = match kind {
        "default" | "all_private_chats" | "all_group_chats" | "all_chat_administrators" => kind.to_owned(),
        "chat" | "chat_administrators" => format!("{kind}:{}", id("chat_id")?),
        "chat_member" => format!("{kind}:{}:{}", id("chat_id")?, id("user_id")?),
        _ => return Err(bad_request("can't parse BotCommandScope: Unsupported type specified")),
    };
    Ok((key, language))
}

pub(super) async fn set(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let malformed = || bad_request("can't parse commands JSON object");
    let list = json_param(params, "commands").map_err(|_| malformed())?;
    let commands = list.as_ref().and_then(Value::as_array).ok_or_else(malformed)?;
    let mut seen = HashSet::new();
    for command in commands {
        let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/');
        let name_fine = (1..=32).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
        if !name_fine || !seen.insert(name) {
            return Err(bad_request("BOT_COMMAND_INVALID"));
        }
        let description = command["description"].as_str().unwrap_or_default().chars().count();
        if !(1..=256).contains(&description) {
            return Err(bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    if commands.len() > COMMANDS_MAX {
        return Err(bad_request("BOT_COMMANDS_TOO_MUCH"));
    }
    save(world, bot, params, commands).await
}

pub(super) async fn delete(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    save(world, bot, params, &[]).await
}

async fn save(world: &World, bot: &Bot, params: &Params, commands: &[Value]) -> HandlerResult<MethodResult> {
    let (scope, language) = scope(params)?;
    if (scope.as_str(), language.as_str()) == ("default", "") {
        sqlx::query("update telegram_bots set commands = $2 where id = $1")
            .bind(bot.id)
            .bind(SqlJson(commands))
            .execute(&world.db)
            .await?;
        return Ok(MethodResult::from_result(true));
    }
    sqlx::query(
        "insert into telegram_commands (bot_id, scope, language, commands) values ($1, $2, $3, $4)
         on conflict do update set commands = excluded.commands",
    )
    .bind(bot.id)
    .bind(scope)
    .bind(language)
    .bind(SqlJson(commands))
    .execute(&world.db)
    .await?;
    Ok(MethodResult::from_result(true))
}

pub(super) async fn get(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let (scope, language) = scope(params)?;
    if (scope.as_str(), language.as_str()) == ("default", "") {
        return Ok(MethodResult::from_result(bot.commands.clone()));
    }
    let commands: Option<SqlJson<Value>> = sqlx::query_scalar(
        "select commands from telegram_commands where bot_id = $1 and scope = $2 and language = $3",
    )
    .bind(bot.id)
    .bind(scope)
    .bind(language)
    .fetch_optional(&world.db)
    .await?;
    Ok(MethodResult::from_result(commands.map_or_else(|| json!([]), |commands| commands.0)))
}

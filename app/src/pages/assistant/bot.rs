//! The way to the bot of an active assistant: its address, a QR code, and in the sandbox a chat.

use leptos::prelude::*;
use reef_service::assistants::Details;

use crate::components::qr::{Qr, QrCodes, QrPicture};
use crate::error::AppError;
use crate::server::{SiteInfo, get_context};

pub(super) fn section(details: &Details) -> Result<AnyView, AppError> {
    let Some(bot) = details.bot.clone() else {
        let view = view! {
            <section aria-labelledby="hello">
                <h2 id="hello">"Chat with your bot"</h2>
                <p>"Send your bot a message on Telegram."</p>
            </section>
        };
        return Ok(view.into_any());
    };
    let address = format!("https://t.me/{}", bot.bot_username);
    let qr = get_context::<QrCodes>()?.of_address(&address)?;
    let chat = get_context::<SiteInfo>()?
        .sandbox_bots
        .then(|| format!("/sandbox/telegram/bots/{}?inner=true", bot.bot_id));
    let view = view! {
        <section class="hello" aria-labelledby="hello">
            <h2 id="hello">"Chat with @" {bot.bot_username.clone()}</h2>
            <div class="bot-access">
                {chat.map(|src| view! { <Chat src username=bot.bot_username.clone()/> })}
                <Address address username=bot.bot_username qr/>
            </div>
        </section>
    };
    Ok(view.into_any())
}

#[component]
fn Chat(src: String, username: String) -> impl IntoView {
    view! {
        <div class="chat-frame">
            <iframe src=src title=format!("Chat with @{username} in the sandbox")></iframe>
            <p class="hint">"Sandbox bot: chat here. It doesn’t exist on Telegram."</p>
        </div>
    }
}

#[component]
fn Address(address: String, username: String, qr: Qr) -> impl IntoView {
    let aria_label = format!("QR code that opens {address}");
    let label = format!("Open in Telegram: @{username}");
    view! {
        <div class="bot-address">
            <QrPicture qr aria_label/>
            <p><a class="button" href=address aria-label=label>"Open in Telegram"</a></p>
            <p class="hint">"Or scan to open it on your phone. Who may chat with this bot is on the page People."</p>
        </div>
    }
}

//! While it is active: the way to the bot.

use leptos::prelude::*;
use reef_service::assistants::Details;
use reef_service::{Caller, Services};

use crate::components::qr::{Qr, QrPicture};
use crate::error::AppError;
use crate::server::{SiteInfo, provided};

/// The bot's address and, where the bots live in the sandbox, a chat with it.
///
/// # Errors
/// [`AppError`] when the bot cannot be looked up.
pub(super) async fn section(
    services: &Services,
    caller: &Caller,
    details: &Details,
) -> Result<AnyView, AppError> {
    let Some(bot) = services.active_bot(caller, &details.record.id).await? else {
        let words = "It is active. Send your bot a message in Telegram, and it answers.";
        let view = view! {
            <section aria-labelledby="hello">
                <h2 id="hello">"Say hello"</h2>
                <p>{words}</p>
            </section>
        };
        return Ok(view.into_any());
    };
    let address = format!("https://t.me/{}", bot.bot_username);
    let qr = Qr::of(&address)?;
    let chat = provided::<SiteInfo>()?
        .sandbox_bots
        .then(|| format!("/sandbox/telegram/bots/{}?inner=true", bot.bot_id));
    let view = view! {
        <section class="hello" aria-labelledby="hello">
            <h2 id="hello">"Say hello to @" {bot.bot_username.clone()}</h2>
            <div class="hello-ways">
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
            <p class="hint">"This bot lives in the sandbox: talk to it here. Telegram itself does not know it."</p>
        </div>
    }
}

#[component]
fn Address(address: String, username: String, qr: Qr) -> impl IntoView {
    let spoken = format!("QR code that opens {address}");
    let label = format!("Open in Telegram: @{username}");
    view! {
        <div class="bot-address">
            <QrPicture qr spoken/>
            <p><a class="button" href=address aria-label=label>"Open in Telegram"</a></p>
            <p class="hint">"Or scan the code with your phone. Whoever knows the name can talk to it."</p>
        </div>
    }
}

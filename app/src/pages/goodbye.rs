//! `/goodbye`: the page after an account was deleted.

use leptos::prelude::*;

use crate::components::page::Head;
use crate::flash::{self, Notice};

/// Says what happens to the data of every deleted account, because nothing is kept of the one that was just deleted. The address
/// alone proves nothing, so only the browser that has deleted an account reads that it is deleted.
#[component]
pub(crate) fn GoodbyePage() -> impl IntoView {
    let (title, subscriptions, devices) = if flash::notice() == Some(Notice::AccountDeleted) {
        ("Account deleted", "Being canceled at Polar", "Keys revoked, devices signed out, including this one")
    } else {
        ("When an account is deleted", "Canceled at Polar", "Keys revoked, devices signed out")
    };
    view! {
        <Head title description="What happens to the data of a deleted account."/>
        <h1>{title}</h1>
        <div class="card" role="status">
            <dl class="facts">
                <dt>"Assistants"</dt>
                <dd>"Stopped and deleted"</dd>
                <dt>"Tokens, keys and conversations"</dt>
                <dd>"Deleted"</dd>
                <dt>"Subscriptions"</dt>
                <dd>{subscriptions} ". We retry until Polar confirms each one."</dd>
                <dt>"API keys and devices"</dt>
                <dd>{devices}</dd>
                <dt>"Activity and webhook deliveries"</dt>
                <dd>"Deleted"</dd>
                <dt>"Invoices"</dt>
                <dd>"Kept by Polar, which emails them to you"</dd>
            </dl>
            <p class="hint">"Your Telegram bots remain. You can delete them in @BotFather."</p>
        </div>
        <p><a class="button quiet" href="/">"Go to home page"</a></p>
    }
}

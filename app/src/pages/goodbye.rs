//! `/goodbye`: the page after an account was deleted.

use leptos::prelude::*;

use crate::components::page::Head;

/// Says what happens to the data of every deleted account, because nothing is kept of the one that was just deleted.
#[component]
pub(crate) fn GoodbyePage() -> impl IntoView {
    view! {
        <Head title="Account deleted" description="What happens to the data of a deleted account."/>
        <h1>"Account deleted"</h1>
        <div class="card" role="status">
            <dl class="facts">
                <dt>"Assistants"</dt>
                <dd>"Stopped and deleted"</dd>
                <dt>"Tokens, keys and conversations"</dt>
                <dd>"Deleted"</dd>
                <dt>"Subscriptions"</dt>
                <dd>"Being canceled at Polar. We retry until Polar confirms each one."</dd>
                <dt>"API keys and devices"</dt>
                <dd>"Keys revoked, devices signed out, including this one"</dd>
                <dt>"Activity and webhook deliveries"</dt>
                <dd>"Deleted"</dd>
                <dt>"Invoices"</dt>
                <dd>"Kept by Polar (emailed to you)"</dd>
            </dl>
            <p class="hint">"Your Telegram bots still exist. Delete them in @BotFather."</p>
        </div>
        <p><a class="button quiet" href="/">"Go to home page"</a></p>
    }
}

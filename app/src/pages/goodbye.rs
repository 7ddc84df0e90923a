//! `/goodbye`: what a deleted account's owner sees last.

use leptos::prelude::*;

use crate::components::page::Head;

/// What was done. Nothing that this page could ask is kept, so it says what holds for every deleted account.
#[component]
pub(crate) fn GoodbyePage() -> impl IntoView {
    view! {
        <Head title="Your account is deleted" description="What has become of what was in the account."/>
        <h1>"Your account is deleted"</h1>
        <div class="card" role="status">
            <dl class="facts">
                <dt>"Assistants"</dt>
                <dd>"stopped and deleted; their workers are gone"</dd>
                <dt>"Secrets"</dt>
                <dd>"bot tokens, model keys and conversations are destroyed"</dd>
                <dt>"Subscriptions"</dt>
                <dd>"ended at Polar; where it has not confirmed that yet, Reef goes on asking until it does"</dd>
                <dt>"API keys and sessions"</dt>
                <dd>"opened by nobody any more, this one included"</dd>
                <dt>"Timelines, callbacks, receipts"</dt>
                <dd>"deleted"</dd>
                <dt>"Invoices"</dt>
                <dd>"kept by Polar, as the seller must; they came to you by mail"</dd>
            </dl>
            <p class="hint">"The bots themselves are yours: BotFather in Telegram deletes them."</p>
        </div>
        <p><a class="button quiet" href="/">"To the start page"</a></p>
    }
}

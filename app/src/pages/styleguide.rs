//! `/styleguide`: every component in every state, for work on the style sheet. It exists only in the sandbox.

use leptos::prelude::*;
use reef_domain::health::Verdict;
use reef_domain::wire::Status;

use crate::components::code::{CodeBlock, Copyable};
use crate::components::dialog::Dialog;
use crate::components::health::HealthDot;
use crate::components::notice::Toast;
use crate::components::page::Head;
use crate::components::time_and_status::StatusBadge;
use crate::pages::not_found::NotFoundPage;
use crate::secret::Secret;
use crate::server::SiteInfo;

const STATES: [Status; 6] = [
    Status::PendingPayment,
    Status::Purchased,
    Status::Deploying,
    Status::Active,
    Status::Failed,
    Status::Stopped,
];
const COLORS: [&str; 10] =
    ["ink", "ink-soft", "ground", "surface", "sunken", "line", "accent", "good", "warn", "bad"];

#[component]
pub(crate) fn StyleguidePage() -> impl IntoView {
    if !use_context::<SiteInfo>().is_some_and(|site| site.sandbox) {
        return view! { <NotFoundPage/> }.into_any();
    }
    view! {
        <Head title="Style guide" description="Every component of this site in every state."/>
        <h1>"Style guide"</h1>
        <p>"Every component in every state. Sizes, colors, spacing and motion are in style/tokens.css."</p>
        <Type/>
        <Colors/>
        <Buttons/>
        <Fields/>
        <Notices/>
        <Lists/>
        <Surfaces/>
    }
    .into_any()
}

#[component]
fn Type() -> impl IntoView {
    view! {
        <section aria-labelledby="type">
            <h2 id="type">"Type"</h2>
            <h3>"A heading of the third level"</h3>
            <p>
                "Running text with a " <a href="#type">"link"</a> ", " <code>"code"</code> " and "
                <strong>"weight"</strong> ". It is never wider than is easy to read, and lines end where the eye finds the next one."
            </p>
            <p class="hint">"A hint, smaller and softer."</p>
            <p>"AVeryLongNameWithoutAnySpaceThatSomebodyGaveToTheirAssistantBecauseNothingForbidsItAndItMustNotBreakThePage"</p>
        </section>
    }
}

#[component]
fn Colors() -> impl IntoView {
    let swatch = |name: &'static str| view! { <li><span class=format!("swatch {name}")></span> {name}</li> };
    view! {
        <section aria-labelledby="colors">
            <h2 id="colors">"Colors"</h2>
            <ul class="swatches">{COLORS.into_iter().map(swatch).collect_view()}</ul>
        </section>
    }
}

#[component]
fn Buttons() -> impl IntoView {
    view! {
        <section aria-labelledby="buttons">
            <h2 id="buttons">"Buttons"</h2>
            <p class="actions">
                <button type="button">"Primary"</button>
                <button type="button" class="quiet">"Quiet"</button>
                <button type="button" class="danger">"Danger"</button>
                <button type="button" class="danger quiet">"Quiet danger"</button>
                <a class="button" href="#buttons">"A link"</a>
            </p>
            <p class="actions">
                <button type="button" class="small">"Small"</button>
                <button type="button" class="small quiet">"Small and quiet"</button>
                <button type="button" disabled>"Disabled"</button>
                <button type="button" class="quiet" disabled>"Disabled"</button>
            </p>
            <div class="action">
                <button type="button" disabled aria-describedby="why-not">"Redeploy"</button>
                <p class="hint" id="why-not">"A deployment is in progress. Wait for it to finish, or stop it."</p>
            </div>
            <Dialog id="example" button="Open a dialog" class="quiet" title="Delete Pearl?">
                <p>"What will happen, beginning with money. Then the button that does it."</p>
                <button type="button" class="danger">"Delete permanently"</button>
            </Dialog>
        </section>
    }
}

#[component]
fn Fields() -> impl IntoView {
    view! {
        <section aria-labelledby="fields">
            <h2 id="fields">"Fields"</h2>
            <form>
                <div role="alert" class="problem"><p>"Check the highlighted fields."</p></div>
                <div class="field">
                    <label for="sg-name">"Name"</label>
                    <input id="sg-name" value="Coral" aria-describedby="sg-name-hint"/>
                    <p class="hint" id="sg-name-hint">"The name your assistant introduces itself with."</p>
                </div>
                <div class="field">
                    <label for="sg-token">"Telegram bot token" <span class="optional">" (optional)"</span></label>
                    <input id="sg-token" value="nonsense" aria-invalid="true" aria-describedby="sg-token-issue"/>
                    <p class="issue" id="sg-token-issue">"Bot tokens can’t contain spaces."</p>
                </div>
                <div class="field">
                    <label for="sg-key">"Model API key"</label>
                    <input id="sg-key" type="password" autocomplete="off" aria-describedby="sg-key-result"/>
                    <p class="check-result good" id="sg-key-result">"The key works. The model says: “Hello!”"</p>
                </div>
                <div class="field">
                    <label for="sg-model">"Model"</label>
                    <select id="sg-model"><option>"Claude Sonnet"</option><option>"Claude Opus"</option></select>
                </div>
                <fieldset class="field">
                    <legend>"Permissions"</legend>
                    <div class="choice"><input type="checkbox" id="sg-read" checked/><label for="sg-read">"Read"</label></div>
                    <div class="choice"><input type="checkbox" id="sg-write"/><label for="sg-write">"Write"</label></div>
                </fieldset>
                <div class="field">
                    <label for="sg-off">"Disabled field"</label>
                    <input id="sg-off" value="Can’t be changed" disabled/>
                </div>
                <button type="button" disabled>"Saving…"</button>
            </form>
        </section>
    }
}

#[component]
fn Notices() -> impl IntoView {
    let badge = |status| view! { <StatusBadge status/> " " };
    let dot = |&verdict| view! { <HealthDot verdict/> " " };
    view! {
        <section aria-labelledby="says">
            <h2 id="says">"Statuses and notices"</h2>
            <p>{STATES.into_iter().map(badge).collect_view()}</p>
            <p>{Verdict::ALL.iter().map(dot).collect_view()}</p>
            <Toast message="Saved. Takes effect the next time your assistant starts."/>
            <p class="notice">"Something worth knowing."</p>
            <p class="notice good">"Something that went well."</p>
            <p class="notice warn">"Payment failed. Update your card to keep Pearl running."</p>
            <p class="notice bad">"Couldn’t start."</p>
        </section>
    }
}

#[component]
fn Lists() -> impl IntoView {
    view! {
        <section aria-labelledby="lists">
            <h2 id="lists">"Tables, timelines, steps"</h2>
            <table class="cards">
                <caption class="visually-hidden">"Two assistants"</caption>
                <thead><tr><th scope="col">"Name"</th><th scope="col">"Status"</th><th scope="col">"Plan"</th></tr></thead>
                <tbody>
                    <tr>
                        <th scope="row"><a href="#lists">"Coral"</a></th>
                        <td data-label="Status"><StatusBadge status=Status::Active/></td>
                        <td data-label="Plan">"Managed"</td>
                    </tr>
                    <tr>
                        <th scope="row"><a href="#lists">"Pearl, which has a long name that wraps"</a></th>
                        <td data-label="Status"><StatusBadge status=Status::Failed/></td>
                        <td data-label="Plan">"Bring your own key"</td>
                    </tr>
                </tbody>
            </table>
            <div class="split">
                <ol class="steps" aria-label="Steps">
                    <li class="done">"Verify bot token"</li>
                    <li class="done">"Verify model access"</li>
                    <li class="current">"Start assistant"</li>
                    <li class="todo">"Connect to Telegram"</li>
                    <li class="failed">"A step that failed"</li>
                </ol>
                <ol class="timeline" aria-label="Timeline">
                    <li><StatusBadge status=Status::Active/> " " <time>"2026-11-28 14:53 UTC"</time></li>
                    <li>
                        <StatusBadge status=Status::Failed/> " " <time>"2026-11-28 14:52 UTC"</time>
                        <p class="hint">"Telegram rejected the bot token."</p>
                    </li>
                </ol>
            </div>
        </section>
    }
}

#[component]
fn Surfaces() -> impl IntoView {
    view! {
        <section aria-labelledby="surfaces">
            <h2 id="surfaces">"Surfaces"</h2>
            <div class="card-grid">
                <div class="card"><h3>"A card"</h3><p>"With something on it."</p></div>
                <div class="card">
                    <dl class="facts"><dt>"Plan"</dt><dd>"Managed"</dd><dt>"Model"</dt><dd>"Claude Sonnet 5.5"</dd></dl>
                </div>
                <div class="card" role="status" aria-label="Loading"><div class="skeleton"></div></div>
            </div>
            <h3>"Code and secrets"</h3>
            <CodeBlock label="An example" code="curl -H 'X-API-Key: …' https://reef.example/api/v1/me"/>
            <Copyable label="A secret" secret=Secret::from("whsec_example".to_owned())/>
            <div class="empty">
                <h3>"Nothing here yet"</h3>
                <p>"What will be listed here, and how to get started."</p>
                <p><a class="button" href="#surfaces">"Get started"</a></p>
            </div>
        </section>
    }
}

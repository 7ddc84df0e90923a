//! The layout of all sandbox pages, which work without JavaScript, and the front page.

use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --accent: light-dark(#0b57d0, #8ab4f8); }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 0 1rem 3rem;
  background: Canvas; }
.banner { background: #f5c211; color: #241f00; margin: 0 -1rem; padding: .4rem 1rem; font-weight: 600; }
nav { padding: .6rem 0; border-bottom: 1px solid var(--line); display: flex; gap: 1rem; flex-wrap: wrap; }
a { color: var(--accent); }
h1 { font-size: 1.5rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top; }
form { display: inline-block; margin: 0 .4rem .4rem 0; }
label { display: block; margin: .5rem 0; }
input { font: inherit; padding: .35rem .5rem; width: 100%; }
button { font: inherit; padding: .35rem .8rem; cursor: pointer; }
button.main { background: var(--accent); color: Canvas; border: 1px solid var(--accent); border-radius: .3rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { border-left: .3rem solid #c01c28; padding: .3rem .8rem; background: var(--soft); }
.good { border-left: .3rem solid #26a269; padding: .3rem .8rem; background: var(--soft); }
.chat { list-style: none; padding: 0; display: flex; flex-direction: column; gap: .5rem; }
.chat li { background: var(--soft); border-radius: .6rem; padding: .4rem .8rem; max-width: 85%; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.chat li.user { align-self: flex-end; border: 1px solid var(--accent); }
.chat li.service { align-self: center; background: none; font-size: .875rem; }
.chat li.draft { opacity: .7; border: 1px dashed var(--line); }
.chat small { display: block; font-size: .75rem; opacity: .8; }
.chat blockquote { margin: 0 0 .3rem; padding-left: .5rem; border-left: 3px solid var(--accent); font-size: .875rem; }
.chat img, .chat video, .chat audio { display: block; max-width: 100%; max-height: 20rem; border-radius: .3rem; }
.chat code.block { display: block; background: var(--soft); padding: .4rem; overflow-x: auto; white-space: pre; }
.chat q.block { display: block; padding-left: .5rem; border-left: 3px solid var(--accent); quotes: none; }
.chat code.block[data-language]::before { content: attr(data-language); display: block; font-size: .75rem; opacity: .8; }
.chat a.file { display: block; font-size: .875rem; }
.keys { display: flex; gap: .3rem; margin-top: .3rem; flex-wrap: wrap; white-space: normal; }
.keys form { display: flex; flex: 1; margin: 0; }
.keys button, .keys a, .keys span { flex: 1; text-align: center; min-height: 2.75rem; padding: .5rem; border-radius: .3rem;
  border: 1px solid var(--line); }
.empty { text-align: center; padding: 1rem; }
form.place { display: block; max-width: 24rem; }
select { font: inherit; padding: .35rem .5rem; width: 100%; }
summary { cursor: pointer; padding: .5rem 0; }
body.inner { padding-bottom: 0; }
body.inner h1 { font-size: 1.1rem; }
body.inner form.write { display: flex; gap: .5rem; align-items: end; position: sticky; bottom: 0; padding: .5rem 0;
  margin: 0; background: Canvas; }
body.inner form.write label { flex: 1; margin: 0; font-size: .875rem; }
pre.mail { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
code { overflow-wrap: anywhere; }
pre code { overflow-wrap: normal; }
pre { overflow-x: auto; background: var(--soft); padding: .6rem; }
";

/// Renders a page with the banner and the navigation.
pub(crate) fn page(status: u16, title: &str, content: &Markup) -> Response {
    document(
        status,
        title,
        &html! {
            body {
                aside.banner aria-label="Sandbox" { "Sandbox mode. Payments, bots, models and email are simulated." }
                nav aria-label="Sandbox" {
                    a href="/sandbox/" { "Sandbox" }
                    a href="/sandbox/polar/" { "Payments" }
                    a href="/sandbox/telegram/" { "Bots" }
                    a href="/sandbox/callbacks/" { "Webhooks" }
                    a href="/sandbox/mail/" { "Email" }
                    a href="/sandbox/requests" { "Requests" }
                }
                main { h1 { (title) } (content) }
            }
        },
    )
}

/// Renders a page for an iframe, without the banner and the navigation.
pub(crate) fn embedded_page(title: &str, content: &Markup) -> Response {
    document(200, title, &html! { body.inner { main { h1 { (title) } (content) } } })
}

fn document(status: u16, title: &str, body: &Markup) -> Response {
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Sandbox" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            (body)
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Html(whole.into_string())).into_response()
}

/// Renders a button that sends a POST request to `action`.
pub(crate) fn button(action: &str, label: &str, main: bool) -> Markup {
    html! {
        form method="post" action=(action) { button.main[main] type="submit" { (label) } }
    }
}

/// The front page, which lists the parts of the sandbox and its magic values.
pub(crate) fn front_page() -> Response {
    page(
        200,
        "Sandbox tools",
        &html! {
            p { "Simulated payments, bots, models and email, in the wire formats of the real vendors. Nothing here costs money "
                "or reaches anyone. Everything survives a restart." }
            ul {
                li { a href="/sandbox/polar/" { "Polar" } ": checkouts, subscriptions, webhook deliveries" }
                li { a href="/sandbox/telegram/" { "Telegram" } ": bots and their chats" }
                li { a href="/sandbox/callbacks/" { "Webhooks" } ": requests to "
                    code { "https://callbacks.sandbox.test/{name}" } ", with verified signatures" }
                li { a href="/sandbox/mail/" { "Email" } ": every message that Reef has sent" }
                li { a href="/sandbox/requests" { "Requests" } ": the last 1,000 vendor API calls, with secrets masked" }
                li { a href="/sandbox/faults" { "Faults" } ": failures of the next vendor calls; "
                    code { "PUT" } " a list to replace them" }
            }
            h2 { "Magic values" }
            p { "The part of a bot token after the colon can begin with " code { "revoked" } " (every call fails with 401), "
                code { "conflict" } " (setWebhook fails with 409), " code { "stuck" } " (setWebhook never responds) or "
                code { "stubborn" } " (deleteWebhook fails with 500)." }
            p { "A model key that contains " code { "refused" } " is rejected, and a key that contains " code { "broke" } " has no credit." }
            p { "Email to an address that begins with " code { "refused" } " is rejected permanently, and to an address that begins with "
                code { "later" } " temporarily." }
            p { "The scripted model knows Reef: say " code { "help" } " to it, or show it a picture. It remembers your name after “my name is …”, "
                "and responds in a special way to messages that begin with " code { "long" } ", " code { "markdown" } ", " code { "slow" } ", "
                code { "fail" } ", " code { "fail halfway" } " (a stream that breaks off), " code { "overloaded" } ", " code { "limit" } ", "
                code { "daily" } " (daily limit), " code { "network" } " (failure in a successful response) and " code { "overthink" }
                " (tokens spent on thinking). A model ID that contains " code { "unknown" } " or "
                code { "nonexistent" } " does not exist." }
        },
    )
}

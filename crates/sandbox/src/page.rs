//! The one look of all the sandbox's pages. They work without JavaScript.

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
body.inner { padding-bottom: 0; }
body.inner h1 { font-size: 1.1rem; }
body.inner form { display: flex; gap: .5rem; align-items: end; position: sticky; bottom: 0; padding: .5rem 0;
  margin: 0; background: Canvas; }
body.inner form label { flex: 1; margin: 0; font-size: .875rem; }
pre.mail { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
code { overflow-wrap: anywhere; }
pre code { overflow-wrap: normal; }
pre { overflow-x: auto; background: var(--soft); padding: .6rem; }
";

/// A whole page around `content`.
pub(crate) fn page(status: u16, title: &str, content: &Markup) -> Response {
    whole(
        status,
        title,
        &html! {
            body {
                aside.banner aria-label="Sandbox" { "Sandbox: no real money, no real messages" }
                nav aria-label="Sandbox" {
                    a href="/sandbox/" { "Sandbox" }
                    a href="/sandbox/polar/" { "Payments" }
                    a href="/sandbox/telegram/" { "Bots" }
                    a href="/sandbox/callbacks/" { "Callbacks" }
                    a href="/sandbox/mail/" { "Mail" }
                    a href="/sandbox/requests" { "Requests" }
                }
                main { h1 { (title) } (content) }
            }
        },
    )
}

/// A page to be shown inside another one: `content` alone.
pub(crate) fn inner_page(title: &str, content: &Markup) -> Response {
    whole(200, title, &html! { body.inner { main { h1 { (title) } (content) } } })
}

fn whole(status: u16, title: &str, body: &Markup) -> Response {
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

/// A button that POSTs to `action`.
pub(crate) fn button(action: &str, label: &str, main: bool) -> Markup {
    html! {
        form method="post" action=(action) { button.main[main] type="submit" { (label) } }
    }
}

/// The page that says what the sandbox is.
pub(crate) fn front() -> Response {
    page(
        200,
        "The outside world in a box",
        &html! {
            p { "Everything that Reef talks to, played by this process in the vendors' own wire formats. It forgets nothing "
                "over a restart, and nothing here costs money or reaches anyone." }
            ul {
                li { a href="/sandbox/polar/" { "Polar" } ": checkouts, subscriptions, webhook deliveries" }
                li { a href="/sandbox/telegram/" { "Telegram" } ": the bots, each with a chat" }
                li { a href="/sandbox/callbacks/" { "Callbacks" } ": what arrived at "
                    code { "https://callbacks.sandbox.test/{name}" } ", with its signature checked" }
                li { a href="/sandbox/mail/" { "Mail" } ": what was sent, to whomever, with links that work" }
                li { a href="/sandbox/requests" { "Requests" } ": the last 1,000 calls to the vendors, secrets masked" }
                li { a href="/sandbox/faults" { "Faults" } ": how the next calls are to fail; "
                    code { "PUT" } " a list to change them" }
            }
            h2 { "Magic values" }
            p { "The part of a bot token after the colon begins with " code { "revoked" } ": refused by every call; "
                code { "conflict" } ": setWebhook answers 409; " code { "stuck" } ": setWebhook never answers; "
                code { "stubborn" } ": deleteWebhook answers 500." }
            p { "A model key that contains " code { "refused" } " is refused; one with " code { "broke" } " is out of credit." }
            p { "Mail to an address that begins with " code { "refused" } " is refused, to one with " code { "later" }
                " it is put off." }
            p { "The scripted model answers the word " code { "long" } ", " code { "markdown" } ", " code { "slow" } ", "
                code { "fail" } ", " code { "overloaded" } ", " code { "limit" } ", " code { "daily" } " (a limit for the day), "
                code { "network" } " (a failure behind a success) or " code { "overthink" } " in its own way, knows your name once "
                "you said “my name is …”, and a model id that contains " code { "unknown" } " or " code { "nonexistent" }
                " does not exist." }
        },
    )
}

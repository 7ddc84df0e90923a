//! The end of the account: what goes with it is said before.

use leptos::prelude::*;
use reef_service::accounts::DeletionPreview;

use super::Shown;
use super::two_step::Code;
use crate::components::dialog::Dialog;
use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::settings::DeleteAccount;

/// What will happen, and the form that does it.
pub(super) fn section(shown: &Shown) -> AnyView {
    let form = Form::of::<DeleteAccount>("delete-account", &["password", "code"]);
    let takes_code = shown.totp.on;
    let ends = what_ends(shown.ends).into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
    view! {
        <section class="card" aria-labelledby="delete">
            <h2 id="delete">"Delete account"</h2>
            <p>"Everything in it goes for good, and nothing is charged any more."</p>
            <Dialog
                id="delete-account"
                button="Delete my account"
                class="danger quiet"
                title="Delete your account for good?"
                open=form.has_failed()
            >
                <ul>{ends}</ul>
                <p>"This cannot be undone. Polar keeps the invoices, as the seller must."</p>
                <PostForm form>
                    <Problem form/>
                    <TextField
                        form
                        name="password"
                        path=&["password"]
                        label="Password"
                        kind="password"
                        autocomplete="current-password"
                    />
                    {takes_code.then(|| view! { <Code form/> })}
                    <Submit label="Delete my account for good" busy="Deleting…" class="danger"/>
                </PostForm>
            </Dialog>
        </section>
    }
    .into_any()
}

/// A sentence for each kind of thing that ends; money first.
fn what_ends(ends: DeletionPreview) -> Vec<String> {
    let mut lines = Vec::new();
    match ends.subscriptions {
        0 => {}
        1 => {
            lines.push("1 subscription is ended at once. What is paid already is not given back.".to_owned());
        }
        count => {
            lines.push(format!(
                "{count} subscriptions are ended at once. What is paid already is not given back."
            ));
        }
    }
    match (ends.assistants, ends.running) {
        (0, _) => {}
        (1, 0) => lines.push("1 assistant is deleted, with its secrets and conversations.".to_owned()),
        (1, _) => {
            lines.push("1 assistant is stopped and deleted, with its secrets and conversations.".to_owned());
        }
        (count, running) => {
            let running = match running {
                0 => String::new(),
                1 => ", 1 of which runs now".to_owned(),
                _ => format!(", {running} of which run now"),
            };
            lines.push(format!(
                "{count} assistants are deleted{running}, with their secrets and conversations."
            ));
        }
    }
    match ends.keys {
        0 => {}
        1 => lines.push("1 API key stops working.".to_owned()),
        count => lines.push(format!("{count} API keys stop working.")),
    }
    lines.push("All sessions are signed out; timelines, callbacks and receipts are deleted.".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_said_to_end() {
        assert_eq!(what_ends(DeletionPreview::default()).len(), 1);
        let ends = DeletionPreview { assistants: 3, running: 1, subscriptions: 2, keys: 1 };
        let lines = what_ends(ends);
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("2 subscriptions") && lines[1].contains(", 1 of which runs now,"));
        assert_eq!(lines[2], "1 API key stops working.");
        let idle = what_ends(DeletionPreview { assistants: 2, ..DeletionPreview::default() });
        assert_eq!(idle[0], "2 assistants are deleted, with their secrets and conversations.");
    }
}

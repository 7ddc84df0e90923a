//! Deleting the account, with a list of what ends.

use leptos::prelude::*;
use reef_service::accounts::DeletionPreview;

use super::PageData;
use super::two_factor::CodeField;
use crate::components::dialog::Dialog;
use crate::components::field::PasswordField;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::functions::settings::DeleteAccount;

/// The dialog that says what will happen and takes the password.
pub(super) fn section(shown: &PageData) -> AnyView {
    let form = Form::of::<DeleteAccount>("delete-account", &["password", "code"]);
    let takes_code = shown.totp.is_on;
    let consequences =
        consequences(shown.deletion_preview).into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
    view! {
        <section class="card" aria-labelledby="delete">
            <h2 id="delete">"Delete account"</h2>
            <p>"Permanently deletes your account and cancels all subscriptions."</p>
            <Dialog
                id="delete-account"
                button="Delete account"
                class="danger quiet"
                title="Delete your account?"
                open=form.has_failed()
            >
                <ul>{consequences}</ul>
                <p>"This can’t be undone. Invoices stay available from Polar."</p>
                <PostForm form>
                    <FormErrorMessage form/>
                    <PasswordField form hint="For your security, confirm your password to delete your account."/>
                    {takes_code.then(|| view! { <CodeField form/> })}
                    <Submit label="Delete permanently" busy="Deleting…" class="danger"/>
                </PostForm>
            </Dialog>
        </section>
    }
    .into_any()
}

/// A sentence for each kind of thing that ends, beginning with money.
fn consequences(ends: DeletionPreview) -> Vec<String> {
    let mut lines = Vec::new();
    match ends.subscriptions {
        0 => {}
        1 => {
            lines.push(
                "1 subscription is canceled immediately. Payments aren’t refunded automatically.".to_owned(),
            );
        }
        count => {
            lines.push(format!(
                "{count} subscriptions are canceled immediately. Payments aren’t refunded automatically."
            ));
        }
    }
    match (ends.assistants, ends.running) {
        (0, _) => {}
        (1, 0) => lines.push("1 assistant is deleted, with its tokens, keys and conversations.".to_owned()),
        (1, _) => {
            lines.push(
                "1 assistant is stopped and deleted, with its tokens, keys and conversations.".to_owned(),
            );
        }
        (count, running) => {
            let running = match running {
                0 => String::new(),
                1 => " (1 is running)".to_owned(),
                _ => format!(" ({running} are running)"),
            };
            lines.push(format!(
                "{count} assistants{running} are deleted, with their tokens, keys and conversations."
            ));
        }
    }
    match ends.keys {
        0 => {}
        1 => lines.push("1 API key stops working.".to_owned()),
        count => lines.push(format!("{count} API keys stop working.")),
    }
    lines.push("All devices are signed out. Activity and webhook deliveries are deleted.".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consequences_list_only_what_exists() {
        assert_eq!(consequences(DeletionPreview::default()).len(), 1);
        let ends = DeletionPreview { assistants: 3, running: 1, subscriptions: 2, keys: 1 };
        let lines = consequences(ends);
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("2 subscriptions") && lines[1].contains(" (1 is running) "));
        assert_eq!(lines[2], "1 API key stops working.");
        let idle = consequences(DeletionPreview { assistants: 2, ..DeletionPreview::default() });
        assert_eq!(idle[0], "2 assistants are deleted, with their tokens, keys and conversations.");
    }
}

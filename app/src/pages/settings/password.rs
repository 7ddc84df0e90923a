//! Another password.

use leptos::prelude::*;

use crate::components::field::{PasswordAgain, TextField};
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::settings::ChangePassword;

/// The present one, unless it was just given, and the new one.
pub(super) fn section(email: &str, given: bool) -> AnyView {
    let form = Form::of::<ChangePassword>("password", &["password", "newPassword"]);
    let email = email.to_owned();
    view! {
        <section class="card" aria-labelledby="password">
            <h2 id="password">"Password"</h2>
            <p>"A new password signs out all other sessions. API keys stay as they are."</p>
            <PostForm form>
                <Problem form/>
                // For password managers: whose password it is.
                <input type="text" autocomplete="username" value=email hidden readonly/>
                <PasswordAgain form given/>
                <TextField
                    form
                    name="new_password"
                    path=&["newPassword"]
                    label="New password"
                    kind="password"
                    autocomplete="new-password"
                    check="password"
                    hint="10 characters or more; a few words are easier to remember."
                />
                <Submit label="Change password" busy="Changing…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

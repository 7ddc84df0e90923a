//! The form that changes the password.

use leptos::prelude::*;

use crate::components::field::{NewPasswordField, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::functions::settings::ChangePassword;

/// Takes the current and the new password. The current one is required even if it was just verified: a stranger at an unlocked
/// computer would otherwise need nothing, and password managers expect both fields.
pub(super) fn section(email: &str) -> AnyView {
    let form = Form::of::<ChangePassword>("password", &["password", "newPassword"]);
    let email = email.to_owned();
    view! {
        <section class="card" aria-labelledby="password">
            <h2 id="password">"Password"</h2>
            <p>"Changing your password signs out other devices. API keys keep working."</p>
            <PostForm form>
                <FormErrorMessage form/>
                // Password managers need the account's name.
                <input type="text" autocomplete="username" value=email hidden readonly/>
                <TextField
                    form
                    name="password"
                    path=&["password"]
                    label="Current password"
                    kind="password"
                    autocomplete="current-password"
                />
                <NewPasswordField form name="new_password" path=&["newPassword"]/>
                <Submit label="Change password" busy="Changing…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

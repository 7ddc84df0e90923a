//! Another password.

use leptos::prelude::*;

use crate::components::field::{NewPasswordField, TextField};
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::settings::ChangePassword;

/// The current one and the new one. The current one is asked for even if it was just given: somebody who sits
/// down at a browser that is signed in would otherwise need nothing, and password managers expect both.
pub(super) fn section(email: &str) -> AnyView {
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

//! The secret that signs callbacks.

use leptos::prelude::*;

use crate::components::code::Copyable;
use crate::components::dialog::Dialog;
use crate::components::field::PasswordAgain;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::keys::RotateCallbackSecret;
use crate::secret::Secret;

/// It is shown on demand: unlike a key it is needed on both sides.
pub(super) fn section(secret: Secret, token: String, given: bool) -> AnyView {
    let form = Form::of::<RotateCallbackSecret>("rotate-secret", &["password"]);
    view! {
        <section class="card" aria-labelledby="signing-secret">
            <h2 id="signing-secret">"Callback signing secret"</h2>
            <p>
                "Reef signs with it what it sends to your server, so that you can tell it from what others send. "
                <a href="/docs/callbacks">"How to verify a callback"</a>
            </p>
            <details>
                <summary>"Show the secret"</summary>
                <Copyable label="Callback signing secret" secret/>
            </details>
            <Dialog
                id="rotate-secret"
                button="Rotate"
                class="quiet small"
                label="Rotate the signing secret"
                title="Make a new signing secret?"
                open=form.has_failed()
            >
                <p>"A new secret signs from now on. The present one signs beside it for 24 hours: give your server the new one by then."</p>
                <PostForm form>
                    <Problem form/>
                    <input type="hidden" name="token" value=token/>
                    <PasswordAgain form given/>
                    <Submit label="Make a new secret" busy="Rotating…"/>
                </PostForm>
            </Dialog>
        </section>
    }
    .into_any()
}

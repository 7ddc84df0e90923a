//! The secret that signs webhooks.

use leptos::prelude::*;

use crate::components::code::Copyable;
use crate::components::dialog::Dialog;
use crate::components::field::ConfirmPassword;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::functions::keys::RotateCallbackSecret;
use crate::secret::Secret;

/// Shows the secret on demand, which is possible because Reef needs it too, and offers to rotate it.
pub(super) fn section(secret: Secret, token: String, password_verified: bool) -> AnyView {
    let form = Form::of::<RotateCallbackSecret>("rotate-secret", &["password"]);
    view! {
        <section class="card" aria-labelledby="signing-secret">
            <h2 id="signing-secret">"Webhook signing secret"</h2>
            <p>
                "Use this secret to verify that webhooks come from Reef. "
                <a href="/docs/callbacks">"How to verify a webhook"</a>
            </p>
            <details>
                <summary>"Show secret"</summary>
                <Copyable label="Webhook signing secret" secret/>
            </details>
            <Dialog
                id="rotate-secret"
                button="Rotate"
                class="quiet small"
                label="Rotate the signing secret"
                title="Rotate the signing secret?"
                open=form.has_failed()
            >
                <p>"Both secrets work for 24 hours. Update your server before then."</p>
                <PostForm form>
                    <FormErrorMessage form/>
                    <input type="hidden" name="token" value=token/>
                    <ConfirmPassword form verified=password_verified reason="For your security, confirm your password to rotate the secret."/>
                    <Submit label="Rotate secret" busy="Rotating…"/>
                </PostForm>
            </Dialog>
        </section>
    }
    .into_any()
}

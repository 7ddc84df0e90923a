//! Sends a form in the background: one handler for every form.

use leptos::ev::SubmitEvent;

use super::form::Form;

/// The handler of a form's `submit`.
#[cfg(feature = "hydrate")]
pub fn sender(form: Form) -> impl Fn(SubmitEvent) + Clone + 'static {
    use leptos::prelude::{GetUntracked, Set};

    let navigate = leptos_router::hooks::use_navigate();
    move |event: SubmitEvent| {
        event.prevent_default();
        let Some(sent) = browser::Sent::of(&event).filter(|_| !form.pending.get_untracked()) else { return };
        form.pending.set(true);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match browser::post(form.path, &sent).await {
                Ok(done) => browser::finish(form, &sent, done, navigate),
                Err(error) => {
                    // The page may have been left meanwhile.
                    form.error.try_set(Some(error));
                    form.pending.try_set(false);
                }
            }
        });
    }
}

/// On the server nobody submits.
#[cfg(not(feature = "hydrate"))]
pub fn sender(_: Form) -> impl Fn(SubmitEvent) + Clone + 'static {
    |_| {}
}

#[cfg(feature = "hydrate")]
mod browser {
    use gloo_net::http::{Request, Response};
    use leptos::ev::SubmitEvent;
    use leptos::prelude::{Set, Update};
    use leptos_router::NavigateOptions;
    use reef_domain::ErrorCode;
    use server_fn::error::{FromServerFnError, ServerFnErrorErr};
    use server_fn::redirect::REDIRECT_HEADER;
    use wasm_bindgen::JsCast;
    use web_sys::{FormData, HtmlFormElement, UrlSearchParams};

    use super::super::form::Form;
    use crate::error::AppError;

    /// A success: what was given, and where to go.
    pub struct Done {
        answer: String,
        to: Option<String>,
    }

    /// What was submitted: the element, and its fields as a plain form sends them.
    pub struct Sent {
        element: HtmlFormElement,
        fields: String,
    }

    impl Sent {
        pub fn of(event: &SubmitEvent) -> Option<Self> {
            let element: HtmlFormElement = event.target()?.dyn_into().ok()?;
            let data = FormData::new_with_form(&element).ok()?;
            let pairs = UrlSearchParams::new_with_str_sequence_sequence(&data).ok()?;
            Some(Self { element, fields: pairs.to_string().as_string()? })
        }
    }

    pub async fn post(path: &str, sent: &Sent) -> Result<Done, AppError> {
        let unreachable = |error: gloo_net::Error| {
            AppError::from_server_fn_error(ServerFnErrorErr::Request(error.to_string()))
        };
        let request = Request::post(path)
            .header("Accept", "application/json")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(&sent.fields)
            .map_err(unreachable)?;
        let response = request.send().await.map_err(unreachable)?;
        if !response.ok() {
            return Err(refusal(&response).await);
        }
        let headers = response.headers();
        let to = headers.get("location").filter(|_| headers.get(REDIRECT_HEADER).is_some());
        Ok(Done { answer: response.text().await.map_err(unreachable)?, to })
    }

    /// What the server function said, or what can be said about an answer that is not from one.
    async fn refusal(response: &Response) -> AppError {
        let told = response.text().await.unwrap_or_default();
        serde_json::from_str(&told).unwrap_or_else(|_| {
            AppError::new(
                ErrorCode::InternalError,
                format!("The server answered {}. Reload the page and try again.", response.status()),
            )
        })
    }

    pub fn finish(form: Form, sent: &Sent, done: Done, navigate: impl Fn(&str, NavigateOptions)) {
        // What was typed has been taken, secrets above all. Only then is what is set now drawn.
        if !form.leaves {
            sent.element.reset();
        }
        form.error.try_set(None);
        form.answer.try_set(Some(done.answer));
        form.successes.try_update(|count| *count += 1);
        let Some(to) = done.to else {
            form.pending.try_set(false);
            return;
        };
        if form.leaves {
            // It stays pending until the other page is there.
            if let Some(window) = web_sys::window()
                && window.location().assign(&to).is_err()
            {
                form.pending.try_set(false);
            }
        } else {
            form.pending.try_set(false);
            navigate(&to, NavigateOptions::default());
        }
    }
}

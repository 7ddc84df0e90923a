//! What a page shows when an error keeps it from showing its content.

use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::Title;
use leptos_router::location::Url;
use reef_domain::ErrorCode;

use crate::components::page::render;
use crate::error::AppError;
use crate::http_status::status_of;
use crate::pages::not_found::NotFoundPage;
use crate::request::{redirect_page, request_path};

/// As [`render`], with a page for the error when the data cannot be loaded.
pub fn render_or_error<F>(view: F) -> impl IntoView
where
    F: Future<Output = Result<AnyView, AppError>> + Send + 'static,
{
    render(async move {
        match view.await {
            Ok(view) => view,
            Err(error) => view! { <ErrorPage error/> }.into_any(),
        }
    })
}

/// The page for an error: sign-in for a visitor, 404 for what does not exist, and the message for anything else.
#[component]
fn ErrorPage(error: AppError) -> impl IntoView {
    match error.code {
        ErrorCode::Unauthorized => view! { <RedirectToSignIn/> }.into_any(),
        ErrorCode::NotFound => view! { <NotFoundPage/> }.into_any(),
        _ => view! { <Failed error/> }.into_any(),
    }
}

/// Redirects to the sign-in page, which leads back here.
#[component]
fn RedirectToSignIn() -> impl IntoView {
    let path = request_path();
    let to = format!("/signin?next={}", Url::escape(&path));
    redirect_page(&to);
    view! {
        <h1>"Sign in to continue"</h1>
        <p><a href=to>"Sign in"</a></p>
    }
}

#[component]
fn Failed(error: AppError) -> impl IntoView {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(status_of(error.code));
    }
    let again = request_path();
    view! {
        <Title text="Something went wrong"/>
        <h1>"Something went wrong"</h1>
        <p role="alert">{error.message}</p>
        <p><a href=again rel="external">"Try again"</a> " · " <a href="/assistants">"Go to dashboard"</a></p>
    }
}

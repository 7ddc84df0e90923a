//! What changes, and what waits: each kind compiled once for all pages, however much of it they show.
//!
//! A closure or a future in a view is a type of its own, and Leptos' machinery around it is compiled for every type:
//! boxed, all of them together made the download a tenth smaller.

use std::pin::Pin;

use leptos::prelude::*;

type Future = Pin<Box<dyn std::future::Future<Output = AnyView> + Send>>;

/// A part of a page that is drawn again when what it reads changes.
pub fn changing(draw: impl Fn() -> AnyView + Send + 'static) -> AnyView {
    let draw: Box<dyn Fn() -> AnyView + Send> = Box::new(draw);
    draw.into_any()
}

/// A part of a page that waits for data; the server waits with it, a browser shows `meanwhile`.
pub fn waiting<F>(meanwhile: &'static str, draw: impl Fn() -> F + Send + Sync + 'static) -> AnyView
where
    F: std::future::Future<Output = AnyView> + Send + 'static,
{
    boxed(meanwhile, Box::new(move || Box::pin(draw())))
}

fn boxed(meanwhile: &'static str, draw: Box<dyn Fn() -> Future + Send + Sync>) -> AnyView {
    view! { <Transition fallback=move || meanwhile>{move || Suspend::new(draw())}</Transition> }.into_any()
}

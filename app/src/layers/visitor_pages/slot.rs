//! Holds one rendered page, and renders it once for everyone who waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::response::Response;
use tokio::sync::Mutex;

use super::rendered::Rendered;

/// How many bytes all held pages may have together.
#[derive(Debug)]
pub(super) struct Budget {
    free: AtomicUsize,
}

impl Budget {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { free: AtomicUsize::new(bytes) }
    }

    /// Uses a part of what is free, unless that is less.
    fn reserve(&self, bytes: usize) -> bool {
        let rest = |free: usize| free.checked_sub(bytes);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.free.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A page as it was rendered from its inputs.
struct Held<I> {
    inputs: I,
    page: Arc<Rendered>,
}

/// The place of one page.
pub(super) struct Slot<I> {
    held: RwLock<Option<Held<I>>>,
    /// Held while the page is rendered.
    rendering: Mutex<()>,
}

impl<I: PartialEq> Slot<I> {
    pub(super) const fn new() -> Self {
        Self { held: RwLock::new(None), rendering: Mutex::const_new(()) }
    }

    /// Gets the page for these inputs. If it is not held, it is rendered, once for everyone who waits meanwhile.
    ///
    /// The inputs are read before rendering. If they change while it runs, the page is rendered again for the next request.
    ///
    /// # Errors
    /// What was rendered if that is not a page for everybody. It is not held.
    pub(super) async fn get(
        &self,
        inputs: I,
        budget: &Budget,
        render: impl AsyncFnOnce() -> Result<Rendered, Box<Response>>,
    ) -> Result<Arc<Rendered>, Box<Response>> {
        if let Some(page) = self.find(&inputs) {
            return Ok(page);
        }
        // If the visitor who renders leaves, the next one who waits renders instead.
        let _rendering = self.rendering.lock().await;
        if let Some(page) = self.find(&inputs) {
            return Ok(page);
        }
        let page = Arc::new(render().await?);
        self.hold(inputs, &page, budget);
        Ok(page)
    }

    fn find(&self, inputs: &I) -> Option<Arc<Rendered>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|held| held.inputs == *inputs).map(|held| Arc::clone(&held.page))
    }

    /// Replaces the held page, which is outdated. A page for which there is no room is rendered again for the next request.
    fn hold(&self, inputs: I, page: &Arc<Rendered>, budget: &Budget) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(outdated) = held.take() {
            budget.release(outdated.page.size());
        }
        if budget.reserve(page.size()) {
            *held = Some(Held { inputs, page: Arc::clone(page) });
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::{Html, IntoResponse as _};
    use futures::future::join_all;

    use super::*;

    /// Counts renderings of pages of 1000 bytes.
    #[derive(Default)]
    struct Renderer {
        count: AtomicUsize,
    }

    impl Renderer {
        async fn render(&self) -> Result<Rendered, Box<Response>> {
            self.count.fetch_add(1, Ordering::Relaxed);
            // Everyone else arrives while this one waits.
            tokio::task::yield_now().await;
            Rendered::from_response(Html("x".repeat(1000)).into_response()).await
        }

        fn count(&self) -> usize {
            self.count.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn page_is_rendered_once_for_all_who_wait() {
        let (slot, budget, renderer) = (Slot::new(), Budget::new(10_000), Renderer::default());
        let visit = async |inputs: u8| slot.get(inputs, &budget, || renderer.render()).await.is_ok();
        assert_eq!(join_all((0..100).map(|_| visit(1))).await, [true; 100]);
        assert_eq!(renderer.count(), 1);
        // Changed inputs render it again, once.
        assert_eq!(join_all((0..100).map(|_| visit(2))).await, [true; 100]);
        assert_eq!(renderer.count(), 2);
    }

    #[tokio::test]
    async fn visitor_who_leaves_while_rendering_blocks_nobody() {
        let (slot, budget, renderer) = (Slot::new(), Budget::new(10_000), Renderer::default());
        let mut first = Box::pin(slot.get(1, &budget, || renderer.render()));
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        assert!(slot.get(1, &budget, || renderer.render()).await.is_ok());
        assert_eq!(renderer.count(), 2);
    }

    #[tokio::test]
    async fn failed_rendering_is_not_held() {
        let (slot, budget, renderer) = (Slot::new(), Budget::new(10_000), Renderer::default());
        let failing = async || Rendered::from_response(StatusCode::NOT_FOUND.into_response()).await;
        let failed = slot.get(1, &budget, failing).await.expect_err("a failure");
        assert_eq!(failed.status(), StatusCode::NOT_FOUND);
        assert!(slot.get(1, &budget, || renderer.render()).await.is_ok());
    }

    /// There is room for one page, and an outdated page makes room for its successor.
    #[tokio::test]
    async fn pages_over_budget_are_not_held() {
        let (budget, renderer) = (Budget::new(1500), Renderer::default());
        let (first, second) = (Slot::new(), Slot::new());
        let visit = async |slot: &Slot<u8>, inputs| {
            assert!(slot.get(inputs, &budget, || renderer.render()).await.is_ok());
        };
        visit(&first, 1).await;
        visit(&first, 2).await;
        visit(&first, 2).await;
        assert_eq!(renderer.count(), 2);
        visit(&second, 1).await;
        visit(&second, 1).await;
        assert_eq!(renderer.count(), 4);
    }
}

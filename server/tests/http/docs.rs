//! The API reference as Markdown, in `llms.txt` and as pages.

use crate::support::App;

async fn fetch(app: &App, path: &str) -> (u16, String, String) {
    let answer = app.http.get(app.url(path)).send().await.unwrap();
    let header =
        |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (status, kind, cache) = (answer.status().as_u16(), header("content-type"), header("cache-control"));
    if status == 200 {
        assert_eq!(cache, "public, max-age=300", "{path}");
    }
    (status, kind, answer.text().await.unwrap())
}

#[tokio::test]
async fn llms_txt_links_return_markdown() {
    let app = App::start().await;
    let (status, kind, index) = fetch(&app, "/llms.txt").await;
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    assert!(index.starts_with("# Reef API\n\n> "), "{index}");
    let (_, _, full) = fetch(&app, "/llms-full.txt").await;
    let base = app.url("");
    let links =
        index.lines().filter_map(|line| line.strip_prefix("- [")?.split_once("](")?.1.split_once("):"));
    let mut pages = 0;
    for (link, _) in links {
        let (status, kind, text) = fetch(&app, link.strip_prefix(&base).unwrap()).await;
        assert_eq!((status, kind.as_str()), (200, "text/markdown; charset=utf-8"), "{link}");
        assert!(text.starts_with("# ") && full.contains(&text), "{link}");
        pages += 1;
    }
    // The index lists all pages: the operations and the guides.
    assert_eq!(pages, reef_server::docs::build(&base).pages().len());
    assert!(pages > 20, "{index}");
}

#[tokio::test]
async fn docs_use_public_url_and_stay_without_api() {
    let vars = [
        ("PUBLIC_URL", "https://reef.example.com"),
        ("SANDBOX_ALLOW_REMOTE", "true"),
        ("ASSISTANTS_API_V1_ENABLED", "false"),
    ];
    let app = App::start_with(&vars).await;
    let (status, _, text) = fetch(&app, "/docs/stop-assistant.md").await;
    assert_eq!(status, 200);
    assert!(text.contains("`POST https://reef.example.com/api/v1/assistants/{deploymentId}/stop`"), "{text}");
    assert_eq!(fetch(&app, "/docs/no-such-page.md").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn docs_pages_are_rendered_on_server() {
    let app = App::start().await;
    for page in reef_server::docs::build(&app.url("")).pages() {
        let answer = app.http.get(app.url(&page.path)).send().await.unwrap();
        let (status, html) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{}", page.path);
        assert!(html.contains(&page.html), "{}", page.path);
        assert!(html.contains(&format!("href=\"{}.md\"", page.path)), "{}", page.path);
        assert_eq!(html.matches("<meta name=\"description\" content=\"").count(), 1, "{}", page.path);
    }
    assert_eq!(app.http.get(app.url("/docs/no-such-page")).send().await.unwrap().status(), 404);
}

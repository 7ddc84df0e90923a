//! The built site: the files that browsers download, each with a copy that is compressed with brotli.
//!
//! In development the site is read from the folder in `REEF_SITE_DIR`, or from `target/site`; a binary that was built with
//! the feature `embed-site` contains it. In both cases it is held in memory, so no request reads the disk and no request path
//! can name a file outside of it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_app::Assets;

/// Names below `/pkg/` contain a hash of the content, so their content never changes.
const CACHE_HASHED: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Other names stay the same while their content may change.
const CACHE_NAMED: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The files of the site. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Site {
    assets: Option<Assets>,
    files: Arc<HashMap<String, File>>,
}

#[derive(Debug)]
struct File {
    content_type: HeaderValue,
    plain: Bytes,
    brotli: Option<Bytes>,
}

/// Why the site could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file or folder could not be read.
    #[cfg(not(feature = "embed-site"))]
    #[error("{path} could not be read")]
    Read {
        /// The path of the file or folder.
        path: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The site's `manifest.json` is invalid.
    #[error("the site's manifest.json is invalid")]
    Manifest(#[source] serde_json::Error),
}

impl Site {
    /// Loads the site. If it was not built, as in tests, pages work without styles and scripts, and a warning is logged.
    ///
    /// # Errors
    /// Returns an error if the site exists but cannot be read, or its manifest is invalid.
    pub fn load() -> Result<Self, SiteError> {
        let site = Self::from_files(source::read()?)?;
        if site.assets.is_none() {
            tracing::warn!(
                "built site not found; pages have no styles and scripts until `cargo xtask site` has built it"
            );
        }
        Ok(site)
    }

    /// The names of the files that pages link to, or `None` if the site was not built.
    pub fn assets(&self) -> Option<Assets> {
        self.assets.clone()
    }

    /// Serves `/pkg/{file}` and `/favicon.svg`, with 404 for files that do not exist.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/pkg/{*file}", get(serve_hashed))
            .route(
                "/favicon.svg",
                get(async |State(site): State<Site>, headers: HeaderMap| {
                    site.serve_named("favicon.svg", &headers)
                }),
            )
            .with_state(self.clone())
    }

    fn from_files(mut all: HashMap<String, Bytes>) -> Result<Self, SiteError> {
        let assets =
            all.remove("manifest.json").map(|manifest| serde_json::from_slice(&manifest)).transpose();
        let assets = assets.map_err(SiteError::Manifest)?;
        let names: Vec<String> = all.keys().filter(|name| !name.ends_with(".br")).cloned().collect();
        let mut files = HashMap::new();
        for name in names {
            let brotli = all.remove(&format!("{name}.br"));
            if let Some(plain) = all.remove(&name) {
                files.insert(name.clone(), File { content_type: content_type(&name), plain, brotli });
            }
        }
        Ok(Self { assets, files: Arc::new(files) })
    }

    fn serve_named(&self, name: &str, request: &HeaderMap) -> Response {
        self.serve(name, request, CACHE_NAMED)
    }

    fn serve(&self, name: &str, request: &HeaderMap, cache: HeaderValue) -> Response {
        let Some(file) = self.files.get(name) else { return StatusCode::NOT_FOUND.into_response() };
        let brotli = file.brotli.as_ref().filter(|_| accepts_brotli(request));
        let mut response = brotli.unwrap_or(&file.plain).clone().into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, file.content_type.clone());
        headers.insert(header::CACHE_CONTROL, cache);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if brotli.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        response
    }
}

async fn serve_hashed(State(site): State<Site>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    site.serve(&format!("pkg/{file}"), &headers, CACHE_HASHED)
}

/// Returns the content type by the file's extension. Text types get a charset, because browsers would guess it.
fn content_type(name: &str) -> HeaderValue {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let text = guess.type_() == "text" || guess.subtype() == "javascript";
    let full = if text { format!("{guess}; charset=utf-8") } else { guess.to_string() };
    HeaderValue::from_str(&full).expect("a content type is a valid header value")
}

/// Whether `Accept-Encoding` names `br` or `*` without excluding it by `q=0` (RFC 9110, 12.5.3).
fn accepts_brotli(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING);
    let codings = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut any = false;
    for coding in codings {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight =
            weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).unwrap_or(1.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("br") => return weight > 0.0,
            "*" => any = weight > 0.0,
            _ => {}
        }
    }
    any
}

/// Reads the site that is embedded in the binary.
#[cfg(feature = "embed-site")]
mod source {
    use std::borrow::Cow;
    use std::collections::HashMap;

    use axum::body::Bytes;

    use super::SiteError;

    #[derive(rust_embed::Embed)]
    #[folder = "$CARGO_MANIFEST_DIR/../target/site"]
    struct Embedded;

    #[expect(clippy::unnecessary_wraps, reason = "the same signature as in development")]
    pub(super) fn read() -> Result<HashMap<String, Bytes>, SiteError> {
        let file = |name: Cow<'static, str>| {
            let data = Embedded::get(&name)?.data;
            let bytes = match data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            };
            Some((name.into_owned(), bytes))
        };
        Ok(Embedded::iter().filter_map(file).collect())
    }
}

/// Reads the site from disk.
#[cfg(not(feature = "embed-site"))]
mod source {
    use std::collections::HashMap;
    use std::path::{Path, PathBuf};
    use std::{env, fs, io};

    use axum::body::Bytes;

    use super::SiteError;

    pub(super) fn read() -> Result<HashMap<String, Bytes>, SiteError> {
        let folder = env::var_os("REEF_SITE_DIR").map_or_else(|| PathBuf::from("target/site"), PathBuf::from);
        let mut files = HashMap::new();
        if folder.is_dir() {
            collect(&folder, "", &mut files)?;
        }
        Ok(files)
    }

    /// Collects all files below `folder`, named by their path from the site's root with `/` as the separator.
    fn collect(folder: &Path, prefix: &str, files: &mut HashMap<String, Bytes>) -> Result<(), SiteError> {
        for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
            let path = entry.map_err(|source| failed(folder, source))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                collect(&path, &format!("{name}/"), files)?;
            } else {
                files.insert(name, fs::read(&path).map_err(|source| failed(&path, source))?.into());
            }
        }
        Ok(())
    }

    fn failed(path: &Path, source: io::Error) -> SiteError {
        SiteError::Read { path: path.display().to_string(), source }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::http::{Request, Response, header};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::Site;

    fn site() -> Site {
        let files = [
            ("manifest.json", r#"{"js":"a-1.js","wasm":"a-1_bg.wasm","css":"a-2.css"}"#),
            ("pkg/a-1.js", "plain"),
            ("pkg/a-1.js.br", "small"),
            ("pkg/a-1_bg.wasm", "wasm"),
            ("favicon.svg", "<svg/>"),
        ];
        let files: HashMap<String, Bytes> = files
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Bytes::from_static(text.as_bytes())))
            .collect();
        Site::from_files(files).unwrap()
    }

    async fn get(path: &str, accept: &str) -> Response<Body> {
        let request = Request::get(path).header(header::ACCEPT_ENCODING, accept).body(Body::empty()).unwrap();
        let router: Router = site().router();
        router.oneshot(request).await.unwrap()
    }

    async fn text(response: Response<Body>) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn hashed_file_is_immutable_and_compressed() {
        let response = get("/pkg/a-1.js", "gzip, br;q=0.9").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
        assert_eq!(text(response).await, "small");
    }

    #[tokio::test]
    async fn brotli_is_sent_only_if_accepted() {
        for accept in ["", "gzip", "br;q=0", "br; q=0, *", "*;q=0"] {
            let response = get("/pkg/a-1.js", accept).await;
            assert!(!response.headers().contains_key(header::CONTENT_ENCODING), "{accept}");
            assert_eq!(text(response).await, "plain", "{accept}");
        }
        assert_eq!(text(get("/pkg/a-1.js", "*").await).await, "small");
    }

    #[tokio::test]
    async fn wasm_has_streaming_content_type() {
        assert_eq!(get("/pkg/a-1_bg.wasm", "br").await.headers()[header::CONTENT_TYPE], "application/wasm");
    }

    #[tokio::test]
    async fn unknown_file_returns_404() {
        assert_eq!(get("/favicon.svg", "br").await.status(), 200);
        for path in [
            "/robots.txt",
            "/pkg/manifest.json",
            "/pkg/a-1.js.br",
            "/pkg/../Cargo.toml",
            "/pkg/%2e%2e/manifest.json",
        ] {
            assert_eq!(get(path, "br").await.status(), 404, "{path}");
        }
    }
}

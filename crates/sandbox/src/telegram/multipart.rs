//! Reading `multipart/form-data`.

use axum::{
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request},
    http::{HeaderMap, header},
};

/// A file as it was uploaded.
pub(super) struct File {
    /// The name of the form's field.
    pub field: String,
    pub name: String,
    pub mime: Option<String>,
    pub bytes: Bytes,
}

/// The fields and the files of a form.
#[derive(Default)]
pub(super) struct Form {
    pub fields: Vec<(String, String)>,
    pub files: Vec<File>,
}

/// Returns the content type of a form with files.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    kind.starts_with("multipart/form-data").then_some(kind)
}

/// Parses a form. The error says what is wrong with it.
pub(super) async fn read(content_type: &str, body: Bytes) -> Result<Form, String> {
    let mut request = Request::builder()
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from(body))
        .map_err(|error| error.to_string())?;
    // The body has been read within the route's own limit.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| error.to_string())?;
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(|error| error.body_text())? {
        let field = part.name().unwrap_or_default().to_owned();
        let Some(name) = part.file_name().map(str::to_owned) else {
            form.fields.push((field, part.text().await.map_err(|error| error.body_text())?));
            continue;
        };
        let mime = part.content_type().map(str::to_owned);
        let bytes = part.bytes().await.map_err(|error| error.body_text())?;
        // Browsers send an empty part without a name if no file is chosen.
        if !(name.is_empty() && bytes.is_empty()) {
            form.files.push(File { field, name, mime, bytes });
        }
    }
    Ok(form)
}

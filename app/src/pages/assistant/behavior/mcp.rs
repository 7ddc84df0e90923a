//! The MCP servers whose tools an assistant may use, with a form for each.

use leptos::prelude::*;
use reef_domain::settings::{MCP_SERVERS_MAX, McpServer};

use crate::components::dialog::Dialog;
use crate::components::field::{Checkbox, TextField};
use crate::components::form::{FieldIssue, Form, FormErrorMessage, PostForm, Submit};
use crate::functions::mcp::{RemoveMcpServer, SaveMcpServer};

/// The names of the forms of the servers, which make the ids of their fields unique.
const FORMS: [&str; MCP_SERVERS_MAX] =
    ["mcp-1", "mcp-2", "mcp-3", "mcp-4", "mcp-5", "mcp-6", "mcp-7", "mcp-8", "mcp-9", "mcp-10"];

/// The names of the form's fields in issues.
const FIELDS: &[&str] = &["name", "url", "headers", "headerName", "headerValue"];

/// The list of servers, and the form that adds one.
pub(super) fn section(id: &str, servers: &[McpServer]) -> AnyView {
    let entry = |(server, name): (&McpServer, &&'static str)| entry(id, server, name);
    let content = if servers.is_empty() {
        view! { <p class="hint">"No servers yet."</p> }.into_any()
    } else {
        view! { <ul class="rows">{servers.iter().zip(&FORMS).map(entry).collect_view()}</ul> }.into_any()
    };
    view! {
        <section class="card" aria-labelledby="mcp">
            <h2 id="mcp">"MCP servers"</h2>
            <p>"Remote servers whose tools your assistant may use, such as a calendar or a search in your own documents. They are saved for later: assistants can’t use them yet."</p>
            {content}
            {(servers.len() < MCP_SERVERS_MAX).then(|| add(id))}
        </section>
    }
    .into_any()
}

fn add(id: &str) -> AnyView {
    let form = Form::of::<SaveMcpServer>("mcp-new", FIELDS).for_item("original", "");
    let id = id.to_owned();
    view! {
        <details id="add-mcp" open=form.has_failed()>
            <summary>"Add a server"</summary>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="original" value=""/>
                <TextField form name="name" path=&["name"] label="Name" hint="Up to 64 characters. It can’t be changed later."/>
                {url_field(form, String::new())}
                {new_header(form, "Header")}
                <Checkbox form name="is_enabled" label="Use this server" checked=true/>
                <Submit label="Add server" busy="Adding…"/>
            </PostForm>
        </details>
    }
    .into_any()
}

fn url_field(form: Form, value: String) -> AnyView {
    view! {
        <TextField
            form
            name="url"
            path=&["url"]
            label="URL"
            inputmode="url"
            value
            hint="It must start with https:// and be reachable from the internet."
        />
    }
    .into_any()
}

/// Fields for a header that the server does not have yet.
fn new_header(form: Form, label: &'static str) -> AnyView {
    let name_label = if label == "Header" { "Header name" } else { "Name of another header" };
    let value_label = if label == "Header" { "Header value" } else { "Value of another header" };
    view! {
        <TextField
            form
            name="header_name"
            path=&["headerName"]
            label=name_label
            optional=true
            hint="Such as Authorization."
        />
        <TextField
            form
            name="header_value"
            path=&["headerValue"]
            label=value_label
            kind="password"
            autocomplete="new-password"
            optional=true
            hint="Encrypted, and never shown again."
        />
    }
    .into_any()
}

fn entry(id: &str, server: &McpServer, name: &'static str) -> AnyView {
    let form = Form::of::<SaveMcpServer>(name, FIELDS).for_item("original", &server.name);
    let (badge, class) = if server.enabled { ("On", "badge good") } else { ("Off", "badge") };
    let headers = match &*server.header_names {
        [] => "No headers".to_owned(),
        names => format!("Headers: {}", names.join(", ")),
    };
    let (url, known) = (url_field(form, server.url.clone()), known_headers(form, &server.header_names));
    let is_enabled = server.enabled;
    let save_label = format!("Save {}", server.name);
    let (title, original, id_value) = (server.name.clone(), server.name.clone(), id.to_owned());
    view! {
        <li>
            <p><strong>{title.clone()}</strong> " " <span class=class>{badge}</span></p>
            <p class="hint break">{server.url.clone()}</p>
            <p class="hint break">{headers}</p>
            <div class="buttons">
                <details id=format!("edit-{name}") open=form.has_failed()>
                    <summary aria-label=format!("Edit {title}")>"Edit"</summary>
                    <PostForm form>
                        <FormErrorMessage form/>
                        <input type="hidden" name="id" value=id_value/>
                        <input type="hidden" name="original" value=original/>
                        {url}
                        {known}
                        {new_header(form, "Another")}
                        <Checkbox form name="is_enabled" label="Use this server" checked=is_enabled/>
                        <Submit label="Save server" busy="Saving…" aria_label=save_label/>
                    </PostForm>
                </details>
                {remove(id, &server.name, name)}
            </div>
        </li>
    }
    .into_any()
}

/// A field for a new value of each header that the server has. Their values are never shown.
fn known_headers(form: Form, names: &[String]) -> Option<AnyView> {
    if names.is_empty() {
        return None;
    }
    let issue_id = form.id("headers-issue");
    let described_by = issue_id.clone();
    let field = move |(index, name): (usize, &String)| {
        let id = form.id(&format!("header-{index}"));
        let label = format!("New value of {name}");
        view! {
            <div class="field">
                <label for=id.clone()>{label} <span class="optional">" (optional)"</span></label>
                <input type="hidden" name="header_names[]" value=name.clone()/>
                <input
                    id=id
                    name="header_values[]"
                    type="password"
                    autocomplete="new-password"
                    aria-describedby=described_by.clone()
                />
                <Checkbox form name="removed_headers[]" value=name.clone() label=format!("Remove {name}")/>
            </div>
        }
    };
    let view = view! {
        <p class="hint">"Headers keep their values where you leave the field empty."</p>
        {names.iter().enumerate().map(field).collect_view()}
        <FieldIssue form id=issue_id path=&["headers"]/>
    };
    Some(view.into_any())
}

fn remove(id: &str, server: &str, name: &'static str) -> AnyView {
    let form = Form::of::<RemoveMcpServer>("mcp-remove", &[]).for_item("name", server);
    let (id, hidden, label) = (id.to_owned(), server.to_owned(), format!("Remove {server}"));
    view! {
        <Dialog
            id=format!("remove-{name}")
            button="Remove"
            class="quiet small"
            label=label.clone()
            title=format!("{label}?")
            open=form.has_failed()
        >
            <p>"Your assistant no longer uses the tools of this server. The values of its headers are deleted."</p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="name" value=hidden/>
                <Submit label="Remove server" busy="Removing…" class="danger"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

//! `/assistants`: all of them, searched and filtered.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;
use reef_domain::catalog::Catalog;
use reef_domain::page::Cursor;
use reef_domain::search::Search;
use reef_domain::wire::{AssistantRecord, Status};
use reef_service::assistants::Found;

use crate::components::notice::Done;
use crate::components::page::{Head, Region, drawn_or_failure};
use crate::components::small::{Payment, Refresh, StatusBadge, When};
use crate::error::AppError;
use crate::islands::Live;
use crate::server::signed_in;
use crate::snapshot::Snapshot;
use crate::text;

/// What is looked for, as the address says it.
#[derive(Clone, Default)]
struct Asked {
    words: String,
    status: Option<Status>,
    after: Option<String>,
}

impl Asked {
    fn of_address() -> Self {
        use_query_map().with_untracked(|query| Self {
            words: query.get("q").unwrap_or_default(),
            status: query.get_str("status").and_then(Status::parse),
            after: query.get("after"),
        })
    }

    /// The address of the first page.
    fn address(&self) -> String {
        let status = self.status.map_or("", Status::as_str);
        format!("/assistants?q={}&status={status}", Url::escape(&self.words))
    }

    /// The address of the page after this one.
    fn next(&self, cursor: Cursor) -> String {
        format!("{}&after={}", self.address(), Url::escape(&cursor.to_string()))
    }
}

struct List {
    asked: Asked,
    found: Found,
    catalog: Arc<Catalog>,
    stream: String,
}

/// The list, kept up to date.
#[component]
pub(crate) fn AssistantsPage() -> impl IntoView {
    let asked = Asked::of_address();
    view! {
        <Head title="Assistants" description="Your assistants in Telegram and how each of them is."/>
        {drawn_or_failure(async move { Ok(list(&load(asked).await?)) })}
    }
}

async fn load(asked: Asked) -> Result<List, AppError> {
    let (services, caller) = signed_in().await?;
    let all = services.list_assistants(&caller).await?;
    let stream = Snapshot::of_list(&all)?.stream("/live/assistants");
    let search = Search::new(&asked.words, asked.status);
    let after = asked.after.as_deref().and_then(Cursor::parse);
    let found = services.search_assistants(&caller, &search, after).await?;
    Ok(List { asked, found, catalog: services.catalog().await?, stream })
}

fn list(List { asked, found, catalog, stream }: &List) -> AnyView {
    let total: i64 = found.counts.iter().map(|(_, count)| count).sum();
    let content = if total == 0 {
        view! { <Empty/> }.into_any()
    } else if found.records.is_empty() {
        view! {
            <div class="empty">
                <h2>"Nothing matches"</h2>
                <p>"No assistant has this in its name, model or id, in this status."</p>
                <p><a class="button quiet" href="/assistants">"Show all"</a></p>
            </div>
        }
        .into_any()
    } else {
        let older = found
            .next
            .map(|cursor| view! { <p><a class="button quiet" href=asked.next(cursor)>"Older ones"</a></p> });
        view! { <Table assistants=found.records.clone() catalog=catalog.clone()/> {older} }.into_any()
    };
    let found = in_words(asked, found).map(|words| view! { <p class="hint">{words}</p> });
    view! {
        <div class="page-head">
            <h1>"Assistants"</h1>
            <a class="button" href="/assistants/new">"Buy a slot"</a>
        </div>
        <Done fleeting=true/>
        <Live path=stream.clone()/>
        {filter(asked)}
        <Region name="found" spoken=true>{found}</Region>
        <Region name="list">{content}</Region>
        <Refresh to=asked.address()/>
        <p class="hint"><a href="/billing">"Billing"</a> " · " <a href="/receipts">"Receipts of deleted assistants"</a></p>
    }
    .into_any()
}

/// How many there are: of what was asked for, or of each status.
fn in_words(asked: &Asked, found: &Found) -> Option<String> {
    let counted =
        |count: i64| if count == 1 { "1 assistant".to_owned() } else { format!("{count} assistants") };
    if !asked.words.is_empty() || asked.status.is_some() {
        let more = if found.next.is_some() { " and more" } else { "" };
        let shown = i64::try_from(found.records.len()).unwrap_or(i64::MAX);
        return Some(format!("{} found{more}.", counted(shown)));
    }
    let each: Vec<String> =
        found.counts.iter().map(|(status, count)| format!("{count} {}", text::status(*status))).collect();
    let all = found.counts.iter().map(|(_, count)| count).sum();
    (all > 0).then(|| format!("{}: {}.", counted(all), each.join(", ")))
}

#[component]
fn Empty() -> impl IntoView {
    view! {
        <div class="empty">
            <h2>"No assistant yet"</h2>
            <p>"It begins with a slot: buy one, then give it a bot and a model. It answers within seconds."</p>
            <p><a class="button" href="/assistants/new">"Buy your first slot"</a></p>
        </div>
    }
}

/// A search form. With a script it shows what it finds while one types.
fn filter(asked: &Asked) -> AnyView {
    // All of them: the list goes on while this stays, and what there is none of now may come.
    let option = |&status: &Status| {
        view! {
            <option value=status.as_str() selected=asked.status == Some(status)>{text::status(status)}</option>
        }
    };
    view! {
        <form class="filter wide" method="get" action="/assistants" role="search" data-filter="">
            <div class="field">
                <label for="filter-q">"Search"</label>
                <input id="filter-q" type="search" name="q" value=asked.words.clone() maxlength="100" autocomplete="off"/>
            </div>
            <div class="field">
                <label for="filter-status">"Status"</label>
                <select id="filter-status" name="status">
                    <option value="">"all"</option>
                    {Status::ALL.iter().map(option).collect_view()}
                </select>
            </div>
            <button type="submit" class="quiet without-script">"Show"</button>
        </form>
    }
    .into_any()
}

#[component]
fn Table(assistants: Vec<AssistantRecord>, catalog: Arc<Catalog>) -> impl IntoView {
    let row = |assistant: AssistantRecord| {
        let name = |id: &String| catalog.name_of(assistant.model_provider, id);
        let model = assistant.model_id.as_ref().map_or_else(|| "–".to_owned(), name);
        view! {
            <tr>
                <th scope="row"><a href=format!("/assistants/{}", assistant.id)>{assistant.name}</a></th>
                <td data-label="Status"><StatusBadge status=assistant.status/></td>
                <td data-label="Model">{model}</td>
                <td data-label="Mode">{text::mode(assistant.api_mode)}</td>
                <td data-label="Payment"><Payment status=assistant.payment_status/></td>
                <td data-label="Ordered"><When at=assistant.created_at/></td>
            </tr>
        }
    };
    view! {
        <table class="cards rows-lead">
            <thead>
                <tr>
                    <th scope="col">"Name"</th>
                    <th scope="col">"Status"</th>
                    <th scope="col">"Model"</th>
                    <th scope="col">"Mode"</th>
                    <th scope="col">"Payment"</th>
                    <th scope="col">"Ordered"</th>
                </tr>
            </thead>
            <tbody>{assistants.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}

//! `/assistants`: the list of assistants, with search and filter.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::location::Url;
use reef_domain::catalog::Catalog;
use reef_domain::query::Cursor;
use reef_domain::search::Search;
use reef_domain::wire::{AssistantRecord, PaymentStatus, Status};
use reef_frontend::Live;
use reef_service::assistants::SearchPage;
use reef_service::health::Verdicts;

use crate::components::error_page::render_or_error;
use crate::components::health::HealthDot;
use crate::components::model;
use crate::components::notice::Notice;
use crate::components::page::{Head, Region};
use crate::components::payment::{UpdateCard, payment_status};
use crate::components::time_and_status::{Refresh, StatusBadge, Time};
use crate::error::AppError;
use crate::labels;
use crate::request::query_value;
use crate::server::authenticate;
use crate::snapshot::Snapshot;

/// The search, as the query of the address has it.
#[derive(Clone, Default)]
struct ListQuery {
    text: String,
    status: Option<Status>,
    after: Option<String>,
}

impl ListQuery {
    fn from_address() -> Self {
        Self {
            text: query_value("q").unwrap_or_default(),
            status: query_value("status").as_deref().and_then(Status::parse),
            after: query_value("after"),
        }
    }

    /// The address of the first page of results.
    fn address(&self) -> String {
        let status = self.status.map_or("", Status::as_str);
        format!("/assistants?q={}&status={status}", Url::escape(&self.text))
    }

    /// The address of the page after this one.
    fn next_address(&self, cursor: Cursor) -> String {
        format!("{}&after={}", self.address(), Url::escape(&cursor.to_string()))
    }
}

struct ListData {
    query: ListQuery,
    found: SearchPage,
    catalog: Arc<Catalog>,
    verdicts: Arc<Verdicts>,
    stream: String,
}

#[component]
pub(crate) fn AssistantsPage() -> impl IntoView {
    let query = ListQuery::from_address();
    view! {
        <Head title="Assistants" description="Your Telegram assistants and their status."/>
        {render_or_error(async move { Ok(list(load(query).await?)) })}
    }
}

async fn load(query: ListQuery) -> Result<ListData, AppError> {
    let (services, caller) = authenticate().await?;
    let all = services.assistant_list(&caller).await?;
    let verdicts = all.verdicts();
    let stream = Snapshot::of_list(all.records(), &verdicts)?.stream("/live/assistants");
    let search = Search::new(&query.text, query.status);
    let after = query.after.as_deref().and_then(Cursor::parse);
    let catalog = all.catalog();
    Ok(ListData { query, found: all.search(&search, after), catalog, verdicts, stream })
}

fn list(ListData { query, found, catalog, verdicts, stream }: ListData) -> AnyView {
    let summary = summary(&query, &found).map(|text| view! { <p class="hint">{text}</p> });
    let total: i64 = found.counts.iter().map(|(_, count)| count).sum();
    let content = if total == 0 {
        view! { <Empty/> }.into_any()
    } else if found.records.is_empty() {
        view! {
            <div class="empty">
                <h2>{no_results(&query)}</h2>
                <p><a class="button quiet" href="/assistants">"Clear search"</a></p>
            </div>
        }
        .into_any()
    } else {
        let older = found.next.map(
            |cursor| view! { <p><a class="button quiet" href=query.next_address(cursor)>"Older assistants"</a></p> },
        );
        view! { <Table assistants=found.records catalog verdicts/> {older} }.into_any()
    };
    view! {
        <div class="page-head">
            <h1>"Assistants"</h1>
            <a class="button" href="/assistants/new">"New assistant"</a>
        </div>
        <Notice transient=true/>
        <Live path=stream/>
        {filter(&query)}
        <Region name="found" announced=true>{summary}</Region>
        <Region name="list">{content}</Region>
        <Refresh to=query.address()/>
        <p class="hint"><a href="/billing">"Billing"</a> " · " <a href="/receipts">"Deleted assistants"</a></p>
    }
    .into_any()
}

fn no_results(query: &ListQuery) -> String {
    if query.text.is_empty() {
        "No results".to_owned()
    } else {
        format!("No results for “{}”", query.text)
    }
}

/// How many assistants were found, or without a search how many there are in each status.
fn summary(query: &ListQuery, found: &SearchPage) -> Option<String> {
    let counted =
        |count: i64| if count == 1 { "1 assistant".to_owned() } else { format!("{count} assistants") };
    if !query.text.is_empty() || query.status.is_some() {
        let shown = counted(i64::try_from(found.records.len()).unwrap_or(i64::MAX));
        let is_cut = found.next.is_some();
        return Some(if is_cut { format!("{shown} shown") } else { format!("{shown} found") });
    }
    let each = found
        .counts
        .iter()
        .map(|(status, count)| format!(" · {count} {}", labels::status_in_sentence(*status)))
        .collect::<String>();
    let all = found.counts.iter().map(|(_, count)| count).sum();
    (all > 0).then(|| format!("{}{each}", counted(all)))
}

#[component]
fn Empty() -> impl IntoView {
    view! {
        <div class="empty">
            <h2>"No assistants yet"</h2>
            <p>"Create one, connect your Telegram bot and go live in minutes."</p>
            <p><a class="button" href="/assistants/new">"Create your first assistant"</a></p>
        </div>
    }
}

/// The search form. With scripts it searches while the reader types.
fn filter(query: &ListQuery) -> AnyView {
    // All statuses, also those without an assistant: live updates change the list, but not this form.
    let option = |&status: &Status| {
        view! {
            <option value=status.as_str() selected=query.status == Some(status)>{labels::status_label(status)}</option>
        }
    };
    view! {
        <form class="filter wide" method="get" action="/assistants" role="search" data-filter="">
            <div class="field">
                <label for="filter-q">"Search"</label>
                <input id="filter-q" type="search" name="q" value=query.text.clone() maxlength="100" autocomplete="off"/>
            </div>
            <div class="field">
                <label for="filter-status">"Status"</label>
                <select id="filter-status" name="status">
                    <option value="">"All statuses"</option>
                    {Status::ALL.iter().map(option).collect_view()}
                </select>
            </div>
            <button type="submit" class="quiet without-script">"Search"</button>
        </form>
    }
    .into_any()
}

#[component]
fn Table(
    assistants: Vec<Arc<AssistantRecord>>,
    catalog: Arc<Catalog>,
    verdicts: Arc<Verdicts>,
) -> impl IntoView {
    let row = |assistant: Arc<AssistantRecord>| {
        let name = |id: &String| model::name(&catalog, assistant.model_provider, id);
        let is_past_due = assistant.payment_status == PaymentStatus::PastDue;
        let update_card = is_past_due.then(|| {
            let (id, name) = (assistant.id.clone(), assistant.name.clone());
            view! { <div class="actions"><UpdateCard id name class="quiet small"/></div> }
        });
        let is_active = assistant.status == Status::Active;
        let health = verdicts.get(&assistant.id).filter(|_| is_active);
        let health = health.map(|verdict| view! { " " <HealthDot verdict=*verdict/> });
        let payment = payment_status(&assistant);
        let model = assistant.model_id.as_ref().map_or_else(|| "–".to_owned(), name);
        view! {
            <tr>
                <th scope="row"><a href=format!("/assistants/{}", assistant.id)>{assistant.name.clone()}</a></th>
                <td data-label="Status"><StatusBadge status=assistant.status/> {health}</td>
                <td data-label="Model">{model}</td>
                <td data-label="Plan">{labels::plan_label(assistant.api_mode)}</td>
                <td data-label="Payment">{payment} {update_card}</td>
                <td data-label="Created"><Time at=assistant.created_at/></td>
            </tr>
        }
    };
    view! {
        <table class="cards linked-rows">
            <thead>
                <tr>
                    <th scope="col">"Name"</th>
                    <th scope="col">"Status"</th>
                    <th scope="col">"Model"</th>
                    <th scope="col">"Plan"</th>
                    <th scope="col">"Payment"</th>
                    <th scope="col">"Created"</th>
                </tr>
            </thead>
            <tbody>{assistants.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}

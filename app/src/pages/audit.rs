//! *Audit*: who did what and when. Newest first, filtered by a plain form, paged by position.

use std::time::Duration;

use leptos::prelude::*;
use margay_domain::{
    audit::{self, ActionResult, AuditEvent, AuditQuery},
    audit_trail::AuditTrailError,
    clock::Timestamp,
    id::AuditEventId,
    page::ErrorPage,
    rules::{Permission, display},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    address,
    components::{
        banner::{Banner, Tone},
        client_name::{ClientName, lookalike_mark},
        console_frame::{ConsoleFrame, Section},
        empty_state::EmptyState,
        icon::{Glyph, Icon},
        moment::Moment,
    },
    http::PageRequest,
    pages::{error, load},
};

const PATH: &str = "/audit";
const PAGE_SIZE: u32 = 50;
const DAY: Duration = Duration::from_hours(24);
/// The longest text of one cell, in characters; the details have the whole of what was sent.
const MAX_SHOWN: usize = 2000;

/// The actions to choose from.
const ACTIONS: [&str; 11] = [
    audit::AI_TOOL_INVOKE,
    audit::AI_RESOURCE_READ,
    audit::SIGN_IN,
    audit::MCP_AUTHORIZATION,
    audit::REVOKE_MCP_CONNECTION,
    audit::MCP_REDIRECT_BLOCKED,
    audit::UPDATE_REMOTE_MCP_SETTINGS,
    audit::APPROVE_MCP_CLIENT,
    audit::ROTATE_SIGNING_KEYS,
    audit::CREATE_USER,
    audit::UPDATE_USER,
];

/// The filter as it stands in the address. Empty is no condition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Filter {
    action: String,
    tool: String,
    person: String,
    result: String,
    from: String,
    until: String,
    before: String,
}

impl Filter {
    fn is_empty(&self) -> bool {
        [&self.action, &self.tool, &self.person, &self.result, &self.from, &self.until]
            .iter()
            .all(|text| text.is_empty())
    }

    /// The query, one row longer than a page to know whether there is another; and what could not be understood.
    fn query(&self) -> (AuditQuery, Vec<&'static str>) {
        let mut problems = Vec::new();
        let from =
            day(&self.from, &mut problems, "The first day is not a date such as 2026-01-31, so it was left out.");
        let until =
            day(&self.until, &mut problems, "The last day is not a date such as 2026-01-31, so it was left out.");
        let query = AuditQuery {
            from,
            // The last day counts whole.
            until: until.map(|day| day.plus(DAY)),
            action: text(&self.action),
            actor: text(&self.person).map(|person| person.to_lowercase()),
            tool: text(&self.tool),
            result: ActionResult::parse(&self.result),
            before: text(&self.before).map(AuditEventId::new),
            limit: PAGE_SIZE + 1,
        };
        (query, problems)
    }

    /// The address of the page after `last`.
    fn older(&self, last: &AuditEventId) -> String {
        address::with_query(
            PATH,
            &[
                ("action", self.action.as_str()),
                ("tool", self.tool.as_str()),
                ("person", self.person.as_str()),
                ("result", self.result.as_str()),
                ("from", self.from.as_str()),
                ("until", self.until.as_str()),
                ("before", last.as_str()),
            ],
        )
    }
}

fn text(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn day(text: &str, problems: &mut Vec<&'static str>, problem: &'static str) -> Option<Timestamp> {
    if text.trim().is_empty() {
        return None;
    }
    let day = Timestamp::parse(text).ok();
    if day.is_none() {
        problems.push(problem);
    }
    day
}

/// The page.
#[component]
pub fn AuditPage() -> impl IntoView {
    load(audit_log)
}

async fn audit_log(request: PageRequest) -> Result<AnyView, ErrorPage> {
    let person = request.person()?;
    let csrf = request.browser()?.csrf;
    let filter: Filter = request.query();
    let (query, problems) = filter.query();
    let mut events = request.ui().audit.search(&person, &query).await.map_err(|error| match error {
        AuditTrailError::Forbidden => error::forbidden(Permission::AuditRead),
        AuditTrailError::Store(error) => error::store(&error),
    })?;
    let page_size = usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
    let has_more = events.len() > page_size;
    events.truncate(page_size);
    let older = events.last().filter(|_| has_more).map(|last| filter.older(&last.id));
    let list = if events.is_empty() { nothing(&filter) } else { table(&events) };
    let problems = (!problems.is_empty()).then(|| {
        let items = problems.into_iter().map(|problem| view! { <p>{problem}</p> }).collect_view();
        view! { <Banner tone=Tone::Warning>{items}</Banner> }
    });
    let newest = (!filter.before.is_empty()).then(|| {
        let newest = Filter { before: String::new(), ..filter.clone() };
        view! { <a class="button" href=newest_address(&newest)>"Newest"</a> }
    });
    let older = older.map(|address| view! { <a class="button" href=address rel="next">"Older"</a> });
    let form = filter_form(&filter);
    Ok(view! {
        <ConsoleFrame title="Audit" section=Section::Audit person=person csrf=csrf>
            <header class="page-head">
                <h1>"Audit"</h1>
                <p class="lead">"Who did what and when, newest first. Every call of a tool is here, refused ones too."</p>
            </header>
            {form}
            {problems}
            {list}
            <nav class="pager" aria-label="Pages">{newest} {older}</nav>
        </ConsoleFrame>
    }
    .into_any())
}

fn newest_address(filter: &Filter) -> String {
    address::with_query(
        PATH,
        &[
            ("action", filter.action.as_str()),
            ("tool", filter.tool.as_str()),
            ("person", filter.person.as_str()),
            ("result", filter.result.as_str()),
            ("from", filter.from.as_str()),
            ("until", filter.until.as_str()),
        ],
    )
}

fn filter_form(filter: &Filter) -> AnyView {
    let known = ACTIONS.contains(&filter.action.as_str());
    let other = (!known && !filter.action.is_empty()).then(|| filter.action.clone());
    let actions: Vec<String> = ACTIONS.iter().map(|action| (*action).to_owned()).chain(other).collect();
    let actions = actions.into_iter().map(|action| choice(action.clone(), action, &filter.action)).collect_view();
    let results = [ActionResult::Succeeded, ActionResult::Failed, ActionResult::PartiallyFailed]
        .into_iter()
        .map(|result| choice(result.as_str().to_owned(), result_word(result).to_owned(), &filter.result))
        .collect_view();
    let clear = (!filter.is_empty()).then(|| view! { <a class="button button--quiet" href=PATH>"Clear"</a> });
    let Filter { tool, person, from, until, .. } = filter.clone();
    view! {
        <form class="filters" method="get" action=PATH role="search" aria-label="Filter events">
            <div class="filters__field">
                <label class="field__label" for="action">"Action"</label>
                <select class="select" id="action" name="action">
                    <option value="">"All actions"</option>
                    {actions}
                </select>
            </div>
            <div class="filters__field">
                <label class="field__label" for="tool">"Tool"</label>
                <input class="input" type="text" id="tool" name="tool" value=tool autocapitalize="none" spellcheck="false"/>
            </div>
            <div class="filters__field">
                <label class="field__label" for="person">"Person (e-mail)"</label>
                <input class="input" type="text" id="person" name="person" value=person autocapitalize="none" spellcheck="false"/>
            </div>
            <div class="filters__field">
                <label class="field__label" for="result">"Result"</label>
                <select class="select" id="result" name="result">
                    <option value="">"All results"</option>
                    {results}
                </select>
            </div>
            <div class="filters__field">
                <label class="field__label" for="from">"From"</label>
                <input class="input" type="date" id="from" name="from" value=from/>
            </div>
            <div class="filters__field">
                <label class="field__label" for="until">"Until"</label>
                <input class="input" type="date" id="until" name="until" value=until/>
            </div>
            <div class="filters__actions">
                <button class="button button--primary" type="submit">"Filter"</button>
                {clear}
            </div>
        </form>
    }
    .into_any()
}

fn choice(value: String, word: String, chosen: &str) -> AnyView {
    let selected = value == chosen;
    view! { <option value=value selected=selected>{word}</option> }.into_any()
}

fn nothing(filter: &Filter) -> AnyView {
    if filter.is_empty() {
        view! {
            <EmptyState title="Nothing has happened yet">
                <p>"Sign-ins, connections and every call of a tool will appear here."</p>
            </EmptyState>
        }
        .into_any()
    } else {
        view! {
            <EmptyState title="No event matches this filter">
                <p><a href=PATH>"Show all events"</a></p>
            </EmptyState>
        }
        .into_any()
    }
}

fn table(events: &[AuditEvent]) -> AnyView {
    let rows = events.iter().map(row).collect_view();
    view! {
        <div class="table-frame">
            <table class="table table--cards">
                <caption class="visually-hidden">"Audit events, newest first"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Time"</th>
                        <th scope="col">"Person"</th>
                        <th scope="col">"Action"</th>
                        <th scope="col">"Tool"</th>
                        <th scope="col">"Client"</th>
                        <th scope="col">"Result"</th>
                        <th scope="col" class="table__number">"Duration"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(event: &AuditEvent) -> AnyView {
    let person = shown(event.actor.email.as_deref().unwrap_or(&event.actor.name));
    let tool = text_at(&event.action_params, &["/static/toolName", "/static/uri", "/toolName", "/tool"]);
    let client = text_at(&event.action_details, &["/clientName", "/clientId"]);
    let mark = client.as_deref().and_then(lookalike_mark);
    let duration = number_at(&event.action_details, &["/durationMs"]).map(|millis| format!("{millis} ms"));
    let at = event.timestamp;
    let action = shown(&event.action_name);
    let description = shown(&event.action_description);
    view! {
        <tr>
            <td data-label="Time">
                <Moment at=at/>
            </td>
            <td data-label="Person" class="table__wrap">
                <bdi>{person}</bdi>
            </td>
            <td data-label="Action" class="table__wrap">
                <span class="mono">{breakable(&action)}</span>
                <span class="hint description">{description}</span>
                {more(event)}
            </td>
            <td data-label="Tool" class="table__wrap">
                <span class="mono">{breakable(&or_dash(tool))}</span>
            </td>
            <td data-label="Client" class="table__wrap">
                <div class="stack">
                    <ClientName name=or_dash(client)/>
                    {mark}
                </div>
            </td>
            <td data-label="Result">{result_badge(event.action_result)}</td>
            <td data-label="Duration" class="table__number">{or_dash(duration)}</td>
        </tr>
    }
    .into_any()
}

/// Everything else about an event, folded.
fn more(event: &AuditEvent) -> AnyView {
    let errors = event
        .errors
        .iter()
        .map(|error| view! { <p class="message message--error">{shown(&error.message)}</p> })
        .collect_view();
    let origin = shown(event.source_ip.as_deref().unwrap_or("unknown"));
    let user_agent = shown(event.user_agent.as_deref().unwrap_or("unknown"));
    let id = event.id.to_string();
    let params = pretty(&event.action_params);
    let details = pretty(&event.action_details);
    view! {
        <details class="more">
            <summary>"Details"</summary>
            {errors}
            <dl class="event-facts">
                <dt>"Event ID"</dt>
                <dd class="mono">{id}</dd>
                <dt>"Address"</dt>
                <dd class="mono">{origin}</dd>
                <dt>"User agent"</dt>
                <dd class="mono">{user_agent}</dd>
            </dl>
            <p class="json__title">"Parameters"</p>
            <pre class="json">{params}</pre>
            <p class="json__title">"More"</p>
            <pre class="json">{details}</pre>
        </details>
    }
    .into_any()
}

/// JSON over several lines, in which no value can hide or turn around what it stands beside.
fn pretty(value: &Value) -> String {
    display::json(&serde_json::to_string_pretty(value).unwrap_or_default()).into_owned()
}

/// A text that somebody else chose, in evidence: what is hidden in it is written out.
fn shown(text: &str) -> String {
    display::shown(text, MAX_SHOWN)
}

/// A name of an action or a tool, which may break after each of its words.
fn breakable(name: &str) -> AnyView {
    let parts = name.split_inclusive('_').map(|part| view! { {part.to_owned()} <wbr/> }).collect_view();
    parts.into_any()
}

fn text_at(value: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().filter_map(|pointer| value.pointer(pointer)?.as_str()).find(|text| !text.is_empty()).map(shown)
}

fn number_at(value: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| value.pointer(pointer)?.as_number().map(ToString::to_string))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "\u{2013}".to_owned())
}

const fn result_word(result: ActionResult) -> &'static str {
    match result {
        ActionResult::Succeeded => "Succeeded",
        ActionResult::Failed => "Failed",
        ActionResult::PartiallyFailed => "Partly failed",
    }
}

fn result_badge(result: ActionResult) -> AnyView {
    let (class, glyph) = match result {
        ActionResult::Succeeded => ("status status--good", Glyph::Check),
        ActionResult::Failed => ("status status--bad", Glyph::Cross),
        ActionResult::PartiallyFailed => ("status status--bad", Glyph::Warning),
    };
    view! {
        <span class=class>
            <Icon glyph=glyph/>
            {result_word(result)}
        </span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_day_counts_whole() {
        let filter = Filter { from: "2026-01-30".to_owned(), until: "2026-01-31".to_owned(), ..Filter::default() };
        let (query, problems) = filter.query();
        assert!(problems.is_empty());
        assert_eq!(query.from, Timestamp::parse("2026-01-30").ok());
        assert_eq!(query.until, Timestamp::parse("2026-02-01").ok());
        assert_eq!(query.limit, 51);
    }

    #[test]
    fn a_bad_date_is_said_and_left_out() {
        let filter = Filter { from: "yesterday".to_owned(), ..Filter::default() };
        let (query, problems) = filter.query();
        assert_eq!(query.from, None);
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn the_next_page_keeps_the_filter() {
        let filter = Filter { tool: "get alert".to_owned(), ..Filter::default() };
        assert_eq!(filter.older(&AuditEventId::new("aud_1")), "/audit?tool=get%20alert&before=aud_1");
    }

    #[test]
    fn nothing_that_others_sent_hides_or_turns_around() {
        let hidden = "\u{202e}dereffuS\u{2066}\u{1b}[2K\u{9b}\u{3164}\u{e0041}";
        let event = AuditEvent {
            id: AuditEventId::new("aud_1"),
            timestamp: Timestamp::from_seconds(0),
            action_name: audit::AI_TOOL_INVOKE.to_owned(),
            action_description: format!("Called {hidden}"),
            action_result: ActionResult::Failed,
            action_params: json!({ "static": { "toolName": hidden }, "dynamic": { "arguments": { hidden: hidden } } }),
            action_details: json!({ "clientName": hidden }),
            actor: audit::Actor { name: hidden.to_owned(), ..audit::Actor::command_line() },
            errors: vec![audit::AuditError { message: hidden.to_owned() }],
            source_ip: Some(hidden.to_owned()),
            user_agent: Some(hidden.to_owned()),
        };
        let page = Owner::new().with(|| table(std::slice::from_ref(&event)).to_html());
        let bad: Vec<char> = page.chars().filter(|c| *c != '\n' && display::is_deceptive(*c)).collect();
        assert!(bad.is_empty(), "{bad:?} {page}");
        assert!(page.contains("\\u{202e}dereffuS\\u{2066}\\u{1b}[2K"), "{page}");
        assert!(page.contains("\\u202edereffuS"), "{page}");
    }

    #[test]
    fn finds_tool_and_client() {
        let params = json!({ "static": { "toolName": "get_alert" }, "dynamic": { "id": "alr_1" } });
        assert_eq!(text_at(&params, &["/static/toolName", "/tool"]).as_deref(), Some("get_alert"));
        let details = json!({ "clientName": "", "clientId": "mcp_1", "durationMs": 12 });
        assert_eq!(text_at(&details, &["/clientName", "/clientId"]).as_deref(), Some("mcp_1"));
        assert_eq!(number_at(&details, &["/durationMs"]).as_deref(), Some("12"));
    }
}

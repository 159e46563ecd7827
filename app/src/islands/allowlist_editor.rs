//! The redirect allowlist on the page Remote MCP: two lists of inputs.
//!
//! Without JavaScript the rows are plain inputs; an empty one is dropped when saving. The rules
//! crate decides about every entry while it is typed, and again on the server.

use leptos::{html, prelude::*};
use margay_rules::{Allowlist, CustomScheme, Decision, DomainPattern, forms, messages, redirect};
use serde::{Deserialize, Serialize};

use crate::components::icon::{Glyph, Icon};

/// One row as the server knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The text.
    pub value: String,
    /// Why the server did not take it.
    pub error: Option<String>,
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Domain,
    Scheme,
}

/// What stands under a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Note {
    Nothing,
    Error(String),
    Warnings(Vec<&'static str>),
}

/// One row. The input is the state; `value` follows it.
#[derive(Clone)]
struct Row {
    id: u32,
    entry: Entry,
    value: RwSignal<String>,
    input: NodeRef<html::Input>,
    focused: bool,
}

/// One list.
#[derive(Clone, Copy)]
struct List {
    kind: Kind,
    rows: RwSignal<Vec<Row>>,
    next_id: StoredValue<u32>,
}

impl Kind {
    const fn field(self) -> &'static str {
        match self {
            Self::Domain => forms::DOMAIN_FIELD,
            Self::Scheme => forms::SCHEME_FIELD,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Domain => "Allowed domains",
            Self::Scheme => "Allowed custom schemes",
        }
    }

    const fn row_label(self) -> &'static str {
        match self {
            Self::Domain => "Domain",
            Self::Scheme => "Scheme",
        }
    }

    const fn add_label(self) -> &'static str {
        match self {
            Self::Domain => "Add domain",
            Self::Scheme => "Add scheme",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Domain => {
                "Clients on these hosts may receive authorization codes, over https on any port. \
                 A star stands for any characters: *.cursor.com allows every subdomain."
            }
            Self::Scheme => {
                "Desktop apps with these custom schemes may receive authorization codes. \
                 Enter cursor to allow addresses that begin with cursor://."
            }
        }
    }

    const fn suggestions(self) -> &'static [&'static str] {
        match self {
            Self::Domain => {
                &["claude.ai", "claude.com", "chatgpt.com", "vscode.dev", "insiders.vscode.dev", "*.cursor.com"]
            }
            Self::Scheme => &["cursor"],
        }
    }

    /// What to say about `value`. The server's own error stays until the row is changed.
    fn note(self, entry: &Entry, value: &str) -> Note {
        if value.trim().is_empty() {
            return Note::Nothing;
        }
        let checked = match self {
            Self::Domain => {
                DomainPattern::parse(value).map(|pattern| pattern.warnings()).map_err(messages::pattern_error)
            }
            Self::Scheme => CustomScheme::parse(value).map(|_| Vec::new()).map_err(messages::scheme_error),
        };
        match checked {
            Err(message) => Note::Error(message.to_owned()),
            Ok(warnings) => match &entry.error {
                Some(error) if entry.value == value => Note::Error(error.clone()),
                _ if warnings.is_empty() => Note::Nothing,
                _ => Note::Warnings(warnings.into_iter().map(messages::pattern_warning).collect()),
            },
        }
    }
}

impl Row {
    fn new(id: u32, entry: Entry, focused: bool) -> Self {
        let value = RwSignal::new(entry.value.clone());
        Self { id, entry, value, input: NodeRef::new(), focused }
    }
}

impl List {
    fn new(kind: Kind, entries: Vec<Entry>) -> Self {
        let rows: Vec<Row> = (0_u32..).zip(entries).map(|(id, entry)| Row::new(id, entry, false)).collect();
        let next_id = rows.last().map_or(0, |row| row.id + 1);
        Self { kind, rows: RwSignal::new(rows), next_id: StoredValue::new(next_id) }
    }

    fn add(self, text: &str) {
        let id = self.next_id.get_value();
        self.next_id.set_value(id + 1);
        let entry = Entry { value: text.to_owned(), error: None };
        self.rows.update(|rows| rows.push(Row::new(id, entry, true)));
    }

    /// Puts `text` into the first empty row, or into a new one.
    fn suggest(self, text: &str) {
        let empty = self.rows.with_untracked(|rows| {
            rows.iter().find(|row| row.value.with_untracked(|value| value.trim().is_empty())).cloned()
        });
        if let Some((value, input)) = empty.and_then(|row| row.input.get_untracked().map(|input| (row.value, input))) {
            input.set_value(text);
            value.set(text.to_owned());
        } else {
            self.add(text);
        }
    }

    /// Several empty rows are for browsers that cannot add any.
    fn keep_one_empty(self) {
        let mut has_one = false;
        self.rows.update(|rows| {
            rows.retain(|row| {
                let is_empty = row.value.with_untracked(|value| value.trim().is_empty());
                !is_empty || !std::mem::replace(&mut has_one, true)
            });
        });
    }

    fn remove(self, id: u32) {
        self.rows.update(|rows| rows.retain(|row| row.id != id));
    }

    fn values(self) -> Vec<String> {
        self.rows.with(|rows| rows.iter().map(|row| row.value.get()).collect())
    }

    fn contains(self, text: &str) -> bool {
        self.rows.with(|rows| rows.iter().any(|row| row.value.with(|value| value.trim().eq_ignore_ascii_case(text))))
    }
}

/// The editor, with a place to try a redirect URI out.
#[island]
pub(crate) fn AllowlistEditor(
    /// Domain patterns: saved ones, or those that were just refused; then empty rows.
    domains: Vec<Entry>,
    /// Custom schemes, likewise.
    schemes: Vec<Entry>,
    /// Whether this person may change them.
    editable: bool,
) -> impl IntoView {
    let awake = RwSignal::new(false);
    let domains = List::new(Kind::Domain, domains);
    let schemes = List::new(Kind::Scheme, schemes);
    Effect::new(move |_| {
        awake.set(true);
        domains.keep_one_empty();
        schemes.keep_one_empty();
    });
    view! {
        <div class="allowlist">
            {list_editor(domains, editable, awake)}
            {list_editor(schemes, editable, awake)}
            {tester(domains, schemes, awake)}
        </div>
    }
}

fn list_editor(list: List, editable: bool, awake: RwSignal<bool>) -> impl IntoView {
    let kind = list.kind;
    let suggestions = kind
        .suggestions()
        .iter()
        .map(|text| {
            let text: &'static str = text;
            view! {
                <button
                    class="chip"
                    type="button"
                    hidden=move || list.contains(text)
                    on:click=move |_| list.suggest(text)
                >
                    <Icon glyph=Glyph::Plus/>
                    {text}
                </button>
            }
        })
        .collect_view();
    view! {
        <fieldset class="fieldset">
            <legend class="fieldset__title">{kind.title()}</legend>
            <p class="hint">{kind.hint()}</p>
            <ul class="entries">
                <For
                    each=move || list.rows.get()
                    key=|row: &Row| row.id
                    children=move |row: Row| entry_row(list, row, editable, awake)
                />
            </ul>
            <div class="entries__tools" hidden=move || !(editable && awake.get())>
                <button class="button button--small" type="button" on:click=move |_| list.add("")>
                    <Icon glyph=Glyph::Plus/>
                    {kind.add_label()}
                </button>
                <div class="chips" hidden=move || kind.suggestions().iter().all(|text| list.contains(text))>
                    <span class="chips__label">"Suggestions:"</span>
                    {suggestions}
                </div>
            </div>
        </fieldset>
    }
}

fn entry_row(list: List, row: Row, editable: bool, awake: RwSignal<bool>) -> impl IntoView {
    let Row { id, entry, value, input, focused } = row;
    let kind = list.kind;
    let row_id = format!("{}-{id}", kind.field());
    let note_id = format!("{row_id}-note");
    let label = format!("{} {}", kind.row_label(), id + 1);
    let remove_label = format!("Remove {} {}", kind.row_label().to_lowercase(), id + 1);
    let first_value = entry.value.clone();
    let note = Memo::new(move |_| kind.note(&entry, &value.get()));
    Effect::new(move |_| {
        let Some(element) = input.get() else { return };
        // What was typed before the island woke up counts.
        value.set(element.value());
        if focused {
            let _result = element.focus();
        }
    });
    view! {
        <li class="entry">
            <div class="entry__line">
                <input
                    class="input input--mono"
                    type="text"
                    id=row_id
                    name=kind.field()
                    value=first_value
                    aria-label=label
                    aria-describedby=note_id.clone()
                    aria-invalid=move || matches!(note.get(), Note::Error(_)).then_some("true")
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    disabled=!editable
                    node_ref=input
                    on:input=move |ev| value.set(event_target_value(&ev))
                />
                <button
                    class="button button--quiet button--small"
                    type="button"
                    aria-label=remove_label
                    hidden=move || !(editable && awake.get())
                    on:click=move |_| list.remove(id)
                >
                    "Remove"
                </button>
            </div>
            <div class="entry__note" id=note_id aria-live="polite">
                {move || note_view(note.get())}
            </div>
        </li>
    }
}

fn note_view(note: Note) -> AnyView {
    match note {
        Note::Nothing => ().into_any(),
        Note::Error(message) => view! {
            <p class="message message--error">
                <Icon glyph=Glyph::Warning/>
                {message}
            </p>
        }
        .into_any(),
        Note::Warnings(warnings) => warnings
            .into_iter()
            .map(|warning| {
                view! {
                    <p class="message message--warning">
                        <Icon glyph=Glyph::Warning/>
                        {warning}
                    </p>
                }
            })
            .collect_view()
            .into_any(),
    }
}

/// Says at once whether a redirect URI would be allowed by what stands in the rows. Not part of the form.
fn tester(domains: List, schemes: List, awake: RwSignal<bool>) -> impl IntoView {
    let uri = RwSignal::new(String::new());
    view! {
        <div class="tester" hidden=move || !awake.get()>
            <label class="field__label" for="test-uri">"Test a redirect URI"</label>
            <p class="hint">"Paste the address a client uses, to see whether the lists above allow it. Nothing is saved."</p>
            <input
                class="input input--mono"
                type="text"
                id="test-uri"
                form=""
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                on:input=move |ev| uri.set(event_target_value(&ev))
            />
            <div class="tester__answer" role="status">
                {move || answer_view(answer(&uri.get(), &domains.values(), &schemes.values()))}
            </div>
        </div>
    }
}

fn answer_view(answer: Option<(bool, String)>) -> AnyView {
    let Some((allowed, sentence)) = answer else { return ().into_any() };
    let (class, glyph) =
        if allowed { ("message message--success", Glyph::Check) } else { ("message message--error", Glyph::Cross) };
    view! {
        <p class=class>
            <Icon glyph=glyph/>
            {sentence}
        </p>
    }
    .into_any()
}

/// Whether the redirect URI would be allowed, and why; `None` while nothing is entered. Rows that cannot be saved do not count.
fn answer(uri: &str, domains: &[String], schemes: &[String]) -> Option<(bool, String)> {
    let uri = uri.trim();
    if uri.is_empty() {
        return None;
    }
    let Some((scheme, host)) = scheme_and_host(uri) else {
        return Some((false, "This is not a whole address. Begin with its scheme, for example https://.".to_owned()));
    };
    let allowlist = Allowlist {
        domains: domains.iter().filter_map(|text| DomainPattern::parse(text).ok()).collect(),
        schemes: schemes.iter().filter_map(|text| CustomScheme::parse(text).ok()).collect(),
    };
    Some(match redirect::decide(&allowlist, &scheme, Some(&host)) {
        Decision::Loopback => (true, "Allowed: it stays on the person's own computer.".to_owned()),
        Decision::Listed(entry) => (true, format!("Allowed by {entry}.")),
        Decision::Refused(refusal) => (false, format!("Refused. {}", messages::refusal(refusal))),
    })
}

/// The browser's own parser: the one that clients' addresses go through.
#[cfg(feature = "hydrate")]
fn scheme_and_host(uri: &str) -> Option<(String, String)> {
    let url = web_sys::Url::new(uri).ok()?;
    Some((url.protocol().trim_end_matches(':').to_owned(), url.hostname()))
}

/// The server has nothing to test: the input is empty when the page is drawn.
#[cfg(not(feature = "hydrate"))]
const fn scheme_and_host(_uri: &str) -> Option<(String, String)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &str, error: Option<&str>) -> Entry {
        Entry { value: value.to_owned(), error: error.map(str::to_owned) }
    }

    #[test]
    fn a_row_says_what_is_wrong_with_it() {
        let saved = entry("claude.ai", None);
        assert_eq!(Kind::Domain.note(&saved, "claude.ai"), Note::Nothing);
        assert_eq!(Kind::Domain.note(&saved, "  "), Note::Nothing);
        assert!(matches!(Kind::Domain.note(&saved, "https://claude.ai"), Note::Error(_)));
        assert!(matches!(Kind::Domain.note(&saved, "*cursor.com"), Note::Warnings(_)));
        assert!(matches!(Kind::Scheme.note(&saved, "javascript"), Note::Error(_)));
    }

    #[test]
    fn the_servers_error_stays_until_the_row_changes() {
        let refused = entry("a.example.com", Some("The list is full."));
        assert_eq!(Kind::Domain.note(&refused, "a.example.com"), Note::Error("The list is full.".to_owned()));
        assert_eq!(Kind::Domain.note(&refused, "b.example.com"), Note::Nothing);
    }
}

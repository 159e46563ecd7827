//! The redirect allowlist on the page Remote MCP: two lists of inputs.
//!
//! Without JavaScript the rows are plain inputs; an empty one is dropped when saving. The rules
//! crate decides about every entry while it is typed, and again on the server.

use leptos::{html, prelude::*};
use margay_rules::{Allowlist, CustomScheme, Decision, DomainPattern, allowlist, forms, messages, redirect};
use serde::{Deserialize, Serialize};

use crate::components::icon::{Glyph, Icon};

/// One row as the server knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The text.
    pub value: String,
    /// Why the server did not take it.
    pub error: Option<String>,
    /// Whether a link put it into the row for review: it is not saved.
    pub proposed: bool,
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
    /// What the entry means, what to think about, and a pattern that may be meant instead.
    Judged {
        meaning: Option<String>,
        warnings: Vec<String>,
        instead: Option<String>,
    },
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
            Self::Domain => "Allowed redirect domains",
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

    /// What to say about `value` between the other rows. The server's own error stays until the row is changed.
    fn note(self, entry: &Entry, value: &str, earlier: &[String], later: &[String]) -> Note {
        if value.trim().is_empty() {
            return Note::Nothing;
        }
        let judged = match self {
            Self::Domain => DomainPattern::parse(value)
                .map(|pattern| judge(&pattern, earlier, later))
                .map_err(messages::pattern_error),
            Self::Scheme => CustomScheme::parse(value).map(|_| Note::Nothing).map_err(messages::scheme_error),
        };
        match judged {
            Err(message) => Note::Error(message.to_owned()),
            Ok(note) => match &entry.error {
                Some(error) if entry.value == value => Note::Error(error.clone()),
                _ => note,
            },
        }
    }
}

/// What a pattern means. A host that stands for itself needs no words.
fn judge(pattern: &DomainPattern, earlier: &[String], later: &[String]) -> Note {
    let covered = allowlist::covered(pattern, earlier, later);
    let warnings: Vec<String> = pattern
        .warnings()
        .into_iter()
        .map(|warning| messages::pattern_warning(warning, pattern))
        .chain(covered.as_ref().map(messages::covered))
        .collect();
    let meaning = pattern.as_str().contains('*').then(|| messages::pattern_meaning(pattern));
    if meaning.is_none() && warnings.is_empty() {
        return Note::Nothing;
    }
    Note::Judged { meaning, warnings, instead: pattern.stricter() }
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
        let entry = Entry { value: text.to_owned(), ..Entry::default() };
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

    /// What stands in the rows before and after this one.
    fn around(self, id: u32) -> (Vec<String>, Vec<String>) {
        self.rows.with(|rows| {
            let text = |row: &Row| row.value.get();
            let (earlier, later): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.id < id);
            let later = later.into_iter().filter(|row| row.id != id);
            (earlier.into_iter().map(text).collect(), later.map(text).collect())
        })
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
    // For readers a list without rows would say nothing.
    let empty = (!editable && list.rows.with_untracked(Vec::is_empty)).then(|| {
        view! { <p>"None: only this computer."</p> }
    });
    view! {
        <fieldset class="fieldset">
            <legend>
                <h3 class="fieldset__title">{kind.title()}</h3>
            </legend>
            <p class="hint">{kind.hint()}</p>
            {empty}
            <ul class="entries">
                <For
                    each=move || list.rows.get()
                    key=|row: &Row| row.id
                    children=move |row: Row| entry_row(list, row, editable, awake)
                />
            </ul>
            <div class="entries__tools" class:asleep=move || !awake.get() hidden=!editable>
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
    let proposed = entry.proposed.then(|| {
        view! {
            <p class="entry__proposed">
                <span class="tag tag--strong">"Proposed, not saved"</span>
            </p>
        }
    });
    let note = Memo::new(move |_| {
        let (earlier, later) = list.around(id);
        kind.note(&entry, &value.get(), &earlier, &later)
    });
    let replace = move |text: String| {
        if let Some(element) = input.get_untracked() {
            element.set_value(&text);
            let _result = element.focus();
        }
        value.set(text);
    };
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
            {proposed}
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
                    on:keydown=move |ev| {
                        // Enter would save the whole list while one is still typing an entry.
                        if ev.key() == "Enter" {
                            ev.prevent_default();
                        }
                    }
                />
                <button
                    class="button button--quiet button--small"
                    type="button"
                    aria-label=remove_label
                    class:asleep=move || !awake.get()
                    hidden=!editable
                    on:click=move |_| list.remove(id)
                >
                    "Remove"
                </button>
            </div>
            <div class="entry__note" id=note_id aria-live="polite">
                {move || note_view(note.get(), editable, awake.get(), replace)}
            </div>
        </li>
    }
}

fn note_view(note: Note, editable: bool, awake: bool, replace: impl Fn(String) + Copy + Send + 'static) -> AnyView {
    match note {
        Note::Nothing => ().into_any(),
        Note::Error(message) => view! {
            <p class="message message--error">
                <Icon glyph=Glyph::Warning/>
                {message}
            </p>
        }
        .into_any(),
        Note::Judged { meaning, warnings, instead } => {
            let meaning = meaning.map(|meaning| view! { <p class="hint entry__meaning">{meaning}</p> });
            let warnings = warnings
                .into_iter()
                .map(|warning| {
                    view! {
                        <p class="message message--warning">
                            <Icon glyph=Glyph::Warning/>
                            <span>{warning}</span>
                        </p>
                    }
                })
                .collect_view();
            let instead = instead.filter(|_| editable && awake).map(|pattern| {
                let label = format!("Use {pattern} instead");
                view! {
                    <button class="button button--small entry__instead" type="button" on:click=move |_| replace(pattern.clone())>
                        {label}
                    </button>
                }
            });
            view! {
                {meaning}
                {warnings}
                {instead}
            }
            .into_any()
        }
    }
}

/// Says at once whether a redirect URI would be allowed by what stands in the rows. Not part of the form.
fn tester(domains: List, schemes: List, awake: RwSignal<bool>) -> impl IntoView {
    let uri = RwSignal::new(String::new());
    view! {
        <div class="tester" class:asleep=move || !awake.get()>
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
        Entry { value: value.to_owned(), error: error.map(str::to_owned), proposed: false }
    }

    fn note(kind: Kind, entry: &Entry, value: &str) -> Note {
        kind.note(entry, value, &[], &[])
    }

    #[test]
    fn a_row_says_what_is_wrong_with_it() {
        let saved = entry("claude.ai", None);
        assert_eq!(note(Kind::Domain, &saved, "claude.ai"), Note::Nothing);
        assert_eq!(note(Kind::Domain, &saved, "  "), Note::Nothing);
        assert!(matches!(note(Kind::Domain, &saved, "https://claude.ai"), Note::Error(_)));
        assert!(matches!(note(Kind::Scheme, &saved, "javascript"), Note::Error(_)));
        assert_eq!(note(Kind::Scheme, &saved, "cursor"), Note::Nothing);
    }

    #[test]
    fn a_row_says_what_its_own_text_means() {
        let Note::Judged { meaning, warnings, instead } = note(Kind::Domain, &entry("", None), "*example.org") else {
            panic!("no note");
        };
        assert_eq!(
            meaning.as_deref(),
            Some("Matches auth.example.org, example.org and notexample.org, but not example.org.evil.example.")
        );
        assert!(warnings[0].contains("*example.org also matches notexample.org"), "{warnings:?}");
        assert_eq!(instead.as_deref(), Some("*.example.org"));
    }

    #[test]
    fn a_row_says_what_makes_it_superfluous() {
        let note = Kind::Domain.note(&entry("", None), "auth.cursor.com", &[], &["*.cursor.com".to_owned()]);
        let Note::Judged { warnings, .. } = note else { panic!("no note") };
        assert_eq!(warnings, ["*.cursor.com allows this already, so this entry adds nothing."]);
    }

    #[test]
    fn the_servers_error_stays_until_the_row_changes() {
        let refused = entry("a.example.com", Some("The list is full."));
        assert_eq!(note(Kind::Domain, &refused, "a.example.com"), Note::Error("The list is full.".to_owned()));
        assert_eq!(note(Kind::Domain, &refused, "b.example.com"), Note::Nothing);
    }
}

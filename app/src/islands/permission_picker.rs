//! The permissions on the consent page, with the two buttons that decide.
//!
//! The check boxes are the state: the island counts them and never sets them on its own, so that what a
//! person took away before it woke up stays away.

use std::time::Duration;

use leptos::{
    ev, html,
    prelude::*,
    wasm_bindgen::JsCast as _,
    web_sys::{HtmlButtonElement, HtmlFormElement, SubmitEvent},
};
use margay_rules::{Group, Permission, PermissionSet, Risk, forms};

use crate::components::{
    icon::{Glyph, Icon},
    risk_badge::RiskBadge,
};

/// How long a sent form ignores further clicks. After that the server answers an equal one alike, and somebody who
/// stopped the page from loading is not left with a dead form.
const SENT_FOR: Duration = Duration::from_secs(5);

/// One check box.
#[derive(Clone, Copy)]
struct Choice {
    permission: Permission,
    requested: bool,
    selected: bool,
    input: NodeRef<html::Input>,
}

impl Choice {
    fn is_checked(self) -> bool {
        self.input.get_untracked().is_some_and(|input| input.checked())
    }

    fn set(self, checked: bool) {
        if let Some(input) = self.input.get_untracked() {
            input.set_checked(checked);
        }
    }
}

/// The part of the consent form that a person changes.
#[island]
pub(crate) fn PermissionPicker(
    /// What can be selected.
    selectable: PermissionSet,
    /// What is selected at first: all of it (row OP5), or what was left when the form came back.
    selected: PermissionSet,
    /// What the client asked for.
    requested: PermissionSet,
    /// What the role holds and only the console uses.
    console_only: PermissionSet,
    /// How long the connection lasts at most, in days.
    lifetime_days: u32,
) -> impl IntoView {
    let choices: Vec<Choice> = selectable
        .iter()
        .map(|permission| Choice {
            permission,
            requested: requested.contains(permission),
            selected: selected.contains(permission),
            input: NodeRef::new(),
        })
        .collect();
    let groups = grouped(&choices);
    let total = choices.len();
    let selected = RwSignal::new(choices.iter().filter(|choice| choice.selected).count());
    let awake = RwSignal::new(false);
    let sent = RwSignal::new(false);
    let picker = NodeRef::<html::Div>::new();
    let choices = StoredValue::new(choices);

    let count = move || {
        selected.set(choices.with_value(|all| all.iter().filter(|choice| choice.is_checked()).count()));
    };
    let select = move |wanted: fn(Permission) -> bool| {
        choices.with_value(|all| {
            for choice in all {
                choice.set(wanted(choice.permission));
            }
        });
        count();
    };
    Effect::new(move |_| {
        // The boxes are found one by one; counted before the last of them, the button would be closed for a moment, and a
        // click in it lost.
        if choices.with_value(|all| all.iter().any(|choice| choice.input.get().is_none())) {
            return;
        }
        count();
        awake.set(true);
    });
    // On the window, as the form is around the island.
    Effect::new(move |_| {
        let waiting = StoredValue::new(false);
        let listener = window_event_listener(ev::submit, move |event: SubmitEvent| {
            let form = event_target::<HtmlFormElement>(&event);
            if !picker.get_untracked().is_some_and(|picker| form.contains(Some(&picker))) {
                return;
            }
            // A second click would be a second request while the first is under way; a stray Enter decides nothing. The
            // button is not disabled: then its value would not be sent.
            if waiting.get_value() || !decides(&event) {
                event.prevent_default();
                return;
            }
            waiting.set_value(true);
            sent.set(true);
            set_timeout(move || waiting.set_value(false), SENT_FOR);
        });
        on_cleanup(move || listener.remove());
    });

    let groups = groups
        .into_iter()
        .map(|(group, choices)| {
            let rows = choices.into_iter().map(|choice| permission_row(choice, count)).collect_view();
            view! {
                <fieldset class="permissions">
                    <legend class="permissions__title">{group.title()}</legend>
                    <ul class="permissions__list">{rows}</ul>
                </fieldset>
            }
        })
        .collect_view();
    let nothing = move || selected.get() == 0;
    let message = move || match (nothing(), total) {
        _ if sent.get() => "Sent. Go on in your client; you can close this page.",
        (false, _) => "",
        (true, 0) => "Your role holds no permission that a client can use. Cancel, and ask an admin.",
        (true, _) => "Select at least one permission, or cancel.",
    };
    view! {
        <div class="picker" node_ref=picker>
            <div class="picker__tools" class:asleep=move || !awake.get()>
                <p class="picker__count" role="status">{move || format!("{} of {total} selected", selected.get())}</p>
                <div class="picker__presets">
                    <button class="button button--small" type="button" on:click=move |_| select(everything)>
                        "Select all"
                    </button>
                    <button class="button button--small" type="button" on:click=move |_| select(reading)>
                        "Read-only"
                    </button>
                    <button class="button button--small" type="button" on:click=move |_| select(no_permission)>
                        "Select none"
                    </button>
                </div>
            </div>
            {groups}
            {console_only_group(console_only)}
            <p class="picker__lifetime">{lifetime(lifetime_days)}</p>
            <div class="actions">
                <p class="actions__message" class:actions__message--sent=move || sent.get() role="status">
                    {message}
                </p>
                <button class="button" type="submit" name=forms::DECISION_FIELD value=forms::DECISION_DENY>
                    "Cancel"
                </button>
                <button
                    class="button button--primary"
                    type="submit"
                    name=forms::DECISION_FIELD
                    value=forms::DECISION_ALLOW
                    disabled=nothing
                >
                    "Allow access"
                </button>
            </div>
        </div>
    }
}

const fn everything(_permission: Permission) -> bool {
    true
}

const fn no_permission(_permission: Permission) -> bool {
    false
}

/// Reading and searching change nothing.
const fn reading(permission: Permission) -> bool {
    matches!(permission.risk(), Risk::Read | Risk::Search)
}

/// Under their headings, both in catalogue order.
fn grouped(choices: &[Choice]) -> Vec<(Group, Vec<Choice>)> {
    let mut groups: Vec<(Group, Vec<Choice>)> = Vec::new();
    for choice in choices {
        let group = choice.permission.group();
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, members)) => members.push(*choice),
            None => groups.push((group, vec![*choice])),
        }
    }
    groups
}

fn lifetime(days: u32) -> String {
    let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    format!("The connection ends after {days} at the latest. You can end it at any time on the Connections page.")
}

/// Whether a submit event comes from one of the two buttons that decide.
fn decides(event: &SubmitEvent) -> bool {
    let value = event.submitter().map(|button| button.unchecked_into::<HtmlButtonElement>().value());
    value.is_some_and(|value| value != forms::DECISION_NONE)
}

/// A native check box. The label is the title alone; risk and sentence describe it.
fn permission_row(choice: Choice, count: impl Fn() + Copy + 'static) -> impl IntoView {
    let Choice { permission, requested, selected, input } = choice;
    let name = permission.api_name();
    let id = format!("permission-{name}");
    let sentence_id = format!("{id}-sentence");
    let risk_id = format!("{id}-risk");
    let described_by = format!("{risk_id} {sentence_id}");
    let requested = requested.then(|| view! { <span class="tag">"Requested"</span> });
    view! {
        <li class="permission">
            <input
                class="permission__box"
                type="checkbox"
                id=id.clone()
                name=forms::PERMISSION_FIELD
                value=name
                checked=selected
                aria-describedby=described_by
                node_ref=input
                on:change=move |_| count()
            />
            <div class="permission__text">
                <p class="permission__line">
                    <label class="permission__title" for=id>{permission.title()}</label>
                    <span id=risk_id>
                        <RiskBadge risk=permission.risk()/>
                    </span>
                    {requested}
                </p>
                <p class="permission__sentence" id=sentence_id>{permission.sentence()}</p>
            </div>
        </li>
    }
}

/// What the role holds and no client ever gets: shown, so that nobody wonders, but not selectable.
fn console_only_group(permissions: PermissionSet) -> Option<impl IntoView> {
    if permissions.is_empty() {
        return None;
    }
    let rows = permissions
        .iter()
        .map(|permission| {
            view! {
                <li class="permission permission--fixed">
                    <div class="permission__text">
                        <p class="permission__line">
                            <span class="permission__title">{permission.title()}</span>
                            <RiskBadge risk=permission.risk()/>
                        </p>
                        <p class="permission__sentence">{permission.sentence()}</p>
                    </div>
                </li>
            }
        })
        .collect_view();
    Some(view! {
        <details class="console-only">
            <summary class="console-only__title">"Console only \u{2013} never given to a client"</summary>
            <p class="hint">
                <Icon glyph=Glyph::Info/>
                "Your role holds these too. They work in this console only; no client can get them."
            </p>
            <ul class="permissions__list">{rows}</ul>
        </details>
    })
}

//! A labelled input with its hint or its error.

use leptos::prelude::*;

use crate::components::icon::{Glyph, Icon};

/// A text input. The id is the name, so that a summary of errors can link to it.
#[component]
pub fn Field(
    /// The name, which is the id too.
    name: &'static str,
    /// The label.
    label: &'static str,
    /// The input's type: `text`, `email` or `password`.
    kind: &'static str,
    /// What browsers and password managers may fill in.
    autocomplete: &'static str,
    /// Whether it must be filled in.
    #[prop(default = true)]
    required: bool,
    /// What stands in it at first. Never a password.
    #[prop(optional)]
    value: Option<String>,
    /// What to know before typing.
    #[prop(optional)]
    hint: Option<&'static str>,
    /// Why what was entered cannot be used.
    #[prop(optional_no_strip)]
    error: Option<&'static str>,
    /// Whether it takes the focus when the page opens.
    #[prop(optional)]
    focused: bool,
) -> impl IntoView {
    let note_id = format!("{name}-note");
    let described_by = (hint.is_some() || error.is_some()).then(|| note_id.clone());
    let invalid = error.is_some().then_some("true");
    let note = match error {
        Some(error) => Some(
            view! { <p class="message message--error" id=note_id><Icon glyph=Glyph::Warning/>{error}</p> }.into_any(),
        ),
        None => hint.map(|hint| view! { <p class="hint" id=note_id>{hint}</p> }.into_any()),
    };
    view! {
        <div class="field">
            <label class="field__label" for=name>{label}</label>
            <input
                class="input"
                type=kind
                id=name
                name=name
                value=value
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required=required
                autofocus=focused
                aria-describedby=described_by
                aria-invalid=invalid
            />
            {note}
        </div>
    }
}

//! A sentence at the top of a page: what was done, what to know, what went wrong.

use leptos::prelude::*;

use crate::components::icon::{Glyph, Icon};

/// What kind of sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something to know.
    Info,
    /// It worked.
    Success,
    /// It needs care.
    Warning,
    /// It is a trap, as far as can be seen.
    Danger,
    /// It did not work.
    Error,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Info => "banner banner--info",
            Self::Success => "banner banner--success",
            Self::Warning => "banner banner--warning",
            Self::Danger | Self::Error => "banner banner--error",
        }
    }

    const fn glyph(self) -> Glyph {
        match self {
            Self::Info => Glyph::Info,
            Self::Success => Glyph::Check,
            Self::Warning | Self::Danger | Self::Error => Glyph::Warning,
        }
    }

    /// Errors interrupt; everything else waits its turn.
    const fn role(self) -> &'static str {
        match self {
            Self::Error => "alert",
            Self::Info | Self::Success | Self::Warning | Self::Danger => "status",
        }
    }
}

/// The banner. An error banner can be focused, and takes the focus when the page opens unless a field does.
#[component]
pub fn Banner(
    /// What kind.
    tone: Tone,
    /// Whether an error takes the focus.
    #[prop(default = true)]
    focused: bool,
    /// The text.
    children: Children,
) -> impl IntoView {
    let is_error = tone == Tone::Error;
    view! {
        <div class=tone.class() role=tone.role() tabindex=is_error.then_some("-1") autofocus=is_error && focused>
            <Icon glyph=tone.glyph()/>
            <div class="banner__text">{children()}</div>
        </div>
    }
}

//! A button that puts a text into the clipboard. The text stands beside it, so without it people select and copy.

use std::time::Duration;

use leptos::prelude::*;

use crate::components::icon::{Glyph, Icon};

/// How long the button says that it did it.
const THANKS: Duration = Duration::from_secs(2);

/// The button; hidden where there is no clipboard.
#[island]
pub(crate) fn CopyButton(
    /// What to copy.
    text: String,
    /// What it is, for example "the server's URL".
    what: String,
) -> impl IntoView {
    let usable = RwSignal::new(false);
    let copied = RwSignal::new(false);
    Effect::new(move |_| usable.set(browser::has_clipboard()));
    let name = format!("Copy {what}");
    let copy = move |_| {
        browser::copy(&text);
        copied.set(true);
        set_timeout(move || copied.set(false), THANKS);
    };
    view! {
        <span class="copy" hidden=move || !usable.get()>
            <button class="button button--small" type="button" aria-label=name on:click=copy>
                <Icon glyph=Glyph::Copy/>
                {move || if copied.get() { "Copied" } else { "Copy" }}
            </button>
            <span class="visually-hidden" role="status">{move || if copied.get() { "Copied" } else { "" }}</span>
        </span>
    }
}

/// What only a browser can do.
#[cfg(feature = "hydrate")]
mod browser {
    use leptos::prelude::window;

    /// Browsers offer the clipboard to secure pages only.
    pub(super) fn has_clipboard() -> bool {
        window().is_secure_context()
    }

    pub(super) fn copy(text: &str) {
        // The answer is a promise; if the person forbids it, the text is still there to be selected.
        let _promise = window().navigator().clipboard().write_text(text);
    }
}

/// Nothing of it happens on the server.
#[cfg(not(feature = "hydrate"))]
mod browser {
    pub(super) const fn has_clipboard() -> bool {
        false
    }

    pub(super) const fn copy(_text: &str) {}
}

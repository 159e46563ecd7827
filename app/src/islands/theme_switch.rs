//! The choice between light and dark. Without it, and by default, pages follow the system.
//!
//! The choice is kept in this browser only. The shell's small script applies it before the first paint.

use leptos::{html, prelude::*};

/// Where the browser keeps the choice.
pub const STORAGE_KEY: &str = "margay-theme";

/// The switch; hidden until it can do something.
#[island]
pub(crate) fn ThemeSwitch() -> impl IntoView {
    let awake = RwSignal::new(false);
    let select = NodeRef::<html::Select>::new();
    Effect::new(move |_| {
        if let Some(element) = select.get() {
            element.set_value(&browser::stored());
            awake.set(true);
        }
    });
    view! {
        <label class="theme-switch" hidden=move || !awake.get()>
            <span class="visually-hidden">"Theme"</span>
            <select class="select select--small" node_ref=select on:change=move |ev| browser::choose(&event_target_value(&ev))>
                <option value="system">"System"</option>
                <option value="light">"Light"</option>
                <option value="dark">"Dark"</option>
            </select>
        </label>
    }
}

/// What only a browser can do.
#[cfg(feature = "hydrate")]
mod browser {
    use leptos::prelude::{document, window};

    use super::STORAGE_KEY;

    fn is_theme(text: &str) -> bool {
        matches!(text, "light" | "dark")
    }

    pub(super) fn stored() -> String {
        window()
            .local_storage()
            .ok()
            .flatten()
            .and_then(|storage| storage.get_item(STORAGE_KEY).ok().flatten())
            .filter(|theme| is_theme(theme))
            .unwrap_or_else(|| "system".to_owned())
    }

    pub(super) fn choose(theme: &str) {
        if let Some(root) = document().document_element() {
            let _result = if is_theme(theme) {
                root.set_attribute("data-theme", theme)
            } else {
                root.remove_attribute("data-theme")
            };
        }
        // A browser that keeps nothing still shows the choice on this page.
        if let Ok(Some(storage)) = window().local_storage() {
            let _result =
                if is_theme(theme) { storage.set_item(STORAGE_KEY, theme) } else { storage.remove_item(STORAGE_KEY) };
        }
    }
}

/// Nothing of it happens on the server.
#[cfg(not(feature = "hydrate"))]
mod browser {
    pub(super) fn stored() -> String {
        String::new()
    }

    pub(super) const fn choose(_theme: &str) {}
}

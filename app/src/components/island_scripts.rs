//! The script that wakes the islands of a page up.

use leptos::prelude::*;

use crate::ui::UiState;

/// Loads the browser code, with this answer's nonce. Pages without islands leave it out and load no code at all.
#[component]
pub fn IslandScripts() -> impl IntoView {
    use_context::<UiState>().map(|state| view! { <HydrationScripts options=state.leptos islands=true/> })
}

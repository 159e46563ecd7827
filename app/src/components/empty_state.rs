//! What a list says when there is nothing in it: what to do next.

use leptos::prelude::*;

/// An empty list.
#[component]
pub fn EmptyState(
    /// What is not there.
    title: &'static str,
    /// What to do next.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="empty__title">{title}</p>
            <div class="empty__text">{children()}</div>
        </div>
    }
}

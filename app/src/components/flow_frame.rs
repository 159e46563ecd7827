//! The flow frame: one centred card, the brand mark, no navigation. For sign-in, consent, errors and waiting.

use leptos::prelude::*;

use crate::components::{brand_mark::BrandMark, document_title::DocumentTitle, island_scripts::IslandScripts};

/// The frame.
#[component]
pub fn FlowFrame(
    /// The document's title.
    title: String,
    /// Whether the page has islands.
    #[prop(optional)]
    islands: bool,
    /// What stands on the card.
    children: Children,
) -> impl IntoView {
    view! {
        <DocumentTitle text=title/>
        {islands.then(|| view! { <IslandScripts/> })}
        <div class="flow">
            <header class="flow__brand">
                <BrandMark/>
                <span class="brand__name">"Margay"</span>
            </header>
            <main class="flow__card" id="content">{children()}</main>
            <footer class="flow__foot">"Remote MCP server for security operations"</footer>
        </div>
    }
}

//! The document around every page.

use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::{islands::theme_switch::STORAGE_KEY, ui::UiState};

/// The whole document. `body` is a page in its frame.
pub fn shell(state: &UiState, body: AnyView) -> impl IntoView + use<> {
    let stylesheet =
        format!("/{}/{}.css?v={}", state.leptos.site_pkg_dir, state.leptos.output_name, state.ui.asset_version);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="robots" content="noindex"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href=stylesheet/>
                <script nonce=use_nonce()>{theme_script()}</script>
                <MetaTags/>
            </head>
            <body>{body}</body>
        </html>
    }
}

/// Applies a stored theme before the first paint, so that dark pages do not flash white. Made of constants only.
fn theme_script() -> String {
    format!(
        "try{{var t=localStorage.getItem('{STORAGE_KEY}');\
         if(t==='light'||t==='dark')document.documentElement.setAttribute('data-theme',t)}}catch(e){{}}"
    )
}

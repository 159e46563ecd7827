//! The document's title.

use leptos::prelude::*;
use leptos_meta::Title;

/// Sets the document's title to the given text and the product's name.
///
/// `leptos_meta` puts titles into the page as they are; so this escapes them. Error pages may carry text from a request.
#[component]
pub fn DocumentTitle(
    /// The page's title.
    text: String,
) -> impl IntoView {
    view! { <Title text=format!("{} \u{2013} Margay", escape(&text))/> }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_title_cannot_end_its_element() {
        assert_eq!(super::escape("</title><b>&"), "&lt;/title&gt;&lt;b&gt;&amp;");
    }
}

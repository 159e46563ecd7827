//! A client name as registered, on at most two lines, with a warning if it imitates a known client.

use leptos::prelude::*;
use margay_domain::rules::Lookalike;

use crate::components::icon::{Glyph, Icon};

/// A longer name may be cut where it stands, in characters.
const SHORT: usize = 40;

/// The name. The style sheet cuts it after two lines; the whole text is there for assistive technology, as a title, and
/// in [`whole_name`].
#[component]
pub fn ClientName(
    /// The name.
    name: String,
) -> impl IntoView {
    let title = is_long(&name).then(|| name.clone());
    view! { <bdi class="client-name" title=title>{name}</bdi> }
}

/// The whole of a long name, folded.
pub(crate) fn whole_name(name: &str) -> Option<AnyView> {
    let whole = name.to_owned();
    is_long(name).then(|| {
        view! {
            <details class="more">
                <summary>"Whole name"</summary>
                <p class="detail">
                    <bdi>{whole}</bdi>
                </p>
            </details>
        }
        .into_any()
    })
}

/// A mark for a name that imitates another or mixes scripts (UTS #39), with its sentence as the title.
pub(crate) fn lookalike_mark(name: &str) -> Option<AnyView> {
    let lookalike = Lookalike::of(name)?;
    Some(
        view! {
            <span class="status status--bad status--wraps" title=lookalike.sentence()>
                <Icon glyph=Glyph::Warning/>
                <bdi>{lookalike.chip()}</bdi>
            </span>
        }
        .into_any(),
    )
}

fn is_long(name: &str) -> bool {
    name.chars().nth(SHORT).is_some()
}

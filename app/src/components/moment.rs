//! A moment in time, for people and for machines.

use leptos::prelude::*;
use margay_domain::clock::Timestamp;

/// A moment, in UTC.
#[component]
pub fn Moment(
    /// When.
    at: Timestamp,
) -> impl IntoView {
    view! { <time class="moment" datetime=at.to_rfc3339()>{at.to_display()}</time> }
}

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

/// A day in UTC, for expiry dates that need no time of day. The exact moment is in the title.
#[component]
pub fn Day(
    /// When.
    at: Timestamp,
) -> impl IntoView {
    let whole = at.to_display();
    let day = whole.split(' ').next().unwrap_or(&whole).to_owned();
    view! { <time class="moment" datetime=at.to_rfc3339() title=whole>{day}</time> }
}

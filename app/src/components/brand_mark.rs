//! The brand mark: the eye of a margay, with three of its spots.

use leptos::prelude::*;

/// The mark, in the colours of the theme. The name stands beside it, so it is hidden from assistive technology.
#[component]
pub fn BrandMark() -> impl IntoView {
    view! {
        <svg class="brand-mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path class="brand-mark__spots" d="M4.6 5.2 6.4 3.9M11 2.9h2M17.6 3.9l1.8 1.3"></path>
            <path class="brand-mark__eye" d="M1.5 13C4 8.4 7.6 6 12 6s8 2.4 10.5 7c-2.5 4.6-6.1 7-10.5 7S4 17.6 1.5 13Z"></path>
            <path class="brand-mark__pupil" d="M12 7.6c1.6 1.5 2.4 3.3 2.4 5.4s-.8 3.9-2.4 5.4c-1.6-1.5-2.4-3.3-2.4-5.4s.8-3.9 2.4-5.4Z"></path>
        </svg>
    }
}

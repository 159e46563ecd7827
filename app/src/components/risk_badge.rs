//! How far-reaching a permission is: icon and word, coloured besides.

use leptos::prelude::*;
use margay_rules::Risk;

use crate::components::icon::{Glyph, Icon};

/// The icon that stands for a risk.
const fn glyph(risk: Risk) -> Glyph {
    match risk {
        Risk::Read => Glyph::Read,
        Risk::Search => Glyph::Search,
        Risk::Change => Glyph::Change,
        Risk::Administer => Glyph::Administer,
    }
}

/// A badge such as "Read" or "Administer".
#[component]
pub fn RiskBadge(
    /// The risk.
    risk: Risk,
) -> impl IntoView {
    let class = format!("risk risk--{}", risk.slug());
    view! {
        <span class=class>
            <Icon glyph=glyph(risk)/>
            {risk.word()}
        </span>
    }
}

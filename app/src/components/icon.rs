//! Icons, drawn for Margay on a 16 by 16 grid. They never carry a meaning alone: a word stands beside each.

use leptos::prelude::*;

/// Which icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// An eye: reads.
    Read,
    /// A magnifying glass: searches.
    Search,
    /// A pencil: changes.
    Change,
    /// A shield: administers.
    Administer,
    /// A check mark.
    Check,
    /// A cross.
    Cross,
    /// A dash.
    Dash,
    /// A warning triangle.
    Warning,
    /// An i in a circle.
    Info,
    /// A plug: connections.
    Plug,
    /// A list: the audit log.
    List,
    /// Sliders: settings.
    Sliders,
    /// Two sheets: copy.
    Copy,
    /// A plus.
    Plus,
    /// A screen: this computer.
    Computer,
    /// A globe: a web site.
    Globe,
    /// A window: an app on this computer.
    App,
    /// A person.
    Person,
    /// Two people: everyone.
    People,
    /// Three lines: the menu.
    Menu,
}

impl Glyph {
    /// The path to stroke.
    const fn path(self) -> &'static str {
        match self {
            Self::Read => {
                "M1.5 8S3.9 3.5 8 3.5 14.5 8 14.5 8 12.1 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z"
            }
            Self::Search => "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3 14 14",
            Self::Change => "M11 2.5 13.5 5l-8 8H3v-2.5l8-8ZM9.2 4.3l2.5 2.5",
            Self::Administer => "M8 1.5l5 2v4c0 3.2-2.1 5.6-5 7-2.9-1.4-5-3.8-5-7v-4l5-2ZM5.8 7.8l1.6 1.6 2.9-3",
            Self::Check => "M3 8.5 6.5 12 13 4.5",
            Self::Cross => "M4 4l8 8M12 4l-8 8",
            Self::Dash => "M3.5 8h9",
            Self::Warning => "M8 2l6.5 11.5h-13L8 2ZM8 6.4v3.4M8 11.5v.2",
            Self::Info => "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM8 7.3V11M8 4.9v.2",
            Self::Plug => "M6 1.8V5M10 1.8V5M4 5h8v2.5a4 4 0 0 1-8 0V5ZM8 11.5v2.7",
            Self::List => "M2.8 4H3M2.8 8H3M2.8 12H3M6 4h7.5M6 8h7.5M6 12h7.5",
            Self::Sliders => {
                "M2 5h6M12 5h2M2 11h2M8 11h6M10 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM6 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z"
            }
            Self::Copy => "M5.5 5.5h8v8h-8v-8ZM10.5 5.5v-3h-8v8h3",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Computer => "M2.5 3h11v7.5h-11V3ZM5.5 13.5h5M8 10.5v3",
            Self::Globe => {
                "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM1.5 8h13M8 1.5c1.9 1.8 2.8 4 2.8 6.5S9.9 12.7 8 14.5C6.1 12.7 5.2 10.5 5.2 8S6.1 3.3 8 1.5Z"
            }
            Self::App => "M2.5 3h11v10h-11V3ZM2.5 6h11M4.6 4.5h.2",
            Self::Person => "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8ZM2.8 14c.5-2.7 2.5-4.2 5.2-4.2s4.7 1.5 5.2 4.2",
            Self::People => {
                "M6 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 6 8ZM1.2 13.6c.4-2.5 2.2-3.8 4.8-3.8s4.4 1.3 4.8 3.8M10.4 3a2.6 2.6 0 0 1 0 4.8M12.4 10.2c1.4.6 2.2 1.7 2.4 3.4"
            }
            Self::Menu => "M2 4h12M2 8h12M2 12h12",
        }
    }
}

/// An icon in the colour and size of its text; hidden from assistive technology.
#[component]
pub fn Icon(
    /// Which icon.
    glyph: Glyph,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
            <path d=glyph.path()></path>
        </svg>
    }
}

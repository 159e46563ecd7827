//! Parts that pages and islands share. Those that islands use compile for the browser too.
//!
//! How to add one: a file with a component whose props are all documented. If an island uses it, it must not
//! touch the domain.

pub mod icon;
pub mod risk_badge;

#[cfg(feature = "ssr")]
pub mod banner;
#[cfg(feature = "ssr")]
pub mod brand_mark;
#[cfg(feature = "ssr")]
pub mod client_name;
#[cfg(feature = "ssr")]
pub mod console_frame;
#[cfg(feature = "ssr")]
pub mod document_title;
#[cfg(feature = "ssr")]
pub mod empty_state;
#[cfg(feature = "ssr")]
pub mod field;
#[cfg(feature = "ssr")]
pub mod flow_frame;
#[cfg(feature = "ssr")]
pub mod island_scripts;
#[cfg(feature = "ssr")]
pub mod moment;

//! The page for an address that nobody serves.

use leptos::prelude::*;

use crate::{
    http::PageRequest,
    pages::error::{self, ErrorNotice},
};

/// The page, with status 404.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    let page = error::not_found();
    if let Some(request) = PageRequest::current() {
        request.set_status(page.status);
    }
    view! { <ErrorNotice page=page/> }
}

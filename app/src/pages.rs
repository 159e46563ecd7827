//! The pages, one file each.
//!
//! A page asks the ports in an async function that returns the drawn view, or the error page to show
//! instead with its status. How to add one: see the crate's documentation.

pub mod all_connections;
pub mod any_connection;
pub mod audit;
pub mod connection;
pub mod connections;
pub mod consent;
pub mod continue_page;
pub mod error;
pub mod mcp_endpoint;
pub mod not_found;
pub mod remote_mcp;
pub mod setup;
pub mod sign_in;

use leptos::prelude::*;
use margay_domain::page::ErrorPage;

use crate::{http::PageRequest, pages::error::ErrorNotice};

/// Draws a page once its data is there. The status of an error page becomes the answer's.
pub(crate) fn load<Page, Drawn>(page: Page) -> Suspend<AnyView>
where
    Page: FnOnce(PageRequest) -> Drawn,
    Drawn: Future<Output = Result<AnyView, ErrorPage>> + Send + 'static,
{
    let request = PageRequest::current();
    let drawn = request.clone().map(page);
    Suspend::new(async move {
        let result = match drawn {
            Some(drawn) => drawn.await,
            None => Err(error::unavailable()),
        };
        result.unwrap_or_else(|page| {
            if let Some(request) = request {
                request.set_status(page.status);
            }
            view! { <ErrorNotice page=page/> }.into_any()
        })
    })
}

//! The pages as an axum router. The only module that calls `leptos_axum`.
//!
//! [`router`] serves the pages and the forms that belong to them. [`draw`] wraps the browser-facing routers of other
//! crates, so that the [`ErrorPage`], [`ContinuePage`], [`EndpointPage`], [`SetupAgain`] or [`SignInAgain`] in an answer's extensions becomes a page.
//! [`not_found`] is the fallback for addresses that nobody serves.
//!
//! Requests carry who is asking in their extensions: `Browser`, `Origin` and, if somebody signed in, `SignedIn`.

mod guard;
mod headers;
#[cfg(test)]
mod tests;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use leptos::prelude::*;
use leptos_axum::{LeptosRoutes, ResponseOptions};
use leptos_meta::provide_meta_context;
use margay_domain::{
    page::{ContinuePage, EndpointPage, ErrorPage, SetupAgain, SignInAgain},
    principal::{Browser, Origin, SignedIn},
};
use serde::de::DeserializeOwned;

use crate::{
    forms,
    pages::{continue_page::ContinueNotice, error::ErrorNotice, mcp_endpoint::EndpointNotice, setup, sign_in},
    routes::App,
    shell::shell,
    ui::Ui,
};

pub use crate::ui::UiState;

/// The pages, their forms, the redirect of `/`, and the check that somebody is signed in where a page needs it.
///
/// The session layer must wrap it: it puts `Browser`, `Origin` and `SignedIn` into the requests.
pub fn router(state: UiState) -> Router {
    let routes = leptos_axum::generate_route_list(App);
    let document = {
        let state = state.clone();
        move || shell(&state, view! { <App/> }.into_any())
    };
    let pages = Router::new()
        .route("/", get(|| async { Redirect::to("/connections") }))
        .leptos_routes_with_context(&state, routes, page_policy, document)
        .merge(forms::router())
        .route_layer(from_fn(guard::require_person))
        .with_state(state.clone());
    draw(pages, state).layer(from_fn(harden))
}

/// Draws the pages that the handlers of `router` put into their answers' extensions.
pub fn draw(router: Router, state: UiState) -> Router {
    router.layer(from_fn_with_state(state, draw_pages))
}

/// The page for an address that nobody serves, with status 404.
pub async fn not_found(State(state): State<UiState>) -> Response {
    // A fixed address: what was asked for may be no path at all (`CONNECT`, `OPTIONS *`).
    let request = request_for("/not-found");
    hardened("/not-found", render_route(&state, request).await)
}

/// An answer that [`draw`] turns into an error page; its own body is the plain text of it.
pub(crate) fn refuse(page: ErrorPage) -> Response {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = format!("{}\n\n{}\n{}\n", page.title, page.message, page.advice);
    (status, Extension(page), text).into_response()
}

/// Draws the page at the path of `request`, which may carry extensions for it.
pub(crate) async fn render_route(state: &UiState, request: Request) -> Response {
    render(state, request, || view! { <App/> }.into_any()).await
}

/// A request for a page, as if a browser had asked for it.
pub(crate) fn request_for(path: &str) -> Request {
    let mut request = Request::new(Body::empty());
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    request
}

async fn render(
    state: &UiState,
    request: Request,
    body: impl Fn() -> AnyView + Clone + Send + Sync + 'static,
) -> Response {
    let context = {
        let state = state.clone();
        move || {
            provide_context(state.clone());
            page_policy();
        }
    };
    let document = {
        let state = state.clone();
        move || shell(&state, body())
    };
    leptos_axum::render_app_async_with_context(context, document)(request).await
}

/// Gives a page its content security policy, with the nonce of this answer.
fn page_policy() {
    let (Some(parts), Some(response)) = (use_context::<Parts>(), use_context::<ResponseOptions>()) else { return };
    let next = sign_in::next(&parts.uri);
    let policy = headers::content_security_policy(parts.uri.path(), &next, use_nonce().as_deref());
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

async fn draw_pages(State(state): State<UiState>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let Some(page) = response.extensions_mut().remove::<ErrorPage>() {
        let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.status_mut() = status;
        let drawn = render(&state, request_for(&path), move || {
            provide_meta_context();
            view! { <ErrorNotice page=page.clone()/> }.into_any()
        })
        .await;
        return hardened(&path, redrawn(response, drawn));
    }
    if let Some(page) = response.extensions_mut().remove::<ContinuePage>() {
        let drawn = render(&state, request_for(&path), move || {
            provide_meta_context();
            view! { <ContinueNotice page=page.clone()/> }.into_any()
        })
        .await;
        return hardened(&path, redrawn(response, drawn));
    }
    if let Some(page) = response.extensions_mut().remove::<EndpointPage>() {
        let drawn = render(&state, request_for(&path), move || {
            provide_meta_context();
            view! { <EndpointNotice page=page.clone()/> }.into_any()
        })
        .await;
        return hardened(&path, redrawn(response, drawn));
    }
    if let Some(again) = response.extensions_mut().remove::<SetupAgain>() {
        let drawn = render_route(&state, setup::again(again)).await;
        // The page may have found a reason of its own to refuse.
        if drawn.status() != StatusCode::OK {
            *response.status_mut() = drawn.status();
        }
        return hardened(&path, redrawn(response, drawn));
    }
    if let Some(again) = response.extensions_mut().remove::<SignInAgain>() {
        let status = StatusCode::from_u16(again.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
        let drawn = render_route(&state, sign_in::again(again)).await;
        *response.status_mut() = status;
        // Without this layer the answer leads to the form, and what was entered is lost.
        response.headers_mut().remove(header::LOCATION);
        return hardened(&path, redrawn(response, drawn));
    }
    response
}

/// The answer with the drawn page as its body. Status and other header fields (cookies) stay.
fn redrawn(response: Response, page: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    let (page_parts, body) = page.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.extend(page_parts.headers);
    Response::from_parts(parts, body)
}

async fn harden(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    hardened(&path, next.run(request).await)
}

fn hardened(path: &str, mut response: Response) -> Response {
    headers::harden(path, response.headers_mut());
    response
}

/// The request behind the page that is being drawn.
#[derive(Clone)]
pub(crate) struct PageRequest {
    ui: Ui,
    parts: Parts,
    response: ResponseOptions,
}

impl PageRequest {
    /// From the context of the render; `None` outside of one.
    pub(crate) fn current() -> Option<Self> {
        let UiState { ui, .. } = use_context()?;
        Some(Self { ui, parts: use_context()?, response: use_context()? })
    }

    /// What the pages are given.
    pub(crate) fn ui(&self) -> &Ui {
        &self.ui
    }

    /// What a layer or a handler put into the request.
    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.parts.extensions.get::<T>().cloned()
    }

    /// The browser.
    pub(crate) fn browser(&self) -> Result<Browser, ErrorPage> {
        self.extension().ok_or_else(crate::pages::error::unavailable)
    }

    /// Who is signed in.
    pub(crate) fn person(&self) -> Result<SignedIn, ErrorPage> {
        self.extension().ok_or_else(crate::pages::error::signed_out)
    }

    /// Where the request came from.
    pub(crate) fn origin(&self) -> Origin {
        self.extension().unwrap_or_default()
    }

    /// The query; the default if it cannot be read.
    pub(crate) fn query<T: DeserializeOwned + Default>(&self) -> T {
        Query::try_from_uri(&self.parts.uri).map(|Query(query)| query).unwrap_or_default()
    }

    /// Sets the status of the answer.
    pub(crate) fn set_status(&self, status: u16) {
        if let Ok(status) = StatusCode::from_u16(status) {
            self.response.set_status(status);
        }
    }
}

//! Which address shows which page. All are drawn whole on the server (`SsrMode::Async`), with their status.

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

use crate::pages::{
    all_connections::AllConnectionsPage, any_connection::AnyConnectionPage, audit::AuditPage,
    connection::ConnectionPage, connections::ConnectionsPage, consent::ConsentPage, not_found::NotFoundPage,
    remote_mcp::RemoteMcpPage, setup::SetupPage, sign_in::SignInPage,
};

/// The pages.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <FlatRoutes fallback=|| view! { <NotFoundPage/> }>
                <Route path=path!("/sign-in") view=SignInPage ssr=SsrMode::Async/>
                <Route path=path!("/setup/:token") view=SetupPage ssr=SsrMode::Async/>
                <Route path=path!("/oauth/authorize/:flow") view=ConsentPage ssr=SsrMode::Async/>
                <Route path=path!("/connections") view=ConnectionsPage ssr=SsrMode::Async/>
                <Route path=path!("/connections/:id") view=ConnectionPage ssr=SsrMode::Async/>
                <Route path=path!("/settings/ai-automation/remote-mcp") view=RemoteMcpPage ssr=SsrMode::Async/>
                <Route path=path!("/settings/connections") view=AllConnectionsPage ssr=SsrMode::Async/>
                <Route path=path!("/settings/connections/:id") view=AnyConnectionPage ssr=SsrMode::Async/>
                <Route path=path!("/audit") view=AuditPage ssr=SsrMode::Async/>
            </FlatRoutes>
        </Router>
    }
}

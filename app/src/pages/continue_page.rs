//! The page after a decision when the answer goes to an app on this computer: the browser hands over and this tab stays.

use leptos::prelude::*;
use leptos_meta::Meta;
use margay_domain::page::ContinuePage;

use crate::components::{client_name::ClientName, flow_frame::FlowFrame};

/// The page.
#[component]
pub fn ContinueNotice(
    /// Where to go on.
    page: ContinuePage,
) -> impl IntoView {
    let ContinuePage { target, client_name, allowed } = page;
    let heading = if allowed { "Access allowed" } else { "Access not allowed" };
    let result = if allowed {
        " is connected as soon as it opens. You can close this window."
    } else {
        " gets no access. It is told so when it opens. You can close this window."
    };
    let refresh = format!("0;url={target}");
    let name = client_name.clone();
    view! {
        <Meta http_equiv="refresh" content=refresh/>
        <FlowFrame title=heading.to_owned()>
            <h1>{heading}</h1>
            <p>
                <ClientName name=name/>
                {result}
            </p>
            <p>
                <a class="button button--primary button--wraps" href=target rel="noreferrer">
                    <span>"Open " <ClientName name=client_name/></span>
                </a>
            </p>
            <p class="hint">"If your browser asks whether to open the app, allow it. If nothing happens, use the button."</p>
        </FlowFrame>
    }
}

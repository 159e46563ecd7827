//! The page of a person who opened the address of the MCP endpoint in a browser.

use leptos::prelude::*;
use margay_domain::page::EndpointPage;

use crate::components::flow_frame::FlowFrame;

/// The page.
#[component]
pub fn EndpointNotice(
    /// The address.
    page: EndpointPage,
) -> impl IntoView {
    view! {
        <FlowFrame title="MCP endpoint".to_owned()>
            <h1>"This address is for MCP clients"</h1>
            <p>
                "A browser can do nothing here. Add the address to your AI client, for example Claude, Cursor or VS Code, \
                 as a remote MCP server. Its type is often called HTTP or streamable HTTP."
            </p>
            <p class="detail">{page.url}</p>
            <p>"The client then opens a page of this server, where you sign in and choose what it may do."</p>
            <p class="flow__onward">
                <a href="/connections">"See how to connect, and your connections"</a>
            </p>
        </FlowFrame>
    }
}

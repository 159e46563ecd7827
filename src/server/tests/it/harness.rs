//! A server with an empty database on a free port, a browser without JavaScript, and an MCP client.

mod browser;
mod client;
mod documents;
mod html;
mod json;
mod process;
mod server;
mod tools;

pub(crate) use browser::{Answer, Browser};
pub(crate) use client::{Client, Tokens};
pub(crate) use documents::{Document, DocumentSite};
pub(crate) use html::Html;
pub(crate) use json::{JsonRequest, JsonResponse};
pub(crate) use process::Process;
pub(crate) use server::{Engine, PASSWORD, TestServer, program};
pub(crate) use tools::{connected, connected_as, refused, succeeded};

/// Writes a story once and runs it on both engines.
macro_rules! story {
    ($(#[$doc:meta])* async fn $name:ident($server:ident) $body:block) => {
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn story($server: &crate::harness::TestServer) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                crate::harness::TestServer::run(crate::harness::Engine::Sqlite, async |server| story(server).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                crate::harness::TestServer::run(crate::harness::Engine::Postgres, async |server| story(server).await).await;
            }
        }
    };
}
pub(crate) use story;

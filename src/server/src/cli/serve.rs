//! `margay serve`.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::{
    config::Config,
    wiring::{Application, Parts},
};

/// How long a client that registered may wait for its first authorization.
const UNUSED_CLIENT_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// Serve pages, authorization server and MCP endpoint.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port to listen on; overrides `server.listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<SocketAddr>,
}

pub(super) async fn run(mut context: Context, args: Args) -> Result<()> {
    if let Some(listen) = args.listen {
        context.config.server.listen = listen;
    }
    let parts = Parts::open(&context.config).await?;
    let running = start(&context.config, parts, None).await?;
    println!("Margay is ready at {}", running.application.addresses.console_url);
    println!("MCP endpoint:       {}/mcp", running.application.addresses.api_url);
    if let Some(path) = running.application.sign_in.ensure_setup_link().await? {
        println!("Nobody can sign in yet. Open this link, once, to create the first admin:");
        println!("  {}{path}", running.application.addresses.console_url);
    }
    running.until_stopped().await
}

/// A server that listens.
pub struct Running {
    /// What is served.
    pub application: Application,
    /// Where it listens.
    pub bound: SocketAddr,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
}

/// Binds, wires and serves in the background.
pub async fn start(config: &Config, parts: Parts, notice: Option<String>) -> Result<Running> {
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| match listen.port() {
        0 => format!("cannot listen on {listen}"),
        port => format!("cannot listen on {listen}: is port {port} in use? Choose another with --listen"),
    })?;
    let bound = listener.local_addr()?;
    let stop = CancellationToken::new();
    let application = Application::new(config, parts, bound, notice, stop.clone()).await?;
    let service = application.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone().cancelled_owned();
    let task = tokio::spawn(async move { axum::serve(listener, service).with_graceful_shutdown(stopped).await });
    tokio::spawn(collect_garbage(application.parts.clone(), stop.clone()));
    Ok(Running { application, bound, task, stop })
}

impl Running {
    /// Serves until Ctrl-C or SIGTERM, then ends streams, answers what is under way and closes the database.
    pub async fn until_stopped(self) -> Result<()> {
        signalled().await?;
        self.stop().await
    }

    /// Ends the server.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        if let Ok(ended) = tokio::time::timeout(Duration::from_secs(10), self.task).await {
            ended??;
        } else {
            tracing::warn!("some connections did not end in time");
        }
        self.application.in_flight.drained().await;
        self.application.parts.store.close().await;
        Ok(())
    }
}

async fn signalled() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Removes what has ended, once an hour.
async fn collect_garbage(parts: Parts, stop: CancellationToken) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hourly.tick() => {}
        }
        let now = parts.clock.now();
        let store = &parts.store;
        let removed = [
            ("flows", store.flows().collect(now).await),
            ("codes and refresh tokens", store.grants().collect(now).await),
            ("sessions", store.sessions().collect_expired(now).await),
            ("unused clients", store.clients().collect_unused(now.minus(UNUSED_CLIENT_LIFETIME)).await),
        ];
        for (what, result) in removed {
            match result {
                Ok(0) => {}
                Ok(count) => tracing::debug!(what, count, "collected"),
                Err(error) => tracing::warn!(what, %error, "could not collect"),
            }
        }
    }
}

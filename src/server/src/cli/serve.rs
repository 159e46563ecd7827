//! `margay serve`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use margay_domain::grant::CODE_LIFETIME;
use margay_oauth::{OAuth, RELOAD_EVERY};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::{
    config::Config,
    data_folder::ServerLock,
    wiring::{Application, Parts},
};

/// Where the server listens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port to listen on; overrides server.listen of the configuration.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<SocketAddr>,
}

pub(super) async fn run(mut context: Context, args: Args) -> Result<()> {
    if let Some(listen) = args.listen {
        context.config.server.listen = listen;
    }
    context.config.validate()?;
    for warning in context.config.warnings() {
        tracing::warn!("{warning}");
    }
    let lock = ServerLock::take(&context.config)?;
    let parts = Parts::open_or_create(&context.config).await?;
    let running = start(&context.config, parts, None).await?;
    let signals = Signals::listen()?;
    say!("Margay is ready at {}", running.application.addresses.console_url)?;
    say!("MCP endpoint:       {}/mcp", running.application.addresses.api_url)?;
    if let Some(path) = running.application.sign_in.ensure_setup_link().await? {
        say!("Nobody can sign in yet. Open this link, once, to create the first admin:")?;
        say!("  {}{path}", running.application.addresses.console_url)?;
    }
    running.until_stopped(signals, lock).await
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
    let listener = bind(config).await?;
    start_on(listener, config, parts, notice).await
}

/// Takes the port: first of all, where a server that finds it in use must leave no trace.
pub(super) async fn bind(config: &Config) -> Result<TcpListener> {
    let listen = config.server.listen;
    TcpListener::bind(listen).await.with_context(|| match listen.port() {
        0 => format!("cannot listen on {listen}"),
        port => format!("cannot listen on {listen}: is port {port} in use? Choose another with --listen"),
    })
}

/// Wires and serves in the background, on a port that is taken already.
pub(super) async fn start_on(
    listener: TcpListener,
    config: &Config,
    parts: Parts,
    notice: Option<String>,
) -> Result<Running> {
    let bound = listener.local_addr()?;
    let stop = CancellationToken::new();
    let application = Application::new(config, parts, bound, notice, stop.clone()).await?;
    let service = application.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone().cancelled_owned();
    let task = tokio::spawn(async move { axum::serve(listener, service).with_graceful_shutdown(stopped).await });
    let unused = Config::days(config.oauth.unused_client_days);
    // A key must outlive the last token that it signed, with some time for clocks that differ.
    let retired = Config::minutes(config.oauth.access_token_minutes).saturating_mul(2) + Duration::from_hours(1);
    tokio::spawn(collect_garbage(application.parts.clone(), Lifetimes { unused, retired }, stop.clone()));
    tokio::spawn(reload_keys(Arc::clone(&application.oauth), stop.clone()));
    Ok(Running { application, bound, task, stop })
}

impl Running {
    /// Serves until Ctrl-C or SIGTERM, then ends streams, answers what is under way and closes the database.
    ///
    /// `lock` is given up at the signal, so that the next server can start while this one answers its last requests:
    /// those are few, and both write through the locks of the database.
    pub(super) async fn until_stopped(self, signals: Signals, lock: Option<ServerLock>) -> Result<()> {
        self.application.parts.lake.warm();
        signals.received().await;
        drop(lock);
        self.stop().await
    }

    /// Ends the server, whatever runs, in less than the ten seconds after which a supervisor kills.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        let connections = tokio::time::timeout(Duration::from_secs(5), self.task).await;
        if connections.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        // Calls that wait for a query end now, and are recorded.
        self.application.parts.lake.close();
        if tokio::time::timeout(Duration::from_secs(3), self.application.in_flight.drained()).await.is_err() {
            tracing::error!("some tool calls did not end in time; their audit events may be missing");
        }
        if tokio::time::timeout(Duration::from_secs(1), self.application.parts.store.close()).await.is_err() {
            tracing::warn!("the database did not close in time");
        }
        if let Ok(ended) = connections {
            ended??;
        }
        Ok(())
    }
}

/// SIGTERM and Ctrl-C. Listened to before the server says that it is ready: one that came earlier would end it at once,
/// without its answers.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// How long what has ended is kept.
struct Lifetimes {
    /// A client that came by itself and that nobody ever authorized (row OD7).
    unused: Duration,
    /// A signing key that no longer signs.
    retired: Duration,
}

/// Follows a rotation of the signing keys, which the command line makes in another process.
async fn reload_keys(oauth: Arc<OAuth>, stop: CancellationToken) {
    let mut often = tokio::time::interval(RELOAD_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = often.tick() => {}
        }
        if let Err(error) = oauth.reload_keys().await {
            tracing::warn!(%error, "the signing keys could not be read again; the present ones stay in use");
        }
    }
}

/// Removes what has ended, once an hour.
async fn collect_garbage(parts: Parts, keep: Lifetimes, stop: CancellationToken) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hourly.tick() => {}
        }
        let now = parts.clock.now();
        let store = &parts.store;
        let removed = [
            // A decided flow is of use as long as its code.
            ("flows", store.flows().collect(now.minus(CODE_LIFETIME)).await),
            ("codes and refresh tokens", store.grants().collect(now).await),
            ("sessions", store.sessions().collect_expired(now).await),
            ("unused clients", store.clients().collect_unused(now.minus(keep.unused)).await),
            ("clients without connections", store.clients().collect_ended(now.minus(keep.unused)).await),
            ("retired signing keys", store.signing_keys().collect(now.minus(keep.retired)).await),
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

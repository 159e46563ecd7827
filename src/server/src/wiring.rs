//! Who gets which port. The one place where implementations meet.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use leptos_config::LeptosOptions;
use margay_app::SetupCheck;
use margay_domain::{
    all_connections::AllConnections,
    audit_trail::AuditTrail,
    clock::{Clock, SystemClock},
    connections::Connections,
    entropy::{Entropy, OsEntropy},
    lake::table_name,
    log_source::LogSource,
    remote_mcp::RemoteMcp,
};
use margay_lake::{Execution, Lake, LakeConfig};
use margay_mcp::{InFlight, McpConfig, McpLimits, McpState};
use margay_oauth::{OAuth, OAuthPorts};
use margay_signin::{SignIn, SignInConfig};
use margay_store::Store;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

#[cfg(feature = "conformance")]
use margay_mcp::conformance_router as mcp_router;
#[cfg(not(feature = "conformance"))]
use margay_mcp::router as mcp_router;

use crate::{
    assets, authorization,
    cli::query_worker,
    config::{Addresses, Config},
    data_folder,
    health::{self, Readiness},
    linger,
    telemetry::Reader,
    unfinished::{self, Unfinished},
    wrong_address,
};

/// What every command needs: the database, the lake, time and randomness.
#[derive(Clone)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The lake.
    pub lake: Lake,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator.
    pub entropy: Arc<dyn Entropy>,
}

impl Parts {
    /// Opens database and lake with the machine's clock and generator. Refuses where there is no installation: a
    /// mistyped folder must not become an empty one.
    pub async fn open(config: &Config) -> Result<Self> {
        data_folder::find(config)?;
        // Only commands that do one thing and end are content with what is there.
        Self::open_for(Reader::Terminal, config, Arc::new(SystemClock), Arc::new(OsEntropy), own_program()?).await
    }

    /// The same, and begins an installation where there is none. Only for commands with which one may begin.
    pub async fn open_or_create(config: &Config) -> Result<Self> {
        Self::open_with(config, Arc::new(SystemClock), Arc::new(OsEntropy), own_program()?).await
    }

    /// [`Self::open_or_create`] with a given clock and generator, and the program of query workers (tests).
    pub async fn open_with(
        config: &Config,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        program: PathBuf,
    ) -> Result<Self> {
        Self::open_for(Reader::Operator, config, clock, entropy, program).await
    }

    async fn open_for(
        reader: Reader,
        config: &Config,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        program: PathBuf,
    ) -> Result<Self> {
        let dir = &config.data.dir;
        data_folder::create(dir)?;
        let store = Store::open(&config.database()).await?;
        let now = clock.now();
        store.roles().ensure_built_in(now).await?;
        let present = store.log_schemas().list().await?;
        for schema in margay_lake::managed_schemas(now) {
            // A version that brings a schema for a log type must not replace the one that somebody wrote for it before.
            let own = present.iter().find(|own| !own.is_managed && table_name(&own.name) == table_name(&schema.name));
            match own {
                Some(own) => tracing::debug!(log_type = own.name, "the schema that comes with Margay is left out"),
                None => store.log_schemas().put(&schema).await?,
            }
        }
        store.log_sources().ensure(&LogSource::command_line(now)).await?;
        let lake_config = LakeConfig {
            root: lake_folder(config),
            memory_limit_bytes: mebibytes(config.lake.memory_limit_mib),
            spill_limit_bytes: mebibytes(config.lake.spill_limit_mib) as u64,
            execution: Execution::Workers {
                command: query_worker::command(program, &config.log, reader),
                most: match reader {
                    Reader::Operator => query_workers(config.lake.query_workers),
                    // One query, which may use all that queries may.
                    Reader::Terminal => NonZeroUsize::MIN,
                },
            },
        };
        let lake = Lake::open(lake_config, store.log_schemas(), Arc::clone(&entropy))?;
        Ok(Self { store, lake, clock, entropy })
    }
}

fn lake_folder(config: &Config) -> PathBuf {
    config.data.dir.join("lake")
}

fn own_program() -> Result<PathBuf> {
    query_worker::own_program().context("the program of this process cannot be found")
}

/// How many query workers there may be: `lake.query_workers`, else one for each core, within reason.
fn query_workers(configured: u32) -> NonZeroUsize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = if configured == 0 { cores.clamp(2, 8) } else { configured as usize };
    NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)
}

fn mebibytes(count: u32) -> usize {
    usize::try_from(u64::from(count) << 20).unwrap_or(usize::MAX)
}

/// The whole server as one router, and what belongs to it.
pub struct Application {
    /// Everything that is served.
    pub router: Router,
    /// Where.
    pub addresses: Addresses,
    /// Sign-in, for the first-admin link.
    pub sign_in: Arc<SignIn>,
    /// The data behind it.
    pub parts: Parts,
    /// Tool calls whose audit event is not written yet; awaited before the process ends (promise 4).
    pub in_flight: InFlight,
    /// The authorization server, whose keys are read again now and then.
    pub oauth: Arc<OAuth>,
}

/// Lets the page of the first-admin link ask whether it is open.
struct SetupLink(Arc<SignIn>);

#[async_trait]
impl SetupCheck for SetupLink {
    async fn is_open(&self, token: &str) -> bool {
        self.0.setup_open(token).await
    }
}

impl Application {
    /// Wires everything for a server that listens on `bound`. `notice` stands on the sign-in page.
    pub async fn new(
        config: &Config,
        parts: Parts,
        bound: SocketAddr,
        notice: Option<String>,
        stop: CancellationToken,
    ) -> Result<Self> {
        let addresses = config.addresses(bound)?;
        let Parts { store, clock, entropy, .. } = &parts;
        let resource = format!("{}/mcp", addresses.api_url);
        let oauth = OAuth::start(
            authorization::oauth_config(config, &addresses)?,
            OAuthPorts {
                clients: store.clients(),
                flows: store.flows(),
                grants: store.grants(),
                settings: store.settings(),
                signing_keys: store.signing_keys(),
                users: store.users(),
                roles: store.roles(),
                audit: store.audit_log(),
                clock: Arc::clone(clock),
                entropy: Arc::clone(entropy),
            },
        )
        .await?;
        let sign_in = SignIn::new(
            SignInConfig {
                secure_cookies: addresses.secure,
                session_idle: Config::minutes(config.sign_in.session_idle_minutes),
                console_origin: addresses.console_url.clone(),
                trusted_proxies: config.trusted_proxies()?,
            },
            store.users(),
            store.roles(),
            store.audit_log(),
            store.settings(),
            Arc::clone(clock),
            Arc::clone(entropy),
        );
        let in_flight = InFlight::default();
        let mcp = mcp_router(
            McpState {
                config: McpConfig {
                    resource_metadata_url: oauth.resource_metadata_url().to_owned(),
                    resource_metadata_aliases: oauth.resource_metadata_aliases(),
                    allowed_hosts: allowed_hosts(config, &addresses, bound),
                    allowed_origins: allowed_origins(config, &addresses),
                    max_body_bytes: config.mcp.max_body_kib as usize * 1024,
                    call_timeout: margay_mcp::DEFAULT_CALL_TIMEOUT,
                    limits: McpLimits {
                        rate_per_user: config.mcp.rate_per_user_per_minute,
                        rate_per_connection: config.mcp.rate_per_connection_per_minute,
                        concurrent_per_user: config.mcp.concurrent_per_user,
                        concurrent_per_connection: config.mcp.concurrent_per_connection,
                    },
                    server_version: env!("CARGO_PKG_VERSION").to_owned(),
                    resource: resource.clone(),
                },
                verifier: oauth.clone(),
                grants: store.grants(),
                audit: store.audit_log(),
                registry: margay_tools::Registry::product(),
                ports: tool_ports(config, &parts).await?,
                clock: Arc::clone(clock),
                entropy: Arc::clone(entropy),
                in_flight: in_flight.clone(),
            },
            stop,
        );
        let ui = margay_app::http::UiState {
            leptos: leptos_options()?,
            ui: margay_app::Ui {
                consent: oauth.clone(),
                connections: Connections {
                    grants: store.grants(),
                    audit: store.audit_log(),
                    clock: Arc::clone(clock),
                    entropy: Arc::clone(entropy),
                },
                all_connections: AllConnections {
                    grants: store.grants(),
                    users: store.users(),
                    audit: store.audit_log(),
                    clock: Arc::clone(clock),
                    entropy: Arc::clone(entropy),
                },
                remote_mcp: RemoteMcp {
                    settings: store.settings(),
                    clients: store.clients(),
                    audit: store.audit_log(),
                    clock: Arc::clone(clock),
                    entropy: Arc::clone(entropy),
                },
                audit: AuditTrail { audit: store.audit_log() },
                setup: Arc::new(SetupLink(Arc::clone(&sign_in))),
                clock: Arc::clone(clock),
                endpoint: resource,
                notice,
                asset_version: assets::version(),
            },
        };
        let endpoint = Arc::<str>::from(format!("{}/mcp", addresses.api_url));
        let readiness = Readiness::new(store.clone(), lake_folder(config), Arc::clone(clock));
        // What people's browsers open: session, anti-forgery and same-origin checks, drawn error pages.
        let forms = margay_signin::router(Arc::clone(&sign_in)).merge(margay_oauth::browser_router(Arc::clone(&oauth)));
        let pages = margay_app::http::router(ui.clone()).merge(forms);
        let sessions = store.sessions().with_clock(Arc::clone(clock));
        let pages = margay_app::http::draw(margay_signin::layers(pages, Arc::clone(&sign_in), sessions), ui.clone());
        // What programs call: no cookies, no same-origin rule; they only need to know where a request came from.
        let programs = margay_signin::with_origin(
            margay_oauth::client_router(Arc::clone(&oauth)).merge(margay_app::http::draw(mcp, ui.clone())),
            Arc::clone(&sign_in),
        );
        let router = Router::new()
            .fallback(margay_app::http::not_found)
            .with_state(ui)
            .merge(pages)
            .merge(programs)
            .merge(assets::router())
            .merge(health::router(readiness))
            .layer(CatchPanicLayer::new())
            .layer(from_fn_with_state(endpoint, wrong_address::show_the_way))
            .layer(from_fn_with_state(Unfinished::new(), unfinished::limit))
            .layer(from_fn(linger::read_rest));
        Ok(Self { router, addresses, sign_in, parts, in_flight, oauth })
    }
}

/// What tools read from and write to.
async fn tool_ports(config: &Config, parts: &Parts) -> Result<margay_tools::Ports> {
    let Parts { store, lake, clock, entropy } = parts;
    Ok(margay_tools::Ports {
        alerts: store.alerts(),
        detections: store.detections(),
        global_helpers: store.global_helpers(),
        data_models: store.data_models(),
        log_sources: store.log_sources(),
        enrichments: store.enrichments(),
        log_schemas: store.log_schemas(),
        users: store.users(),
        roles: store.roles(),
        lake: Arc::new(lake.clone()),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        max_result_bytes: config.mcp.max_result_kib as usize * 1024,
        cursor_key: cursor_key(store, entropy.as_ref()).await?,
    })
}

/// The key that signs cursors: made once and kept in the database, so that all nodes have the same, and a rotation of
/// the signing keys cuts no list short. It protects no secret: a cursor is bound to a person and a filter, and what it
/// leads to is checked like everything else.
async fn cursor_key(store: &Store, entropy: &dyn Entropy) -> Result<[u8; 32]> {
    const NAME: &str = "cursor_key";
    let settings = store.settings();
    let mut fresh = [0_u8; 32];
    entropy.fill(&mut fresh);
    let kept = settings.ensure_internal(NAME, &URL_SAFE_NO_PAD.encode(fresh)).await?;
    let bytes = URL_SAFE_NO_PAD.decode(kept).context("the stored key of cursors cannot be read")?;
    bytes.try_into().map_err(|_| anyhow!("the stored key of cursors cannot be read"))
}

fn allowed_hosts(config: &Config, addresses: &Addresses, bound: SocketAddr) -> Vec<String> {
    let mut hosts = config.mcp.allowed_hosts.clone();
    hosts.extend(addresses.api_url.split_once("://").map(|(_, authority)| authority.to_owned()));
    if bound.ip().is_loopback() {
        // A loopback server is reachable by each of its names, also through a port forward.
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    }
    hosts
}

fn allowed_origins(config: &Config, addresses: &Addresses) -> Vec<String> {
    let mut origins = config.mcp.allowed_origins.clone();
    // The endpoint adds its own.
    origins.extend(margay_mcp::with_loopback_names(&addresses.console_url));
    origins
}

/// The Leptos options, compiled in from `Leptos.toml`.
pub fn leptos_options() -> Result<LeptosOptions> {
    leptos_config::get_config_from_str(include_str!("../../../Leptos.toml")).context("Leptos.toml")
}

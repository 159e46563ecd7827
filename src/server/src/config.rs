//! The configuration: `margay.toml`, overridden by `MARGAY_SECTION__KEY`, overridden by the command line.
//!
//! Unknown keys are errors. `docs/configuration.md` documents every key; a test compares the two.

mod check;
mod environment;
mod file;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use figment::{
    Figment,
    providers::{Env, Serialized},
};
use margay_mcp::McpLimits;
use margay_signin::TrustedProxy;
use serde::{Deserialize, Serialize};
use url::Url;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Addresses.
    pub server: Server,
    /// Where data is kept.
    pub data: Data,
    /// The database.
    pub database: Database,
    /// The data lake.
    pub lake: Lake,
    /// The authorization server.
    pub oauth: OAuth,
    /// Browser sessions.
    pub sign_in: SignIn,
    /// The MCP endpoint.
    pub mcp: Mcp,
    /// Logging.
    pub log: Log,
}

/// Addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Public URL of the pages; empty means `http://` and the listening address.
    pub console_url: String,
    /// Public URL of `/mcp`, tokens and discovery; empty means `console_url`.
    pub api_url: String,
    /// Proxies (addresses or networks) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// The folder for database and lake; made if missing.
    pub dir: PathBuf,
}

/// The database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `postgres://…`; empty means SQLite in the data folder.
    pub url: String,
}

/// The data lake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lake {
    /// Memory that all queries together may use, in MiB.
    pub memory_limit_mib: u32,
    /// Disk that queries may spill to, in MiB.
    pub spill_limit_mib: u32,
    /// How many queries may run at once, each in a process of its own; 0 for as many as the machine bears.
    pub query_workers: u32,
}

/// The authorization server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuth {
    /// Lifetime of an access token, in minutes.
    pub access_token_minutes: u32,
    /// How long a refresh token may lie unused, in days.
    pub refresh_idle_days: u32,
    /// Lifetime of a connection whatever happens, in days.
    pub connection_days: u32,
    /// How long a superseded refresh token gets its successor again even if that was used already, in seconds.
    pub refresh_grace_seconds: u32,
    /// How many new clients may register from one address in an hour.
    pub registrations_per_hour: u32,
    /// How many authorizations may begin at one address in an hour.
    pub flows_per_hour: u32,
    /// How many clients may be registered that nobody has authorized yet.
    pub max_unused_clients: u64,
    /// After how many days a client is removed that nobody ever authorized, or whose last connection has ended.
    pub unused_client_days: u32,
    /// Which clients may come by themselves.
    pub registration: Registration,
    /// Domain patterns for `registration = "verified_domains"`.
    pub verified_domains: Vec<String>,
    /// Whether clients may be known by the address of a metadata document.
    pub client_documents: bool,
    /// Networks besides the public internet that metadata documents may be fetched from.
    pub client_document_networks: Vec<String>,
    /// A file of certificates (PEM) to trust for metadata documents, besides those of the system.
    pub client_document_ca_file: PathBuf,
    /// How many metadata documents may be fetched for one address in an hour.
    pub client_document_fetches_per_hour: u32,
    /// A file with 32 random bytes in Base64 that seal the signing keys in the database; empty means unsealed.
    pub master_key_file: PathBuf,
    /// A page that documents this server for developers of clients; empty means none.
    pub documentation_url: String,
}

/// Which clients may come by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// All.
    #[default]
    Open,
    /// Those of `verified_domains`.
    VerifiedDomains,
    /// All, but an admin has to approve each.
    AdminApproval,
}

/// Browser sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// How long a browser session may lie unused, in minutes.
    pub session_idle_minutes: u32,
}

/// The MCP endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mcp {
    /// Values of `Host` to accept besides the host of `api_url`.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` to accept besides the server's own, for clients that run in a browser.
    pub allowed_origins: Vec<String>,
    /// The largest request body, in KiB.
    pub max_body_kib: u32,
    /// The rows of one answer have at most so many KiB as JSON.
    pub max_result_kib: u32,
    /// Requests of one person in a minute, over all connections.
    pub rate_per_user_per_minute: u32,
    /// Requests of one connection in a minute.
    pub rate_per_connection_per_minute: u32,
    /// Requests of one person under way at once, over all connections.
    pub concurrent_per_user: u32,
    /// Requests of one connection under way at once.
    pub concurrent_per_connection: u32,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What to log, for example `info` or `margay=debug,warn`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            console_url: String::new(),
            api_url: String::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("./margay-data") }
    }
}

impl Default for Lake {
    fn default() -> Self {
        Self { memory_limit_mib: 512, spill_limit_mib: 2048, query_workers: 0 }
    }
}

impl Default for OAuth {
    fn default() -> Self {
        Self {
            access_token_minutes: 60,
            refresh_idle_days: 30,
            connection_days: 180,
            refresh_grace_seconds: 45,
            registrations_per_hour: 60,
            flows_per_hour: 600,
            max_unused_clients: 10_000,
            unused_client_days: 30,
            registration: Registration::Open,
            verified_domains: Vec::new(),
            client_documents: true,
            client_document_networks: Vec::new(),
            client_document_ca_file: PathBuf::new(),
            client_document_fetches_per_hour: 60,
            master_key_file: PathBuf::new(),
            documentation_url: String::new(),
        }
    }
}

impl Default for SignIn {
    fn default() -> Self {
        Self { session_idle_minutes: 720 }
    }
}

impl Default for Mcp {
    fn default() -> Self {
        let limits = McpLimits::default();
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            max_body_kib: 1024,
            max_result_kib: 72,
            rate_per_user_per_minute: limits.rate_per_user,
            rate_per_connection_per_minute: limits.rate_per_connection,
            concurrent_per_user: limits.concurrent_per_user,
            concurrent_per_connection: limits.concurrent_per_connection,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// A configuration that cannot be used. The text names the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named with `--config` is not there.
    #[error("the configuration file {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The configuration file is there and cannot be read.
    #[error("the configuration file {} cannot be read: {reason}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The configuration file is no TOML.
    #[error("the configuration file {}, line {line}, column {column}: {message}", .file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// An environment variable looks like a key, and would count for nothing.
    #[error("the environment variable {name} is no configuration key: did you mean {meant}?")]
    Variable {
        /// Its name.
        name: String,
        /// The name that would count.
        meant: String,
    },
    /// A key is unknown, or its value cannot be used.
    #[error("configuration: {0}")]
    Invalid(String),
}

/// The public addresses, checked. Issuer and resource come from here only, never from a request (row OM5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Pages, for example `http://127.0.0.1:8080`. No trailing slash.
    pub console_url: String,
    /// `/mcp`, tokens, discovery; the issuer. No trailing slash.
    pub api_url: String,
    /// Whether cookies can be `Secure`.
    pub secure: bool,
}

impl Config {
    /// Reads `file` (or `margay.toml` in the current folder, if there is one) and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        let file = match file {
            Some(file) if !file.exists() => return Err(ConfigError::Missing(file.to_path_buf())),
            Some(file) => Some(file),
            None => Some(Path::new("margay.toml")).filter(|file| file.is_file()),
        };
        if let Some(file) = file {
            figment = figment.merge(file::ConfigFile::read(file)?);
        }
        // Names without a section (MARGAY_DEMO_PASSWORD) are not configuration keys.
        environment::refuse_misspelled(std::env::vars_os().map(|(name, _)| name))?;
        let environment = Env::prefixed("MARGAY_").filter(|key| key.as_str().contains("__")).split("__");
        figment.merge(environment).extract().map_err(|error| ConfigError::Invalid(explain(&error)))
    }

    /// The public addresses when listening on `bound`.
    pub fn addresses(&self, bound: SocketAddr) -> Result<Addresses, ConfigError> {
        let console_url = if self.server.console_url.is_empty() {
            own_url(bound)?
        } else {
            check_url("server.console_url", &self.server.console_url)?
        };
        let api_url = if self.server.api_url.is_empty() {
            console_url.clone()
        } else {
            check_url("server.api_url", &self.server.api_url)?
        };
        let secure = console_url.starts_with("https://");
        Ok(Addresses { console_url, api_url, secure })
    }

    /// The SQLite file or the PostgreSQL server.
    pub fn database(&self) -> margay_store::Database {
        if self.database.url.is_empty() {
            margay_store::Database::Sqlite { path: self.data.dir.join("margay.db") }
        } else {
            margay_store::Database::Postgres { url: self.database.url.clone() }
        }
    }

    /// The proxies whose `X-Forwarded-For` is believed.
    pub(crate) fn trusted_proxies(&self) -> Result<Vec<TrustedProxy>, ConfigError> {
        let read = |text: &String| {
            text.parse().map_err(|_| {
                ConfigError::Invalid(format!("server.trusted_proxies: {text:?} is neither an address nor a network"))
            })
        };
        self.server.trusted_proxies.iter().map(read).collect()
    }

    /// Days as a duration.
    pub(crate) fn days(days: u32) -> Duration {
        Duration::from_secs(u64::from(days) * 86_400)
    }

    /// Minutes as a duration.
    pub(crate) fn minutes(minutes: u32) -> Duration {
        Duration::from_secs(u64::from(minutes) * 60)
    }
}

/// Row R10: https everywhere, plain http on loopback only.
fn check_url(key: &str, text: &str) -> Result<String, ConfigError> {
    let invalid = |reason: &str| ConfigError::Invalid(format!("{key}: {text:?} {reason}"));
    let url = Url::parse(text).map_err(|_| invalid("is not a URL such as https://margay.example.com"))?;
    let host = url.host_str().ok_or_else(|| invalid("names no host"))?;
    match url.scheme() {
        "https" => {}
        "http" if margay_rules::redirect::is_loopback(host) => {}
        "http" => return Err(invalid("must begin with https://; plain http is for loopback only")),
        _ => return Err(invalid("must begin with https://")),
    }
    let has_person = !url.username().is_empty() || url.password().is_some();
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || has_person {
        return Err(invalid("must be only scheme, host and port"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Where people reach a server that has no configured URL: where it listens, in clear, so on loopback only (row R10).
fn own_url(bound: SocketAddr) -> Result<String, ConfigError> {
    check_url("server.listen", &format!("http://{bound}")).map_err(|_| {
        ConfigError::Invalid(format!(
            "server.console_url: must be set, because server.listen is {bound} and plain http is for loopback only"
        ))
    })
}

/// figment's error as one sentence that names the key and where it came from.
fn explain(error: &figment::Error) -> String {
    let sentences: Vec<String> = error
        .clone()
        .into_iter()
        .map(|one| {
            let mut key = one.path.join(".");
            let mut text = one.kind.to_string();
            if let figment::error::Kind::UnknownField(field, _) = &one.kind {
                key = if key.is_empty() { field.clone() } else { format!("{key}.{field}") };
                "there is no such key".clone_into(&mut text);
            }
            let place = one
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.source.as_ref())
                .map(|source| format!(" (in {source})"))
                .unwrap_or_default();
            if key.is_empty() { format!("{text}{place}") } else { format!("{key}: {text}{place}") }
        })
        .collect();
    sentences.join("; ")
}

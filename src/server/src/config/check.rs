//! Whether a server can be started with a configuration: asked before anything is opened.

use url::Url;

use super::{Config, ConfigError};
use crate::{authorization, telemetry};

impl Config {
    /// Checks everything that a server needs. All that is wrong stands in one sentence, each with its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        match self.addresses(self.server.listen) {
            Ok(addresses) => note(&mut problems, authorization::oauth_config(self, &addresses)),
            Err(error) => problems.push(reason(error)),
        }
        note(&mut problems, self.trusted_proxies());
        note(&mut problems, telemetry::filter(&self.log.filter));
        problems.extend(self.zeros());
        problems.extend(self.unreadable_entries());
        if self.data.dir.as_os_str().is_empty() {
            problems.push("data.dir: must name a folder".to_owned());
        }
        if !is_database_url(&self.database.url) {
            // The text itself may hold a password.
            problems.push("database.url: must have the form postgres://user:password@host:port/database".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::Invalid(problems.join("; "))) }
    }

    /// What works and is rarely meant, each in a sentence that begins with its key.
    pub fn warnings(&self) -> Vec<String> {
        let nameless = self.mcp.allowed_origins.iter().filter(|entry| margay_mcp::is_nameless_origin(entry));
        nameless
            .map(|entry| {
                format!(
                    "mcp.allowed_origins: {entry:?} is not the origin of one program. Every local file that is open in a \
                     browser, and every sandboxed frame of any website, then counts as allowed; only the access token is \
                     left to tell them apart"
                )
            })
            .collect()
    }

    /// Numbers with which nothing would work: what lives for no time is over before it can be used.
    fn zeros(&self) -> Vec<String> {
        [
            ("lake.memory_limit_mib", self.lake.memory_limit_mib),
            ("oauth.access_token_minutes", self.oauth.access_token_minutes),
            ("oauth.refresh_idle_days", self.oauth.refresh_idle_days),
            ("oauth.connection_days", self.oauth.connection_days),
            ("oauth.unused_client_days", self.oauth.unused_client_days),
            ("sign_in.session_idle_minutes", self.sign_in.session_idle_minutes),
            ("mcp.max_body_kib", self.mcp.max_body_kib),
            ("mcp.max_result_kib", self.mcp.max_result_kib),
            ("mcp.rate_per_user_per_minute", self.mcp.rate_per_user_per_minute),
            ("mcp.rate_per_connection_per_minute", self.mcp.rate_per_connection_per_minute),
            ("mcp.concurrent_per_user", self.mcp.concurrent_per_user),
            ("mcp.concurrent_per_connection", self.mcp.concurrent_per_connection),
        ]
        .into_iter()
        .filter(|(_, value)| *value == 0)
        .map(|(key, _)| format!("{key}: must be at least 1"))
        .collect()
    }

    /// The endpoint would leave out what it cannot read, and refuse the clients that it was written for.
    fn unreadable_entries(&self) -> Vec<String> {
        let hosts = self.mcp.allowed_hosts.iter().filter(|entry| !margay_mcp::is_host_entry(entry)).map(|entry| {
            format!("mcp.allowed_hosts: {entry:?} is no host such as margay.example.com or margay.example.com:8443")
        });
        let origins =
            self.mcp.allowed_origins.iter().filter(|entry| !margay_mcp::is_origin_entry(entry)).map(|entry| {
                format!("mcp.allowed_origins: {entry:?} is no origin such as https://app.example.com, null or file://")
            });
        hosts.chain(origins).collect()
    }
}

/// The store says the same, but only when it opens the database.
fn is_database_url(text: &str) -> bool {
    let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
    text.is_empty() || (is_postgres && Url::parse(text).is_ok())
}

fn note<T>(problems: &mut Vec<String>, checked: Result<T, ConfigError>) {
    if let Err(error) = checked {
        problems.push(reason(error));
    }
}

/// The text without the words before it, which stand there once for all.
fn reason(error: ConfigError) -> String {
    match error {
        ConfigError::Invalid(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_can_serve_passes() {
        assert_eq!(problems(|_| {}), "");
        assert_eq!(
            problems(|config| {
                config.server.listen = ([0, 0, 0, 0], 8080).into();
                config.server.console_url = "https://margay.example.com".to_owned();
                config.server.trusted_proxies = vec!["10.0.0.0/8".to_owned(), "::1".to_owned()];
                config.mcp.allowed_hosts = vec!["inner.example.com:8443".to_owned(), "::1".to_owned()];
                config.mcp.allowed_origins = vec!["http://localhost:*".to_owned()];
                config.log.filter = "margay_mcp=debug,warn".to_owned();
                config.oauth.refresh_grace_seconds = 0;
                config.database.url = "postgres://margay:p%40ss@db.example.com/margay?sslmode=verify-full".to_owned();
            }),
            ""
        );
        assert_eq!(problems(|config| config.server.listen = "[::1]:80".parse().unwrap()), "");
    }

    #[test]
    fn what_cannot_serve_is_named() {
        for (key, found) in [
            ("server.console_url", problems(|config| config.server.listen = ([0, 0, 0, 0], 8080).into())),
            ("server.console_url", problems(|config| config.server.listen = "[::]:8080".parse().unwrap())),
            ("server.console_url", problems(|config| config.server.listen = ([192, 0, 2, 7], 8080).into())),
            ("server.console_url", problems(|config| config.server.console_url = "http://m.example.com".to_owned())),
            ("server.api_url", problems(|config| config.server.api_url = "https://m.example.com/mcp".to_owned())),
            ("server.api_url", problems(|config| config.server.api_url = "https://:x@m.example.com".to_owned())),
            ("server.trusted_proxies", problems(|config| config.server.trusted_proxies = vec!["proxy".to_owned()])),
            ("data.dir", problems(|config| config.data.dir = "".into())),
            ("log.filter", problems(|config| config.log.filter = "margay=loud".to_owned())),
            ("mcp.allowed_hosts", problems(|config| config.mcp.allowed_hosts = vec!["https://x.example".to_owned()])),
            ("mcp.allowed_hosts", problems(|config| config.mcp.allowed_hosts = vec!["*.example.com".to_owned()])),
            ("mcp.allowed_origins", problems(|config| config.mcp.allowed_origins = vec!["x.example".to_owned()])),
            ("mcp.max_body_kib", problems(|config| config.mcp.max_body_kib = 0)),
            ("lake.memory_limit_mib", problems(|config| config.lake.memory_limit_mib = 0)),
            ("oauth.access_token_minutes", problems(|config| config.oauth.access_token_minutes = 0)),
            ("oauth.refresh_idle_days", problems(|config| config.oauth.refresh_idle_days = 0)),
            ("oauth.connection_days", problems(|config| config.oauth.connection_days = 0)),
            ("sign_in.session_idle_minutes", problems(|config| config.sign_in.session_idle_minutes = 0)),
        ] {
            assert!(found.starts_with(&format!("configuration: {key}: ")), "{key}: {found}");
            assert_eq!(found.lines().count(), 1, "{found}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let found = problems(|config| {
            config.log.filter = "margay=loud".to_owned();
            config.oauth.connection_days = 0;
        });
        assert!(found.contains("log.filter: ") && found.contains("; oauth.connection_days: "), "{found}");
    }

    #[test]
    fn origins_that_name_nobody_are_allowed_with_a_warning() {
        let mut config = Config::default();
        config.mcp.allowed_origins =
            ["null", "file://", "vscode-file://vscode-app", "https://app.example.com"].map(str::to_owned).to_vec();
        assert!(config.validate().is_ok());
        let warnings = config.warnings();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(
            warnings[0].starts_with("mcp.allowed_origins: \"null\" is not the origin of one program."),
            "{warnings:?}"
        );
        assert!(warnings[1].starts_with("mcp.allowed_origins: \"file://\" is not"), "{warnings:?}");
        assert!(Config::default().warnings().is_empty());
    }

    #[test]
    fn a_password_is_not_repeated() {
        let found = problems(|config| config.database.url = "mysql://margay:hunter2@db.example.com/x".to_owned());
        assert!(found.contains("database.url") && !found.contains("hunter2"), "{found}");
    }
}

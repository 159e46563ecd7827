//! The server under test.

use std::{path::PathBuf, sync::Arc, time::Duration};

use margay_domain::{
    clock::{Clock as _, SystemClock},
    entropy::OsEntropy,
    id::RoleId,
    role::{LogTypeAccess, Role},
    rules::{Permission, PermissionSet},
    testing::ManualClock,
};
use margay_oauth::{OAuth, OAuthPorts};
use margay_server::{
    cli::{Running, start},
    config::Config,
    wiring::Parts,
};
use margay_signin::{
    SignIn,
    accounts::{Accounts, NewAccount},
};
use margay_store::{Database, test_postgres::TestPostgres};

/// The password of everybody in these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The three people, by the first part of their address, and their roles.
const PEOPLE: [(&str, &str); 3] = [("admin", "Admin"), ("analyst", "Analyst"), ("viewer", "AnalystReadOnly")];

/// The binary, which runs the queries of the servers of these tests.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_margay").into()
}

/// Where the data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A server on a free port, with the three people of the demo and no data.
pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) parts: Parts,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: Config,
    oauth: Arc<OAuth>,
    sign_in: Arc<SignIn>,
}

impl TestServer {
    /// Runs `story` against a new server and ends it.
    pub(crate) async fn run(engine: Engine, story: impl AsyncFnOnce(&Self)) {
        Self::run_configured(engine, |_| {}, story).await;
    }

    /// The same with a changed configuration.
    pub(crate) async fn run_configured(
        engine: Engine,
        change: impl FnOnce(&mut Config),
        story: impl AsyncFnOnce(&Self),
    ) {
        Self::run_with(engine, &PEOPLE, change, story).await;
    }

    /// Runs `story` against a new server that knows nobody yet.
    pub(crate) async fn run_empty(engine: Engine, story: impl AsyncFnOnce(&Self)) {
        Self::run_with(engine, &[], |_| {}, story).await;
    }

    async fn run_with(
        engine: Engine,
        people: &[(&str, &str)],
        change: impl FnOnce(&mut Config),
        story: impl AsyncFnOnce(&Self),
    ) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::default();
        config.data.dir = dir.path().join("data");
        config.server.listen = ([127, 0, 0, 1], 0).into();
        change(&mut config);
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => match TestPostgres::start().expect("PostgreSQL starts") {
                Some(server) => Some(server),
                None => return,
            },
        };
        if let Some(server) = &postgres {
            let database = server.create_database().await.expect("a database");
            if let Database::Postgres { url } = database {
                config.database.url = url;
            }
        }
        // Starts at the present, because cookies and logs carry it, and moves only when a story says so.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let parts =
            Parts::open_with(&config, clock.clone(), Arc::new(OsEntropy), program()).await.expect("the data opens");
        let server = Self::start(config, parts, clock, people).await;
        story(&server.0).await;
        server.1.stop().await.expect("the server stops");
    }

    async fn start(config: Config, parts: Parts, clock: Arc<ManualClock>, people: &[(&str, &str)]) -> (Self, Running) {
        let accounts = accounts(&parts);
        for (name, role) in people {
            let account = NewAccount {
                email: format!("{name}@example.com"),
                given_name: (*name).to_owned(),
                family_name: "Example".to_owned(),
                role: (*role).to_owned(),
                password: Some(PASSWORD.to_owned()),
            };
            accounts.create_user(account).await.expect("an account");
        }
        let running = start(&config, parts.clone(), None).await.expect("the server starts");
        // Where it listens, which is its public address too, unless a story configured another one.
        let url = format!("http://{}", running.bound);
        let oauth = Arc::clone(&running.application.oauth);
        let sign_in = Arc::clone(&running.application.sign_in);
        (Self { url, parts, clock, config, oauth, sign_in }, running)
    }

    /// The data once more, as another process opens it.
    pub(crate) async fn open_again(&self) -> Parts {
        let opened = Parts::open_with(&self.config, self.clock.clone(), Arc::new(OsEntropy), program());
        opened.await.expect("the data opens")
    }

    /// The same server, called by another name of this computer.
    pub(crate) fn called(&self, host: &str) -> Self {
        let url = self.url.replacen("127.0.0.1", host, 1);
        let (parts, clock, config) = (self.parts.clone(), Arc::clone(&self.clock), self.config.clone());
        Self { url, parts, clock, config, oauth: Arc::clone(&self.oauth), sign_in: Arc::clone(&self.sign_in) }
    }

    /// Another node of the same installation, on a port of its own. It ends with the test.
    pub(crate) async fn another_node(&self) -> Self {
        let running = start(&self.config, self.parts.clone(), None).await.expect("the node starts");
        let url = format!("http://{}", running.bound);
        let oauth = Arc::clone(&running.application.oauth);
        let sign_in = Arc::clone(&running.application.sign_in);
        let (parts, clock, config) = (self.parts.clone(), Arc::clone(&self.clock), self.config.clone());
        Self { url, parts, clock, config, oauth, sign_in }
    }

    /// The path of the link for the first admin, as `margay serve` prints it; `None` if somebody can sign in.
    pub(crate) async fn setup_link(&self) -> Option<String> {
        self.sign_in.ensure_setup_link().await.expect("the store answers")
    }

    /// What a running server does now and then.
    pub(crate) async fn reload_keys(&self) {
        self.oauth.reload_keys().await.expect("the keys are read");
    }

    /// For a second authorization server on the same data.
    pub(crate) fn oauth_ports(&self) -> OAuthPorts {
        let store = &self.parts.store;
        OAuthPorts {
            clients: store.clients(),
            flows: store.flows(),
            grants: store.grants(),
            settings: store.settings(),
            signing_keys: store.signing_keys(),
            users: store.users(),
            roles: store.roles(),
            audit: store.audit_log(),
            clock: self.clock.clone(),
            entropy: self.parts.entropy.clone(),
        }
    }

    /// Moves the server's clock.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Gives a person a new role that holds exactly `permissions`.
    pub(crate) async fn give_custom_role(&self, email: &str, permissions: &[Permission]) {
        self.give_role(email, permissions.iter().copied().collect(), LogTypeAccess::AllowAll).await;
    }

    /// Gives a person a new role that holds exactly `permissions` and may read `log_types`.
    pub(crate) async fn give_role(&self, email: &str, permissions: PermissionSet, log_types: LogTypeAccess) {
        let now = self.clock.now();
        let id = RoleId::generate(now, &OsEntropy);
        let role = Role {
            name: id.to_string(),
            id,
            permissions,
            log_types,
            built_in: false,
            created_at: now,
            updated_at: now,
        };
        self.parts.store.roles().create(&role).await.expect("a role");
        self.accounts().set_role(email, &role.name).await.expect("the role is set");
    }

    /// What `margay user …` does.
    pub(crate) fn accounts(&self) -> Accounts {
        accounts(&self.parts)
    }
}

fn accounts(parts: &Parts) -> Accounts {
    Accounts {
        users: parts.store.users(),
        roles: parts.store.roles(),
        grants: parts.store.grants(),
        audit: parts.store.audit_log(),
        clock: parts.clock.clone(),
        entropy: parts.entropy.clone(),
    }
}

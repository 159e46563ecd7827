//! What tokens are worth, against a model: whatever is done in whatever order, no token outlives or exceeds its grant
//! (promises 1 and 3; rows OC3, OC4, OF1 to OF6).
//!
//! Each case is a grant of its own in one database, with a clock of its own. The endpoints are the real ones, called
//! without a socket. `MARGAY_MODEL_CASES` sets the number of cases.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use margay_domain::{
    client::{Approval, Client, ClientSource},
    clock::{Clock as _, Timestamp},
    entropy::OsEntropy,
    grant::{AuthorizationCode, CODE_LIFETIME, Grant, RevocationReason},
    id::{ClientId, GrantId, RoleId, UserId},
    ports::TokenVerifier as _,
    role::{LogTypeAccess, Role},
    rules::{Permission, PermissionSet},
    secret::{Secret, SecretKind},
    testing::ManualClock,
    user::User,
};
use margay_oauth::{OAuth, OAuthConfig, OAuthPorts};
use margay_server::{config::Config, wiring::Parts};
use margay_store::{Database, test_postgres::TestPostgres};
use proptest::{
    prelude::*,
    test_runner::{Config as Runs, TestCaseError, TestRunner},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use crate::harness::program;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ISSUER: &str = "https://margay.example.com";
const RESOURCE: &str = "https://margay.example.com/mcp";
const REDIRECT: &str = "http://127.0.0.1/callback";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more.~";
const WRONG: &str = "another-verifier-of-forty-three-characters-...~";
const GRACE: Duration = Duration::from_secs(45);
const ACCESS: Duration = Duration::from_hours(1);
const IDLE: Duration = Duration::from_hours(30 * 24);
const ABSOLUTE: Duration = Duration::from_hours(180 * 24);

/// The permissions that this model is about; bit n of a mask is the nth.
const PERMISSIONS: [Permission; 3] = [Permission::AlertRead, Permission::RuleRead, Permission::DataAnalyticsRead];

/// What somebody does. Numbers choose among the tokens that exist.
#[derive(Clone, Debug)]
enum Step {
    Exchange { right: bool },
    Refresh { which: usize, narrow_to: Option<u8> },
    RefreshTwiceAtOnce { which: usize },
    ClientRevokes { which: usize },
    PersonRevokes,
    SetRole(u8),
    SetEnabled(bool),
    Wait(Duration),
    Collect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let waits = prop_oneof![
        Just(1),
        Just(44),
        Just(46),
        Just(61),
        Just(3_599),
        Just(86_400),
        Just(IDLE.as_secs() - 1),
        Just(IDLE.as_secs()),
        Just(ABSOLUTE.as_secs()),
    ];
    let step = prop_oneof![
        2 => prop::bool::weighted(0.8).prop_map(|right| Step::Exchange { right }),
        8 => (any::<usize>(), prop::option::weighted(0.3, 0_u8..8))
            .prop_map(|(which, narrow_to)| Step::Refresh { which, narrow_to }),
        2 => any::<usize>().prop_map(|which| Step::RefreshTwiceAtOnce { which }),
        1 => any::<usize>().prop_map(|which| Step::ClientRevokes { which }),
        1 => Just(Step::PersonRevokes),
        3 => (0_u8..8).prop_map(Step::SetRole),
        1 => any::<bool>().prop_map(Step::SetEnabled),
        5 => waits.prop_map(|seconds| Step::Wait(Duration::from_secs(seconds))),
        1 => Just(Step::Collect),
    ];
    // Most stories begin with a connection.
    prop::collection::vec(step, 1..12).prop_map(|mut steps| {
        steps.insert(0, Step::Exchange { right: true });
        steps
    })
}

fn set(mask: u8) -> PermissionSet {
    (0..PERMISSIONS.len()).filter(|bit| mask & (1 << bit) != 0).map(|bit| PERMISSIONS[bit]).collect()
}

/// A refresh token as the model knows it.
#[derive(Clone)]
struct Refresh {
    text: String,
    ends: Timestamp,
    superseded: Option<(Timestamp, String)>,
}

/// An access token as the model knows it.
struct Access {
    text: String,
    ends: Timestamp,
    scope: PermissionSet,
}

/// One grant, in the model and in the system.
struct Case<'a> {
    parts: &'a Parts,
    oauth: Arc<OAuth>,
    router: Router,
    clock: Arc<ManualClock>,
    grant: GrantId,
    user: UserId,
    code: String,
    granted: PermissionSet,
    // The model.
    role: PermissionSet,
    enabled: bool,
    revoked: bool,
    code_used: bool,
    spoiled: bool,
    active: bool,
    refresh: Vec<Refresh>,
    access: Vec<Access>,
}

fn role_id(mask: u8) -> RoleId {
    RoleId::new(format!("model_{mask}"))
}

async fn prepare(parts: &Parts) {
    for mask in 0..8 {
        let role = Role {
            id: role_id(mask),
            name: role_id(mask).to_string(),
            permissions: set(mask),
            log_types: LogTypeAccess::AllowAll,
            built_in: false,
            created_at: START,
            updated_at: START,
        };
        parts.store.roles().create(&role).await.expect("a role");
    }
    let client = Client {
        id: ClientId::new("mcp_model"),
        name: "Model".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        client_uri: None,
        application_type: None,
        grant_types: Vec::new(),
        source: ClientSource::Registered,
        approval: Approval::Approved,
        document_fresh_until: None,
        created_at: START,
        last_authorized_at: Some(START),
    };
    parts.store.clients().create(&client).await.expect("a client");
}

impl<'a> Case<'a> {
    /// A person who has just allowed the client `granted`.
    async fn begin(parts: &'a Parts, granted: u8) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let store = &parts.store;
        let ports = OAuthPorts {
            clients: store.clients(),
            flows: store.flows(),
            grants: store.grants(),
            settings: store.settings(),
            signing_keys: store.signing_keys(),
            users: store.users(),
            roles: store.roles(),
            audit: store.audit_log(),
            clock: clock.clone(),
            entropy: Arc::new(OsEntropy),
        };
        let oauth = OAuth::start(OAuthConfig::new(ISSUER, RESOURCE), ports).await.expect("it starts");
        let user = UserId::generate(START, &OsEntropy);
        let person = User {
            email: format!("{user}@example.com"),
            id: user.clone(),
            given_name: String::new(),
            family_name: String::new(),
            role_id: role_id(7),
            enabled: true,
            created_at: START,
            last_signed_in_at: None,
        };
        store.users().create(&person, None).await.expect("a person");
        let grant = Grant {
            id: GrantId::generate(START, &OsEntropy),
            user_id: user.clone(),
            client_id: ClientId::new("mcp_model"),
            permissions: set(granted),
            resource: RESOURCE.to_owned(),
            redirect_uri: REDIRECT.to_owned(),
            created_at: START,
            activated_at: None,
            expires_at: START.plus(ABSOLUTE),
            last_used_at: None,
            narrowed_from: None,
            refreshed_from: None,
            revoked: None,
        };
        let code = Secret::generate(SecretKind::Code, &OsEntropy);
        let stored = AuthorizationCode {
            hash: code.hash(),
            grant_id: grant.id.clone(),
            client_id: grant.client_id.clone(),
            redirect_uri: REDIRECT.to_owned(),
            code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)),
            expires_at: START.plus(CODE_LIFETIME),
            consumed_at: None,
        };
        store.grants().create(&grant, &stored).await.expect("a grant");
        Self {
            parts,
            router: margay_oauth::client_router(Arc::clone(&oauth)),
            oauth,
            clock,
            grant: grant.id,
            user,
            code: code.expose().to_owned(),
            granted: set(granted),
            role: set(7),
            enabled: true,
            revoked: false,
            code_used: false,
            spoiled: false,
            active: false,
            refresh: Vec::new(),
            access: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the grant is good for anything at all.
    fn lives(&self) -> bool {
        self.active && !self.revoked && self.now() < START.plus(ABSOLUTE)
    }

    fn covered(&self) -> bool {
        self.enabled && self.granted.is_subset(self.role)
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn refresh(&self, token: &str, scope: Option<&str>) -> (StatusCode, Value) {
        let mut fields = vec![("grant_type", "refresh_token"), ("client_id", "mcp_model"), ("refresh_token", token)];
        fields.extend(scope.map(|scope| ("scope", scope)));
        self.post("/oauth/token", &fields).await
    }

    /// Notes the tokens of a good answer.
    fn issued(&mut self, body: &Value, scope: PermissionSet) -> Result<(), TestCaseError> {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        prop_assert_eq!(text("scope"), scope.to_scope());
        let ends = self.now().plus(ACCESS).min(START.plus(ABSOLUTE));
        prop_assert_eq!(body["expires_in"].as_u64(), Some(ends.since(self.now()).as_secs()));
        self.access.push(Access { text: text("access_token"), ends, scope });
        let text = text("refresh_token");
        if !self.refresh.iter().any(|known| known.text == text) {
            let ends = self.now().plus(IDLE).min(START.plus(ABSOLUTE));
            self.refresh.push(Refresh { text, ends, superseded: None });
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Exchange { right } => self.exchange(right).await?,
            Step::Refresh { which, narrow_to } => {
                if !self.refresh.is_empty() {
                    self.refresh_one(which % self.refresh.len(), narrow_to).await?;
                }
            }
            Step::RefreshTwiceAtOnce { which } => {
                if !self.refresh.is_empty() {
                    self.refresh_two(which % self.refresh.len()).await?;
                }
            }
            Step::ClientRevokes { which } => {
                if let Some(token) = self.refresh.get(which % self.refresh.len().max(1)) {
                    let fields = [("client_id", "mcp_model"), ("token", token.text.as_str())];
                    prop_assert_eq!(self.post("/oauth/revoke", &fields).await.0, StatusCode::OK);
                    self.revoked = true;
                }
            }
            Step::PersonRevokes => {
                let grants = self.parts.store.grants();
                grants.revoke(&self.grant, RevocationReason::User, self.now()).await.expect("the store answers");
                self.revoked = true;
            }
            Step::SetRole(mask) => {
                self.parts.store.users().set_role(&self.user, &role_id(mask)).await.expect("the store answers");
                self.role = set(mask);
            }
            Step::SetEnabled(enabled) => {
                self.parts.store.users().set_enabled(&self.user, enabled).await.expect("the store answers");
                self.enabled = enabled;
            }
            Step::Wait(duration) => self.clock.advance(duration),
            Step::Collect => {
                self.parts.store.grants().collect(self.now()).await.expect("the store answers");
            }
        }
        Ok(())
    }

    async fn exchange(&mut self, right: bool) -> Result<(), TestCaseError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "mcp_model"),
            ("code", self.code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", if right { VERIFIER } else { WRONG }),
        ];
        let (status, body) = self.post("/oauth/token", &fields).await;
        let fresh = !self.code_used && self.now() < START.plus(CODE_LIFETIME);
        let good = fresh && right && self.covered() && !self.revoked;
        if good {
            prop_assert_eq!(status, StatusCode::OK, "{}", body);
            self.active = true;
            self.issued(&body, self.granted)?;
        } else {
            prop_assert_eq!(status, StatusCode::BAD_REQUEST, "{}", body);
            prop_assert_eq!(&body["error"], "invalid_grant");
            // Row OC3: a replay by who knows the verifier ends everything. Row OC4: by anybody else nothing, but the
            // first wrong try uses the code up, and a grant that was not covered at the exchange ends there.
            self.revoked |= right && ((self.code_used && !self.spoiled) || fresh);
            self.spoiled |= fresh && !right;
        }
        self.code_used |= fresh;
        Ok(())
    }

    async fn refresh_one(&mut self, index: usize, narrow_to: Option<u8>) -> Result<(), TestCaseError> {
        let token = self.refresh[index].clone();
        let asked = narrow_to.map(set);
        let (status, body) = self.refresh(&token.text, asked.map(PermissionSet::to_scope).as_deref()).await;
        if self.lives() && self.is_copy(&token) {
            self.revoked = true;
        }
        let widens = asked.is_some_and(|asked| !asked.is_subset(self.granted));
        let usable = self.lives() && self.now() < token.ends;
        if !usable || !self.covered() || widens {
            prop_assert_eq!(status, StatusCode::BAD_REQUEST, "{}", body);
            let expected = if usable && widens { "invalid_scope" } else { "invalid_grant" };
            prop_assert_eq!(&body["error"], expected);
            self.revoked |= usable && !widens;
            return Ok(());
        }
        prop_assert_eq!(status, StatusCode::OK, "{}", body);
        let successor = body["refresh_token"].as_str().unwrap_or_default().to_owned();
        if let Some((_, expected)) = &token.superseded {
            prop_assert_eq!(&successor, expected, "the same successor, however late");
        }
        let now = self.now();
        self.refresh[index].superseded.get_or_insert((now, successor));
        // An empty wish is none.
        let scope = asked.filter(|asked| !asked.is_empty()).unwrap_or(self.granted);
        self.issued(&body, scope)
    }

    /// Row OF1: whether a token shows, once it is presented, that there are two holders of it: it was exchanged before
    /// the grace, and its successor was exchanged as well.
    fn is_copy(&self, token: &Refresh) -> bool {
        let Some((at, successor)) = &token.superseded else { return false };
        let used = self.refresh.iter().any(|known| known.text == *successor && known.superseded.is_some());
        used && self.now().since(*at) > GRACE
    }

    /// Two processes of one client at the same moment: both go on, or neither.
    async fn refresh_two(&mut self, index: usize) -> Result<(), TestCaseError> {
        let text = self.refresh[index].text.clone();
        let ((one, first), (two, second)) = tokio::join!(self.refresh(&text, None), self.refresh(&text, None));
        prop_assert_eq!(one, two, "{} {}", first, second);
        prop_assert_eq!(&first["refresh_token"], &second["refresh_token"]);
        if one == StatusCode::OK {
            let now = self.now();
            let successor = first["refresh_token"].as_str().unwrap_or_default().to_owned();
            self.refresh[index].superseded.get_or_insert((now, successor));
            self.issued(&first, self.granted)?;
            self.issued(&second, self.granted)?;
        } else {
            // Whatever was wrong ended the grant, unless it had ended or the token was over.
            self.revoked |=
                self.lives() && (self.now() < self.refresh[index].ends || self.is_copy(&self.refresh[index]));
        }
        Ok(())
    }

    /// Promise 1, for every access token that was ever issued.
    async fn check(&self) -> Result<(), TestCaseError> {
        let principal = self.parts.store.grants().principal(&self.grant).await.expect("the store answers");
        for token in &self.access {
            let verified = self.oauth.verify(&token.text, self.now());
            prop_assert_eq!(verified.is_ok(), self.now() < token.ends, "an access token ends on time");
            let Ok(verified) = verified else { continue };
            prop_assert_eq!(&verified.grant_id, &self.grant);
            prop_assert!(token.ends <= START.plus(ABSOLUTE));
            let Some(mut principal) = principal.clone() else { continue };
            principal.token_scope = verified.scope;
            let worth =
                if principal.grant.is_active(self.now()) { principal.effective() } else { PermissionSet::EMPTY };
            let allowed = if self.lives() && self.enabled {
                self.granted.intersection(self.role).intersection(token.scope)
            } else {
                PermissionSet::EMPTY
            };
            prop_assert_eq!(worth.to_scope(), allowed.to_scope());
        }
        Ok(())
    }
}

async fn story(parts: &Parts, granted: u8, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut case = Case::begin(parts, granted).await;
    for (number, step) in steps.iter().enumerate() {
        let result = case.step(step).await;
        let result = match result {
            Ok(()) => case.check().await,
            failed => failed,
        };
        result.map_err(|error| TestCaseError::fail(format!("step {number} ({step:?}): {error}")))?;
    }
    Ok(())
}

fn run(database: Option<Database>, cases: u32) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    // Nothing here has to survive a power cut, so memory will do where there is such a folder.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    let mut config = Config::default();
    config.data.dir = dir.path().join("data");
    if let Some(Database::Postgres { url }) = database {
        config.database.url = url;
    }
    let parts = runtime.block_on(async {
        let clock = Arc::new(ManualClock::new(START));
        let parts = Parts::open_with(&config, clock, Arc::new(OsEntropy), program()).await.expect("the data opens");
        prepare(&parts).await;
        parts
    });
    let cases = std::env::var("MARGAY_MODEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(cases);
    let runs = Runs { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Runs::default() };
    let mut runner = TestRunner::new(runs);
    // A grant of nothing does not come about: the consent page refuses it.
    let result = runner.run(&(1_u8..8, steps()), |(granted, steps)| runtime.block_on(story(&parts, granted, &steps)));
    runtime.block_on(parts.store.close());
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn no_token_outlives_or_exceeds_its_grant_sqlite() {
    run(None, 10_000);
}

#[test]
fn no_token_outlives_or_exceeds_its_grant_postgres() {
    let Some(server) = TestPostgres::start().expect("PostgreSQL starts") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let database = runtime.block_on(server.create_database()).expect("a database");
    run(Some(database), 1_000);
}

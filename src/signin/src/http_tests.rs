//! The endpoints and layers together, as a browser sees them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    response::Response,
    routing::get,
};
use http::{HeaderValue, Request, StatusCode, header};
use margay_domain::{
    audit::{self, ActionResult, ActorKind, AuditEvent},
    page::{ErrorPage, SetupAgain},
    ports::Users as _,
    principal::{Browser, Origin, SignedIn},
    testing::{ManualClock, SeededEntropy},
};
use margay_rules::forms;
use tower::ServiceExt as _;
use url::form_urlencoded;

use crate::{
    SignIn, SignInConfig,
    accounts::{Accounts, NewAccount},
    fakes::{FakeAudit, FakeGrants, FakeRoles, FakeSessions, FakeSettings, FakeUsers, start},
    layers, router,
};

const ANA: &str = "ana@example.com";
const PASSWORD: &str = "correct horse battery";
const WRONG: &str = "wrong horse battery!";

struct Site {
    app: Router,
    sign_in: Arc<SignIn>,
    accounts: Accounts,
    users: Arc<FakeUsers>,
    audit: Arc<FakeAudit>,
    sessions: FakeSessions,
    clock: Arc<ManualClock>,
}

fn site() -> Site {
    let users = Arc::new(FakeUsers::default());
    let audit = Arc::new(FakeAudit::default());
    let clock = Arc::new(ManualClock::new(start()));
    let entropy = Arc::new(SeededEntropy::new(11));
    let sessions = FakeSessions::default();
    let config = SignInConfig {
        secure_cookies: true,
        session_idle: crate::DEFAULT_SESSION_IDLE,
        console_origin: "https://margay.example.com".to_owned(),
        trusted_proxies: Vec::new(),
    };
    let sign_in = SignIn::new(
        config,
        users.clone(),
        Arc::new(FakeRoles),
        audit.clone(),
        Arc::new(FakeSettings::default()),
        clock.clone(),
        entropy.clone(),
    );
    let accounts = Accounts {
        users: users.clone(),
        roles: Arc::new(FakeRoles),
        grants: Arc::new(FakeGrants::default()),
        audit: Arc::new(FakeAudit::default()),
        clock: clock.clone(),
        entropy,
    };
    let page = get(
        |Extension(browser): Extension<Browser>,
         Extension(origin): Extension<Origin>,
         person: Option<Extension<SignedIn>>| async move {
            let email = person.map_or_else(|| "nobody".to_owned(), |Extension(person)| person.user.email);
            let ip = origin.ip.map(|ip| ip.to_string()).unwrap_or_default();
            format!("{} {email} {ip}", browser.csrf)
        },
    );
    let app = Router::new()
        .route("/page", page)
        .route("/pkg/main.css", get(|| async { "css" }))
        .merge(router(sign_in.clone()));
    let app = layers(app, sign_in.clone(), sessions.clone());
    Site { app, sign_in, accounts, users, audit, sessions, clock }
}

impl Site {
    async fn add(&self, email: &str, password: Option<&str>) {
        let new = NewAccount {
            email: email.to_owned(),
            role: "Analyst".to_owned(),
            password: password.map(str::to_owned),
            given_name: String::new(),
            family_name: String::new(),
        };
        self.accounts.create_user(new).await.unwrap();
    }

    /// An admin, so that nobody else is the last one, and Ana.
    async fn with_ana() -> Self {
        let site = site();
        site.add("root@example.com", None).await;
        site.accounts.set_role("root@example.com", "Admin").await.unwrap();
        site.add(ANA, Some(PASSWORD)).await;
        site
    }

    fn browser(&self) -> TestBrowser<'_> {
        TestBrowser { site: self, jar: BTreeMap::new(), ip: "198.51.100.7".parse().unwrap() }
    }

    fn sign_ins(&self) -> Vec<AuditEvent> {
        self.audit.events().into_iter().filter(|event| event.action_name == audit::SIGN_IN).collect()
    }
}

struct TestBrowser<'a> {
    site: &'a Site,
    jar: BTreeMap<String, String>,
    ip: IpAddr,
}

struct Page {
    csrf: String,
    email: String,
    ip: String,
}

impl TestBrowser<'_> {
    async fn send(&mut self, mut request: Request<Body>) -> Response {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, HeaderValue::from_str(&cookies.join("; ")).unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.ip, 4711)));
        let response = self.site.app.clone().oneshot(request).await.unwrap();
        for line in response.headers().get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.starts_with("__Host-") && line.contains("; Secure"), "{line}");
            assert!(line.contains("; Path=/") && line.contains("; HttpOnly"), "{line}");
            assert!(line.contains("; SameSite=Lax") && !line.contains("Domain"), "{line}");
            let (pair, rest) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    async fn get(&mut self, path: &str) -> Response {
        self.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    async fn page(&mut self) -> Page {
        let response = self.get("/page").await;
        assert_eq!(response.status(), StatusCode::OK);
        let text = to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let mut words = text.split(' ').map(str::to_owned);
        Page { csrf: words.next().unwrap(), email: words.next().unwrap(), ip: words.next().unwrap() }
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// Loads the form and sends it; where it leads.
    async fn sign_in(&mut self, email: &str, password: &str, next: &str) -> String {
        let csrf = self.page().await.csrf;
        let fields = [
            (forms::EMAIL_FIELD, email),
            (forms::PASSWORD_FIELD, password),
            (forms::NEXT_FIELD, next),
            (forms::CSRF_FIELD, csrf.as_str()),
        ];
        location(&self.post("/sign-in", &fields).await)
    }

    fn session(&self) -> Option<&String> {
        self.jar.get("__Host-margay-session")
    }
}

fn location(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
    assert_eq!(response.headers().get(header::REFERRER_POLICY).unwrap(), "same-origin");
    response.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    let before = browser.page().await;
    assert_eq!((before.email.as_str(), before.ip.as_str()), ("nobody", "198.51.100.7"));
    assert_eq!(site.sessions.len(), 0, "looking at a page begins no session");
    assert_eq!(browser.page().await.csrf, before.csrf);

    assert_eq!(browser.sign_in(" Ana@Example.com", PASSWORD, "/oauth/authorize/flw_1").await, "/oauth/authorize/flw_1");
    let inside = browser.page().await;
    assert_eq!(inside.email, ANA);
    assert_ne!(inside.csrf, before.csrf, "a form from before the sign-in is worth nothing");
    let (ana, _) = site.users.find_by_email(ANA).await.unwrap().unwrap();
    assert_eq!(ana.last_signed_in_at, Some(start()));
    let events = site.sign_ins();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action_result, ActionResult::Succeeded);
    assert_eq!(events[0].actor.email.as_deref(), Some(ANA));
    assert_eq!(events[0].source_ip.as_deref(), Some("198.51.100.7"));

    let stolen = browser.jar.clone();
    assert_eq!(location(&browser.post("/sign-out", &[("csrf", "wrong")]).await), "/connections");
    assert_eq!(browser.page().await.email, ANA);
    assert_eq!(location(&browser.post("/sign-out", &[("csrf", inside.csrf.as_str())]).await), "/sign-in");
    assert_eq!(browser.session(), None);
    assert_eq!(site.sessions.len(), 0);
    browser.jar = stolen;
    assert_eq!(browser.page().await.email, "nobody", "the old cookie opens nothing");
    assert_eq!(location(&browser.post("/sign-out", &[]).await), "/sign-in", "signed out already");
}

#[tokio::test]
async fn signing_out_can_lead_to_somebody_elses_sign_in_on_the_same_way() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    let onward = "/sign-in?next=%2Foauth%2Fauthorize%2Fflw_1";
    browser.sign_in(ANA, PASSWORD, "").await;
    let csrf = browser.page().await.csrf;
    let forged = [("csrf", "wrong"), ("next", "/oauth/authorize/flw_1")];
    assert_eq!(location(&browser.post("/sign-out", &forged).await), "/oauth/authorize/flw_1", "for a fresh form");
    assert_eq!(browser.page().await.email, ANA);
    let switch = [("csrf", csrf.as_str()), ("next", "/oauth/authorize/flw_1")];
    assert_eq!(location(&browser.post("/sign-out", &switch).await), onward);
    assert_eq!(browser.page().await.email, "nobody");
    assert_eq!(location(&browser.post("/sign-out", &switch).await), onward, "signed out already");

    for next in ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"] {
        browser.sign_in(ANA, PASSWORD, "").await;
        let csrf = browser.page().await.csrf;
        let hostile = [("csrf", csrf.as_str()), ("next", next)];
        assert_eq!(location(&browser.post("/sign-out", &hostile).await), "/sign-in", "{next}");
    }
}

#[tokio::test]
async fn refusals_look_alike_and_the_audit_log_tells_them_apart() {
    let site = Site::with_ana().await;
    site.add("gone@example.com", Some(PASSWORD)).await;
    site.accounts.disable("gone@example.com").await.unwrap();
    let table = [
        (ANA, WRONG, "wrong_password"),
        ("nobody@example.com", PASSWORD, "unknown_email"),
        ("gone@example.com", PASSWORD, "disabled"),
        ("gone@example.com", WRONG, "wrong_password"),
        ("root@example.com", PASSWORD, "no_password"),
        (PASSWORD, "", "unknown_email"),
    ];
    for (email, password, _) in table {
        let mut browser = site.browser();
        assert_eq!(browser.sign_in(email, password, "/a?b=c").await, "/sign-in?error=invalid&next=%2Fa%3Fb%3Dc");
        assert_eq!(browser.session(), None);
    }
    let events = site.sign_ins();
    assert_eq!(events.len(), table.len());
    for (event, (_, _, reason)) in events.iter().zip(table) {
        assert_eq!(event.action_result, ActionResult::Failed);
        assert_eq!(event.actor.kind, ActorKind::System);
        assert_eq!(event.action_details["reason"], reason);
        assert_eq!(event.errors.len(), 1);
    }
    assert_eq!(events[0].action_params["email"], ANA);
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains(PASSWORD) && !text.contains(WRONG), "no password, not even from the wrong field");
}

#[tokio::test]
async fn forms_without_the_token_do_nothing() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    let old = browser.page().await.csrf;
    let foreign = site.browser().page().await.csrf;
    for csrf in ["", "wrong", foreign.as_str()] {
        let fields = [("email", ANA), ("password", PASSWORD), ("next", "/a"), ("csrf", csrf)];
        assert_eq!(location(&browser.post("/sign-in", &fields).await), "/sign-in?error=expired&next=%2Fa");
    }
    let twice = [("csrf", old.as_str()), ("csrf", old.as_str()), ("email", ANA), ("password", PASSWORD)];
    assert_eq!(location(&browser.post("/sign-in", &twice).await), "/sign-in?error=expired");
    assert!(site.audit.events().is_empty());
    assert_eq!(site.sessions.len(), 0);

    let big = "x".repeat(20_000);
    let fields = [("email", ANA), ("password", big.as_str()), ("csrf", old.as_str())];
    assert_eq!(location(&browser.post("/sign-in", &fields).await), "/sign-in?error=expired");
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let site = Site::with_ana().await;
    for next in
        ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "", "/\t/evil.example"]
    {
        assert_eq!(site.browser().sign_in(ANA, PASSWORD, next).await, "/connections", "{next}");
    }
}

#[tokio::test]
async fn forms_of_other_sites_are_refused_first() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    let csrf = browser.page().await.csrf;
    let body = format!("email={ANA}&password={PASSWORD}&csrf={csrf}");
    let request = Request::post("/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site")
        .body(Body::from(body))
        .unwrap();
    let response = browser.send(request).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.extensions().get::<ErrorPage>().map(|page| page.status), Some(403));
    assert_eq!(site.sessions.len(), 0);
}

#[tokio::test]
async fn guessing_is_limited() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    for _ in 0..5 {
        assert_eq!(browser.sign_in(ANA, WRONG, "").await, "/sign-in?error=invalid");
    }
    assert_eq!(browser.sign_in("ANA@example.com ", PASSWORD, "").await, "/sign-in?error=limited");
    assert_eq!(browser.sign_in(ANA, PASSWORD, "").await, "/sign-in?error=limited");
    let events = site.sign_ins();
    assert_eq!(events.len(), 6, "one event for the whole block");
    assert_eq!(events[5].action_details["reason"], "limited");

    site.clock.advance(Duration::from_secs(15));
    assert_eq!(browser.sign_in(ANA, PASSWORD, "").await, "/connections");
    for _ in 0..4 {
        assert_eq!(site.browser().sign_in(ANA, WRONG, "").await, "/sign-in?error=invalid");
    }
    assert_eq!(site.browser().sign_in(ANA, PASSWORD, "").await, "/connections", "a success starts afresh");
}

#[tokio::test]
async fn a_sign_in_renews_the_session_id() {
    let site = Site::with_ana().await;
    site.add("ben@example.com", Some(PASSWORD)).await;
    let mut browser = site.browser();
    browser.sign_in(ANA, PASSWORD, "").await;
    let first = browser.session().cloned();
    assert!(first.is_some());
    browser.sign_in("ben@example.com", PASSWORD, "").await;
    assert_ne!(browser.session().cloned(), first);
    assert_eq!(browser.page().await.email, "ben@example.com");
    assert_eq!(site.sessions.len(), 1, "the first one is gone");
}

#[tokio::test]
async fn a_disabled_person_is_out_with_the_next_request() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    browser.sign_in(ANA, PASSWORD, "").await;
    site.accounts.disable(ANA).await.unwrap();
    assert_eq!(browser.page().await.email, "nobody");
    assert_eq!(browser.session(), None);
    assert_eq!(site.sessions.len(), 0);
    site.accounts.enable(ANA).await.unwrap();
    assert_eq!(browser.page().await.email, "nobody");
}

#[tokio::test]
async fn a_lost_session_leaves_a_form_that_works() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    browser.sign_in(ANA, PASSWORD, "").await;
    site.sessions.clear();
    assert_eq!(browser.sign_in(ANA, PASSWORD, "").await, "/connections");
    assert_eq!(browser.page().await.email, ANA);
}

#[tokio::test]
async fn a_session_is_put_off_now_and_then_and_ends_after_a_week() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    browser.sign_in(ANA, PASSWORD, "").await;
    assert!(browser.get("/page").await.headers().get(header::SET_COOKIE).is_none());
    site.clock.advance(Duration::from_mins(5));
    let cookie = browser.get("/page").await.headers().get(header::SET_COOKIE).cloned().unwrap();
    assert!(cookie.to_str().unwrap().contains("Max-Age=43200"));
    assert!(browser.get("/page").await.headers().get(header::SET_COOKIE).is_none());

    site.clock.advance(crate::SIGN_IN_MAX_AGE);
    assert_eq!(browser.page().await.email, "nobody");
    assert_eq!(site.sessions.len(), 0);
}

#[tokio::test]
async fn static_files_cost_no_session_and_set_no_cookie() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    let response = browser.get("/pkg/main.css").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(browser.jar.is_empty());
    browser.sign_in(ANA, PASSWORD, "").await;
    let loads = site.sessions.loads();
    browser.get("/pkg/main.css").await;
    assert_eq!(site.sessions.loads(), loads);
}

#[tokio::test]
async fn without_storage_there_is_an_error_page_and_no_session() {
    let site = Site::with_ana().await;
    let mut browser = site.browser();
    let csrf = browser.page().await.csrf;
    site.audit.set_broken(true);
    let fields = [("email", ANA), ("password", PASSWORD), ("csrf", csrf.as_str())];
    let response = browser.post("/sign-in", &fields).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.extensions().get::<ErrorPage>().is_some());
    assert_eq!((browser.session(), site.sessions.len()), (None, 0), "no sign-in without its audit event");

    site.audit.set_broken(false);
    browser.sign_in(ANA, PASSWORD, "").await;
    site.sessions.set_broken(true);
    assert_eq!(browser.get("/page").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.sessions.set_broken(false);
    assert_eq!(browser.page().await.email, ANA);
}

#[tokio::test]
async fn the_setup_link_creates_the_first_admin_once() {
    let site = site();
    let replaced = site.sign_in.ensure_setup_link().await.unwrap().unwrap();
    let path = site.sign_in.ensure_setup_link().await.unwrap().unwrap();
    let token = path.strip_prefix("/setup/").unwrap().to_owned();
    assert!(site.sign_in.setup_open(&token).await);
    assert!(!site.sign_in.setup_open(replaced.strip_prefix("/setup/").unwrap()).await, "a newer link replaced it");
    assert!(!site.sign_in.setup_open("mgs_garbage").await);

    let mut browser = site.browser();
    let csrf = browser.page().await.csrf;
    let table = [
        (ANA, PASSWORD, "wrong", "expired"),
        ("ana", PASSWORD, csrf.as_str(), "email"),
        (ANA, "short", csrf.as_str(), "password"),
    ];
    for (email, password, posted, code) in table {
        let fields = [
            ("token", token.as_str()),
            ("email", email),
            ("password", password),
            ("given_name", "Ana"),
            ("csrf", posted),
        ];
        let response = browser.post("/setup", &fields).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
        let again = response.extensions().get::<SetupAgain>().unwrap();
        assert_eq!((again.error, again.email.as_str(), again.given_name.as_str()), (code, email, "Ana"));
        assert_eq!(again.token.expose(), token);
        assert_eq!(again.browser.csrf, csrf, "the form is good to be sent again");
    }
    let replaced = replaced.strip_prefix("/setup/").unwrap();
    let fields = [("token", replaced), ("email", ANA), ("password", PASSWORD), ("csrf", csrf.as_str())];
    assert_eq!(location(&browser.post("/setup", &fields).await), format!("/setup/{replaced}?error=expired"));
    assert!(site.sign_in.setup_open(&token).await, "bad input does not use the link up");

    let fields = [
        ("token", token.as_str()),
        ("email", "Ana@example.com"),
        ("password", PASSWORD),
        ("given_name", "Ana"),
        ("family_name", "Ruiz"),
        ("csrf", csrf.as_str()),
    ];
    assert_eq!(location(&browser.post("/setup", &fields).await), "/connections");
    let page = browser.page().await;
    assert_eq!(page.email, ANA);
    let (ana, _) = site.users.find_by_email(ANA).await.unwrap().unwrap();
    assert_eq!((ana.role_id.as_str(), ana.display_name().as_str()), ("Admin", "Ana Ruiz"));
    let names: Vec<String> = site.audit.events().into_iter().map(|event| event.action_name).collect();
    assert_eq!(names, [audit::CREATE_USER, audit::SIGN_IN]);
    assert!(!site.sign_in.setup_open(&token).await);
    assert_eq!(site.sign_in.ensure_setup_link().await.unwrap(), None);

    let again = [("token", token.as_str()), ("email", "b@x.com"), ("password", PASSWORD), ("csrf", page.csrf.as_str())];
    assert_eq!(location(&browser.post("/setup", &again).await), format!("/setup/{token}?error=expired"));
    let garbage = [("token", "../../evil"), ("csrf", page.csrf.as_str())];
    assert_eq!(browser.post("/setup", &garbage).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_setup_link_is_void_once_somebody_exists() {
    let site = site();
    let path = site.sign_in.ensure_setup_link().await.unwrap().unwrap();
    let token = path.strip_prefix("/setup/").unwrap().to_owned();
    site.add(ANA, Some(PASSWORD)).await;
    assert!(!site.sign_in.setup_open(&token).await);
    let mut browser = site.browser();
    let csrf = browser.page().await.csrf;
    let fields = [("token", token.as_str()), ("email", "b@x.com"), ("password", PASSWORD), ("csrf", csrf.as_str())];
    assert_eq!(location(&browser.post("/setup", &fields).await), format!("/setup/{token}?error=taken"));
    assert_eq!(site.users.count().await.unwrap(), 1);
}

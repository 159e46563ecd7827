//! An MCP client: registers, authorizes through a browser, calls tools.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Browser, JsonRequest, JsonResponse, TestServer, browser::Answer};

/// A program on the person's computer.
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
    pub(crate) id: String,
    pub(crate) redirect_uri: String,
    verifier: String,
}

/// What the token endpoint gives.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) scope: String,
}

impl Client {
    /// Registers with a loopback redirect.
    pub(crate) async fn register(server: &TestServer) -> Self {
        Self::register_with(server, "http://127.0.0.1:33418/callback").await
    }

    /// Registers with this redirect URI, as a client of its own: equal registrations would be one client.
    pub(crate) async fn register_with(server: &TestServer, redirect_uri: &str) -> Self {
        static REGISTERED: AtomicU32 = AtomicU32::new(0);
        let home = format!("https://client-{}.example", REGISTERED.fetch_add(1, Ordering::Relaxed));
        let metadata = json!({ "client_name": "Test client", "redirect_uris": [redirect_uri], "client_uri": home });
        Self::register_as(server, metadata).await
    }

    /// Registers with this metadata, and goes on with the first of its redirect URIs.
    pub(crate) async fn register_as(server: &TestServer, metadata: Value) -> Self {
        Self::register_at(&server.url, metadata).await
    }

    /// The same with a server at this address, whatever runs it.
    pub(crate) async fn register_at(url: &str, metadata: Value) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let request = http.post(format!("{url}/oauth/register")).json(&metadata);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::CREATED);
        let registered: Value = response.json().await.expect("JSON");
        Self {
            base: url.to_owned(),
            http,
            id: registered["client_id"].as_str().expect("an id").to_owned(),
            redirect_uri: metadata["redirect_uris"][0].as_str().expect("a redirect URI").to_owned(),
            verifier: "a-verifier-of-forty-three-characters-or-more.~".to_owned(),
        }
    }

    /// A client that the server knows, or learns to know, by this id.
    pub(crate) fn known_as(server: &TestServer, id: &str, redirect_uri: &str) -> Self {
        Self {
            base: server.url.clone(),
            http: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client"),
            id: id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            verifier: "a-verifier-of-forty-three-characters-or-more.~".to_owned(),
        }
    }

    /// The path and query of an authorization request; `more` overrides or adds parameters (empty = left out).
    pub(crate) fn authorize_path(&self, more: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier));
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect_uri),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("state", "the state & more"),
        ];
        for (name, value) in more {
            parameters.retain(|(existing, _)| existing != name);
            if !value.is_empty() {
                parameters.push((name, value));
            }
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        format!("/oauth/authorize?{query}")
    }

    /// Opens the consent page in a browser where somebody is signed in.
    pub(crate) async fn consent_page(&self, browser: &Browser) -> Answer {
        let answer = browser.open(&self.authorize_path(&[])).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.page.text());
        assert_eq!(answer.page.heading(), "MCP authorization");
        answer
    }

    /// Posts the decision with exactly these permissions.
    pub(crate) async fn decide(
        &self,
        browser: &Browser,
        page: &Answer,
        decision: &str,
        permissions: &[&str],
    ) -> Answer {
        let mut fields = vec![
            ("flow", page.page.input("flow")),
            ("csrf", page.page.input("csrf")),
            ("decision", decision.to_owned()),
        ];
        fields.extend(permissions.iter().map(|permission| ("permission", (*permission).to_owned())));
        browser.post("/oauth/authorize/decision", &fields).await
    }

    /// The parameters of the redirect back to this client.
    pub(crate) fn callback(&self, answer: &Answer) -> Vec<(String, String)> {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page.text());
        let url = url::Url::parse(&answer.location).expect("an absolute redirect");
        assert!(answer.location.starts_with(&self.redirect_uri), "{}", answer.location);
        url.query_pairs().into_owned().collect()
    }

    /// One parameter of the redirect back to this client.
    pub(crate) fn parameter(&self, answer: &Answer, name: &str) -> Option<String> {
        self.callback(answer).into_iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }

    /// The error in the redirect back to this client. Whatever it is, the redirect names this server and has no code.
    pub(crate) fn error(&self, answer: &Answer) -> String {
        assert_eq!(self.parameter(answer, "code"), None, "{}", answer.location);
        assert_eq!(self.parameter(answer, "iss").as_deref(), Some(self.base.as_str()), "{}", answer.location);
        self.parameter(answer, "error").unwrap_or_else(|| panic!("no error in {}", answer.location))
    }

    /// The PKCE verifier of all its requests.
    pub(crate) fn verifier(&self) -> &str {
        &self.verifier
    }

    /// Approves exactly these permissions and returns the code.
    pub(crate) async fn code(&self, browser: &Browser, permissions: &[&str]) -> String {
        let page = self.consent_page(browser).await;
        let answer = self.decide(browser, &page, "allow", permissions).await;
        let parameters = self.callback(&answer);
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        assert_eq!(get("state").as_deref(), Some("the state & more"));
        assert_eq!(get("iss").as_deref(), Some(self.base.as_str()));
        get("code").expect("a code")
    }

    /// Posts to the token endpoint.
    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let response = self
            .http
            .post(format!("{}/oauth/token", self.base))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        (response.status(), response.json().await.expect("JSON"))
    }

    pub(crate) async fn exchange_with(&self, code: &str, verifier: &str) -> (StatusCode, Value) {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", &self.id),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
            ("resource", &format!("{}/mcp", self.base)),
        ])
        .await
    }

    pub(crate) async fn exchange(&self, code: &str) -> (StatusCode, Value) {
        self.exchange_with(code, &self.verifier).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> (StatusCode, Value) {
        self.token(&[("grant_type", "refresh_token"), ("client_id", &self.id), ("refresh_token", token)]).await
    }

    /// The whole way: a person approves these permissions, the client gets tokens.
    pub(crate) async fn connect(&self, browser: &Browser, permissions: &[&str]) -> Tokens {
        let code = self.code(browser, permissions).await;
        let (status, body) = self.exchange(&code).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        Tokens::read(&body)
    }

    /// Posts a modern (2026-07-28) request to `/mcp`.
    pub(crate) async fn post_mcp(&self, token: Option<&str>, method: &str, mut params: Value) -> Response {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        });
        let mut request = self
            .http
            .post(format!("{}/mcp", self.base))
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .header(header::USER_AGENT, "Margay test client");
        // Row H10: what is asked for stands in a header, too.
        if let Some(name) = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str) {
            request = request.header("mcp-name", name);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        request.json(&body).send().await.expect("an answer")
    }

    /// The same, and reads the JSON-RPC answer whether it came as JSON or as one event.
    pub(crate) async fn mcp(&self, token: &str, method: &str, params: Value) -> Value {
        let response = self.post_mcp(Some(token), method, params).await;
        let status = response.status();
        let text = response.text().await.expect("text");
        let json = text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(str::trim)
            .rfind(|data| !data.is_empty())
            .unwrap_or(&text);
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{status} {error}: {text}"))
    }

    /// The names of the listed tools.
    pub(crate) async fn tool_names(&self, token: &str) -> Vec<String> {
        let answer = self.mcp(token, "tools/list", json!({})).await;
        let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}"));
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Calls a tool; the result object.
    pub(crate) async fn call(&self, token: &str, tool: &str, arguments: Value) -> Value {
        let answer = self.mcp(token, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert!(answer.get("result").is_some(), "{answer}");
        answer["result"].clone()
    }
}

impl Tokens {
    pub(crate) fn read(body: &Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        assert_eq!(body["token_type"], "Bearer");
        Self { access: text("access_token"), refresh: text("refresh_token"), scope: text("scope") }
    }
}

//! Garbage for everything that strangers send: registrations, redirect URIs, authorization requests, metadata
//! documents. Nothing may panic, and what is accepted must keep what it promises.
//!
//! `cargo nextest run -p margay-oauth fuzz` does a fixed number of rounds. For longer:
//! `MARGAY_FUZZ_SECONDS=300 MARGAY_FUZZ_SEED=7 cargo nextest run -p margay-oauth fuzz`. A crash found becomes a seed in
//! the corpus below.

use std::time::{Duration, Instant};

use margay_domain::{entropy::Entropy as _, rules::redirect::is_loopback, testing::SeededEntropy};
use serde_json::Value;
use url::Url;

use crate::{
    addresses::Addresses,
    authorize,
    client_document::{self, read_document},
    config::{OAuthConfig, RegistrationLimits},
    params::Params,
    redirect::{append, check_registrable, is_local, matches_registered},
    register,
};

/// Rounds without a time limit; about a second in a debug build.
const ROUNDS: u64 = 4_000;

const URIS: &[&str] = &[
    "https://claude.ai/api/mcp/auth_callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "http://localhost:8787/callback",
    "http://127.0.0.1/",
    "http://[::1]:33418/cb?x=y",
    "http://127.0.0.1:65536/cb",
    "http://127.0.0.1@evil.example/cb",
    "http://[::ffff:127.0.0.1]/cb",
    "https://xn--bcher-kva.example./cb",
    "com.example.app:/oauth",
    "javascript:alert(1)//https://claude.ai",
    "data:text/html,<script>",
    "file:///etc/passwd",
    "http:\\\\evil.example\\cb",
    "https://a:b@c:1/d?e#f",
    "//evil.example",
    "\u{202e}https://é.example/\0",
];

const QUERIES: &[&str] = &[
    "response_type=code&client_id=mcp_1&redirect_uri=http%3A%2F%2F127.0.0.1%3A5%2Fcb&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state=a+b%26c&scope=AlertRead&resource=https%3A%2F%2Fapi.example.com%2Fmcp&prompt=consent",
    "client_id=https%3A%2F%2Fclient.example%2Fa.json&state=%FF%00&state=&resource=%2Fmcp&request=eyJ&request_uri=x",
    "=&&=&a&%&%%&%zz=%&&",
];

const BODIES: &[&str] = &[
    r#"{"client_name":"Claude","redirect_uris":["https://claude.ai/cb","cursor://x"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"client_secret_post","scope":"a b","client_uri":"https://claude.ai","application_type":"native"}"#,
    r#"{"redirect_uris":null,"client_name":{"a":[1e999,-0,"\ud800"]},"jwks":{},"software_statement":"e30."}"#,
    r#"{"client_id":"https://client.example/a.json","client_name":"C","redirect_uris":["http://localhost/cb"],"token_endpoint_auth_method":"none"}"#,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "\u{feff}{}",
];

const PIECES: &[&str] = &[
    "\0",
    "\r\n",
    "%00",
    "%0d%0a",
    "%",
    "..",
    "//",
    "\\",
    "@",
    "#",
    "?",
    "&",
    "=",
    ":",
    "[::1]",
    "127.0.0.1",
    "localhost",
    "\u{202e}",
    "\u{e0001}",
    "é",
    "null",
    "{}",
    "[]",
    "\"",
    "1e400",
    "https://",
    "javascript:",
    "redirect_uri=",
    "a.json",
];

/// A source of garbage.
struct Garbage(SeededEntropy);

impl Garbage {
    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.below(bound.max(1) as u64)).unwrap_or(0)
    }

    fn one_of<'a>(&self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A seed with a few changes.
    fn from(&self, seeds: &[&str]) -> Vec<u8> {
        let mut bytes = self.one_of(seeds).as_bytes().to_vec();
        for _ in 0..self.below(6) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 => drop(bytes.splice(at..at, self.one_of(PIECES).bytes())),
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..(at + self.below(20)).min(bytes.len()))),
                3 => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, copy));
                }
                4 => {
                    let other = self.one_of(seeds).as_bytes();
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[self.below(other.len() + 1)..]);
                }
                _ => {
                    let mut byte = [0];
                    self.0.fill(&mut byte);
                    bytes.insert(at, byte[0]);
                }
            }
        }
        bytes
    }

    fn text(&self, seeds: &[&str]) -> String {
        String::from_utf8_lossy(&self.from(seeds)).into_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "a run of a given length needs the real clock")]
fn run(name: &str, round: impl Fn(&Garbage)) {
    let number = |variable: &str| std::env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let garbage = Garbage(SeededEntropy::new(number("MARGAY_FUZZ_SEED").unwrap_or(1)));
    let until = number("MARGAY_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut rounds = 0_u64;
    while until.map_or(rounds < ROUNDS, |until| Instant::now() < until) {
        round(&garbage);
        rounds += 1;
    }
    eprintln!("{name}: {rounds} rounds");
}

/// What every accepted redirect URI is.
fn assert_sound(uri: &str) {
    let url = Url::parse(uri).unwrap_or_else(|error| panic!("{uri:?}: {error}"));
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none(), "{uri:?}");
    assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri:?}");
    assert!(!["javascript", "data", "file", "vbscript"].contains(&url.scheme()), "{uri:?}");
    if url.scheme() == "http" {
        assert!(url.host_str().is_some_and(is_loopback), "{uri:?}");
    }
}

#[test]
fn fuzz_redirect_uris() {
    run("redirect URIs", |garbage| {
        let (registered, requested) = (garbage.text(URIS), garbage.text(URIS));
        let _ = is_local(&requested);
        if check_registrable(&requested).is_ok() {
            assert_sound(&requested);
            let sent = append(&requested, &[("code", "mgc_x"), ("state", "a&b=c#d\r\n")]);
            let (before, after) = (Url::parse(&requested).unwrap(), Url::parse(&sent).unwrap());
            assert_eq!(
                (before.scheme(), before.host_str(), before.port()),
                (after.scheme(), after.host_str(), after.port())
            );
            assert!(sent.starts_with(&requested) && after.fragment().is_none(), "{sent:?}");
            assert!(after.query_pairs().any(|(name, value)| name == "state" && value == "a&b=c#d\r\n"), "{sent:?}");
        }
        assert!(matches_registered(&registered, &registered));
        if check_registrable(&registered).is_ok()
            && matches_registered(&registered, &requested)
            && registered != requested
        {
            // Row OA3: the parsed addresses differ in the port at most, and only on loopback.
            let (one, other) = (Url::parse(&registered).unwrap(), Url::parse(&requested).unwrap());
            assert!(one.scheme() == "http" && one.host_str().is_some_and(is_loopback), "{registered:?} {requested:?}");
            assert_eq!(one.host_str(), other.host_str(), "{registered:?} {requested:?}");
            assert_eq!((one.path(), one.query()), (other.path(), other.query()), "{registered:?} {requested:?}");
        }
    });
}

#[test]
fn fuzz_authorization_requests() {
    let config = OAuthConfig::new("https://api.example.com", "https://api.example.com/mcp");
    let addresses = Addresses::check(&config).unwrap();
    run("authorization requests", |garbage| {
        let query = garbage.from(QUERIES);
        let params = Params::parse(&query);
        let again = Params::parse(params.to_query().as_bytes());
        assert_eq!(params.to_query(), again.to_query());
        if let Some(location) = authorize::fuzz(&params, &addresses, &[URIS[0], URIS[2], URIS[4]]) {
            assert_sound(&location);
        }
    });
}

#[test]
fn fuzz_registrations() {
    run("registrations", |garbage| {
        let body = garbage.from(BODIES);
        let Ok(Value::Object(metadata)) = serde_json::from_slice(&body) else { return };
        if let Ok(redirect_uris) = register::fuzz(&metadata, &RegistrationLimits::default()) {
            assert!(!redirect_uris.is_empty());
            for uri in &redirect_uris {
                assert_sound(uri);
            }
        }
    });
}

#[test]
fn fuzz_client_metadata_documents() {
    run("metadata documents", |garbage| {
        let id =
            garbage.text(&["https://client.example/a.json", "https://localhost:8443/x/../y", "https://[::1]/a?b#c"]);
        if client_document::is_well_formed(&id) {
            let url = Url::parse(&id).unwrap();
            assert!(url.scheme() == "https" && url.as_str() == id && url.path() != "/", "{id:?}");
        }
        if let Ok(document) = read_document(&id, &garbage.from(BODIES), &RegistrationLimits::default()) {
            assert!(!document.name.is_empty() && !document.redirect_uris.is_empty());
            for uri in &document.redirect_uris {
                assert_sound(uri);
            }
        }
    });
}

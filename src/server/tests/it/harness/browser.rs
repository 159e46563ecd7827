//! A browser without JavaScript: keeps cookies, follows redirects on its own server only when asked to.

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Method, Response, StatusCode, header};

use super::{Html, PASSWORD, TestServer};

/// What a person sees with.
pub(crate) struct Browser {
    base: String,
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) page: Html,
    /// Where the page was in the end (path and query), or where a redirect leads.
    pub(crate) location: String,
}

impl Answer {
    /// A header field; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What it sets as cookies, with their attributes.
    pub(crate) fn cookies(&self) -> Vec<String> {
        let fields = self.headers.get_all(header::SET_COOKIE).iter();
        fields.map(|cookie| cookie.to_str().expect("ASCII").to_owned()).collect()
    }

    /// Demands a page with this heading.
    #[track_caller]
    pub(crate) fn assert_page(&self, heading: &str) {
        assert_eq!(self.status, StatusCode::OK, "{}: {}", self.location, self.page.text());
        assert_eq!(self.page.heading(), heading);
    }

    /// Demands an error page with this status, which leads nowhere by itself.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.location, self.page.text());
        assert!(!self.headers.contains_key(header::LOCATION), "{}", self.location);
        assert!(self.header("content-type").starts_with("text/html"), "{:?}", self.headers);
        assert!(!self.page.heading().is_empty());
    }
}

impl Browser {
    pub(crate) fn new(server: &TestServer) -> Self {
        Self::at(&server.url)
    }

    /// For a server at this address, whatever runs it.
    pub(crate) fn at(url: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { base: url.to_owned(), http, cookies: Mutex::default() }
    }

    /// A browser in which this person has signed in.
    pub(crate) async fn signed_in(server: &TestServer, email: &str) -> Self {
        let browser = Self::new(server);
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{email}: {}", answer.page.text());
        assert_eq!(answer.location, "/connections");
        browser
    }

    /// Fills in the sign-in page.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Answer {
        let page = self.get("/sign-in").await.page;
        let fields = [("csrf", page.input("csrf")), ("email", email.to_owned()), ("password", password.to_owned())];
        self.post("/sign-in", &fields).await
    }

    /// Gets a page; redirects are not followed.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Gets a page and follows redirects on this server.
    pub(crate) async fn open(&self, path: &str) -> Answer {
        let mut path = path.to_owned();
        for _ in 0..10 {
            let mut answer = self.get(&path).await;
            if !answer.status.is_redirection() || !answer.location.starts_with('/') {
                if !answer.status.is_redirection() {
                    answer.location = path;
                }
                return answer;
            }
            path = answer.location;
        }
        panic!("too many redirects at {path}");
    }

    /// Opens an address where nobody is signed in yet, signs in on the page that asks for it, and goes on from there.
    pub(crate) async fn open_and_sign_in(&self, path: &str, email: &str) -> Answer {
        let asked = self.open(path).await;
        asked.assert_page("Sign in");
        let fields = [
            ("csrf", asked.page.input("csrf")),
            ("next", asked.page.input("next")),
            ("email", email.to_owned()),
            ("password", PASSWORD.to_owned()),
        ];
        let answer = self.post("/sign-in", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page.text());
        assert!(answer.location.starts_with('/'), "{}", answer.location);
        self.open(&answer.location).await
    }

    /// Posts a form.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, String)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields.iter().map(|(name, value)| (*name, value.as_str())))
            .finish();
        self.send(Method::POST, path, Some(body)).await
    }

    /// Posts a form as a page of another site would.
    pub(crate) async fn post_from(&self, origin: &str, path: &str, body: &str) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header(header::ORIGIN, origin)
            .header("sec-fetch-site", "cross-site")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.to_owned());
        self.read(request.send().await.expect("an answer")).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let cookies: Vec<String> =
            self.cookies.lock().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, url).header(header::USER_AGENT, "Margay test browser");
        if cookies.is_empty() { request } else { request.header(header::COOKIE, cookies.join("; ")) }
    }

    async fn send(&self, method: Method, path: &str, form: Option<String>) -> Answer {
        let mut request = self.request(method, path).header(header::ACCEPT, "text/html");
        if let Some(body) = form {
            request = request
                .header(header::ORIGIN, &self.base)
                .header("sec-fetch-site", "same-origin")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body);
        }
        self.read(request.send().await.expect("an answer")).await
    }

    async fn read(&self, response: Response) -> Answer {
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("ASCII");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            let gone = value.is_empty() || text.to_ascii_lowercase().contains("max-age=0");
            let mut cookies = self.cookies.lock().expect("cookies");
            if gone {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location =
            response.headers().get(header::LOCATION).and_then(|l| l.to_str().ok()).unwrap_or_default().to_owned();
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            location,
            page: Html(response.text().await.expect("text")),
        }
    }
}

//! Whatever is sent, the server answers with a status below 500 and goes on.

use reqwest::{Method, StatusCode};

use crate::harness::{Browser, story};

story! {
    async fn nothing_panics(server) {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let long = "x".repeat(9000);
        for path in [
            "/oauth/authorize", "/oauth/authorize?client_id=%00", "/oauth/authorize?%ff=%fe", "/oauth/authorize/flw_unknown",
            "/connections/%00", "/connections/grt_unknown", "/nothing/here", "/setup/unknown", "/audit?from=yesterday&limit=-1",
            "/sign-in?next=%0d%0aX: y&error=%3Cscript%3E", "/.well-known/nothing", "/oauth/nothing",
        ] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
                let request = http.request(method.clone(), format!("{}{path}", server.url)).body("\u{0}&&==%%%");
                let status = request.send().await.expect("an answer").status();
                assert!(status.as_u16() < 500, "{method} {path}: {status}");
            }
        }
        let status = http.get(format!("{}/oauth/authorize?state={long}", server.url)).send().await.expect("an answer").status();
        assert!(status.is_client_error(), "{status}");
        let person = Browser::signed_in(server, "admin@example.com").await;
        for path in ["/connections/grt_unknown", "/nothing/here", "/oauth/authorize/flw_unknown"] {
            let answer = person.get(path).await;
            assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
            assert!(!answer.page.heading().is_empty());
        }
        let filters = person.get("/audit?from=yesterday&until=%00&result=MAYBE&actor=%25&before=x").await;
        assert!(filters.status == StatusCode::OK || filters.status.is_client_error(), "{}", filters.status);
        assert_eq!(http.get(format!("{}/healthz", server.url)).send().await.expect("an answer").status(), StatusCode::OK);
    }
}

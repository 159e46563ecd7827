//! Signing in and out.

use std::time::Duration;

use reqwest::{StatusCode, header};

use crate::harness::{Browser, PASSWORD, story};

story! {
    async fn pages_need_a_person(server) {
        let browser = Browser::new(server);
        for path in ["/connections", "/settings/ai-automation/remote-mcp", "/audit"] {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            assert!(answer.location.starts_with("/sign-in?next="), "{}", answer.location);
        }
        assert_eq!(browser.open("/").await.page.heading(), "Sign in");
    }
}

story! {
    async fn a_person_signs_in_and_out(server) {
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        let page = browser.get("/connections").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.page.text().contains("analyst@example.com") || page.page.text().contains("analyst Example"));
        let answer = browser.post("/sign-out", &[("csrf", page.page.input("csrf"))]).await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/sign-in"));
        assert_eq!(browser.get("/connections").await.status, StatusCode::SEE_OTHER);
    }
}

story! {
    /// Row OP7: a wrong password, an unknown address and a disabled account look alike.
    async fn failures_look_alike(server) {
        server.accounts().disable("viewer@example.com").await.expect("disabled");
        let browser = Browser::new(server);
        for (email, password) in
            [("analyst@example.com", "wrong password!"), ("nobody@example.com", PASSWORD), ("viewer@example.com", PASSWORD)]
        {
            let answer = browser.sign_in(email, password).await;
            assert_eq!((answer.status.as_u16(), answer.location.as_str()), (422, ""), "{email}");
            let text = answer.page.text();
            assert!(text.contains("The e-mail address or the password is not right."), "{email}: {text}");
            assert_eq!(answer.page.input("email"), email, "what was entered stays");
        }
        assert_eq!(browser.get("/connections").await.status, StatusCode::SEE_OTHER);
    }
}

story! {
    /// Row OP7: guessing is slowed down per account, and the limit passes.
    async fn guessing_is_limited(server) {
        let browser = Browser::new(server);
        let mut limited = false;
        for _ in 0..8 {
            limited = browser.sign_in("analyst@example.com", "wrong password!").await.status.as_u16() == 429;
        }
        assert!(limited, "eight wrong passwords in a row");
        assert_eq!(browser.sign_in("analyst@example.com", PASSWORD).await.status.as_u16(), 429);
        server.advance(Duration::from_mins(16));
        assert_eq!(browser.sign_in("analyst@example.com", PASSWORD).await.location, "/connections");
    }
}

story! {
    /// Row OP3: a form without this browser's token, or posted by another site, does nothing.
    async fn forged_forms_are_refused(server) {
        let browser = Browser::new(server);
        let fields = [("csrf", "forged".to_owned()), ("email", "analyst@example.com".into()), ("password", PASSWORD.into())];
        let answer = browser.post("/sign-in", &fields).await;
        assert!(answer.location.starts_with("/sign-in?error=expired"), "{}", answer.location);
        let csrf = browser.get("/sign-in").await.page.input("csrf");
        let body = format!("csrf={csrf}&email=analyst%40example.com&password={}", PASSWORD.replace(' ', "+"));
        let answer = browser.post_from("https://evil.example", "/sign-in", &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(browser.get("/connections").await.status, StatusCode::SEE_OTHER);
    }
}

story! {
    /// The session id changes at sign-in (row OP8), and cookies are closed to scripts.
    async fn sessions_are_renewed(server) {
        let browser = Browser::new(server);
        let before = browser.get("/sign-in").await;
        let csrf = before.page.input("csrf");
        let cookies: Vec<_> = before.headers.get_all(header::SET_COOKIE).iter().map(|c| c.to_str().expect("ASCII")).collect();
        for cookie in cookies {
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        }
        assert_eq!(browser.sign_in("analyst@example.com", PASSWORD).await.status, StatusCode::SEE_OTHER);
        let after = browser.get("/connections").await.page.input("csrf");
        assert_ne!(csrf, after, "the token of before the sign-in is good for nothing after it");
    }
}

story! {
    /// After a sign-in one comes only to a path of this server.
    async fn next_is_local(server) {
        for (next, expected) in [("/audit", "/audit"), ("//evil.example", "/connections"), ("https://evil.example", "/connections")] {
            let browser = Browser::new(server);
            let csrf = browser.get("/sign-in").await.page.input("csrf");
            let fields = [
                ("csrf", csrf),
                ("email", "admin@example.com".to_owned()),
                ("password", PASSWORD.to_owned()),
                ("next", next.to_owned()),
            ];
            assert_eq!(browser.post("/sign-in", &fields).await.location, expected);
        }
    }
}

story! {
    /// A person who is disabled is out on the next request.
    async fn disabling_ends_sessions(server) {
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        server.accounts().disable("analyst@example.com").await.expect("disabled");
        assert_eq!(browser.get("/connections").await.status, StatusCode::SEE_OTHER);
    }
}

//! The form for the first admin after a mistake: nothing that was entered is lost, except the password.

use reqwest::StatusCode;

use crate::harness::{Browser, Engine, PASSWORD, TestServer};

async fn what_was_entered_is_kept(server: &TestServer) {
    let link = server.setup_link().await.expect("nobody can sign in");
    let browser = Browser::new(server);
    let page = browser.get(&link).await.page;
    for (field, required) in [("email", true), ("password", true), ("given_name", false), ("family_name", false)] {
        let inputs = page.tags("input").into_iter().filter(|tag| tag.attribute("name").as_deref() == Some(field));
        assert_eq!(inputs.map(|tag| tag.has("required")).collect::<Vec<_>>(), [required], "{field}");
    }
    let fields = |csrf: String, email: &str, password: &str| {
        [
            ("csrf", csrf),
            ("token", page.input("token")),
            ("email", email.to_owned()),
            ("given_name", "Ana <b>".to_owned()),
            ("family_name", "Example".to_owned()),
            ("password", password.to_owned()),
        ]
    };
    for (csrf, email, password, sentence) in [
        (page.input("csrf"), "ana@example.com", "short", "at least 12 characters"),
        (page.input("csrf"), "ana at example.com", PASSWORD, "Enter an e-mail address"),
        ("forged".to_owned(), "ana@example.com", PASSWORD, "open for too long"),
    ] {
        let again = browser.post("/setup", &fields(csrf, email, password)).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{sentence}");
        assert_eq!(again.page.heading(), "Create the first admin");
        assert!(again.page.text().contains(sentence), "{}", again.page.text());
        assert_eq!(again.page.input("email"), email);
        assert_eq!(again.page.input("given_name"), "Ana <b>");
        assert_eq!(again.page.input("family_name"), "Example");
        assert_eq!(again.page.input("token"), page.input("token"));
        assert!(!again.page.0.contains(PASSWORD), "never the password");
        assert!(again.page.inputs("password").is_empty());
        assert!(!again.headers.contains_key("location"), "and nothing of it stands in an address");
    }
    // The form that came back is good to be sent.
    let again = browser.post("/setup", &fields("forged".to_owned(), "ana@example.com", PASSWORD)).await;
    let made = browser.post("/setup", &fields(again.page.input("csrf"), "ana@example.com", PASSWORD)).await;
    assert_eq!((made.status, made.location.as_str()), (StatusCode::SEE_OTHER, "/connections"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    TestServer::run_empty(Engine::Sqlite, async |server| what_was_entered_is_kept(server).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    TestServer::run_empty(Engine::Postgres, async |server| what_was_entered_is_kept(server).await).await;
}

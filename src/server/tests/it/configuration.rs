//! What `margay config check` and the server say about a configuration: one sentence that names the key, and nothing
//! opened or made.

use std::fs;

use crate::command_line::{command, done, margay, refused};

#[test]
fn a_syntax_error_is_one_sentence_with_its_place() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("broken.toml"), "[server]\nlisten = = 1\n").expect("a file");
    let text = refused(&margay(dir.path(), &["--config", "broken.toml", "config", "check"]));
    assert!(text.contains("broken.toml, line 2, column 10: "), "{text}");
    // The file that is read without being named.
    fs::write(dir.path().join("margay.toml"), "[server\nlisten = \"127.0.0.1:8080\"\n").expect("a file");
    for arguments in [&["config", "check"][..], &["config", "print"], &["serve"], &["user", "list"]] {
        let text = refused(&margay(dir.path(), arguments));
        assert!(text.contains("margay.toml, line 1, column "), "{text}");
    }
    let text = refused(&margay(dir.path(), &["--config", ".", "config", "check"]));
    assert!(text.contains("cannot be read"), "{text}");
    assert!(!dir.path().join("data").exists());
}

#[test]
fn what_cannot_serve_is_refused_before_anything_is_opened() {
    let dir = tempfile::tempdir().expect("a folder");
    for (text, key) in [
        ("[server]\ntrusted_proxies = [\"proxy.example.com\"]", "server.trusted_proxies"),
        ("[server]\nlisten = \"0.0.0.0:0\"", "server.console_url"),
        ("[log]\nfilter = \"margay=loud\"", "log.filter"),
        ("[mcp]\nallowed_hosts = [\"https://inner.example.com\"]", "mcp.allowed_hosts"),
        ("[mcp]\nallowed_origins = [\"inner.example.com\"]", "mcp.allowed_origins"),
        ("[oauth]\naccess_token_minutes = 0", "oauth.access_token_minutes"),
        ("[oauth]\nrefresh_idle_days = 0", "oauth.refresh_idle_days"),
        ("[oauth]\nconnection_days = 0", "oauth.connection_days"),
        ("[sign_in]\nsession_idle_minutes = 0", "sign_in.session_idle_minutes"),
        ("[database]\nurl = \"mysql://margay:hunter2@db.example.com/margay\"", "database.url"),
    ] {
        fs::write(dir.path().join("bad.toml"), text).expect("a file");
        for command in [&["config", "check"][..], &["serve"]] {
            let arguments = [&["--config", "bad.toml"][..], command].concat();
            let said = refused(&margay(dir.path(), &arguments));
            assert!(said.contains(&format!("{key}: ")) && !said.contains("hunter2"), "{key}: {said}");
        }
    }
    let demo = refused(&margay(dir.path(), &["--config", "bad.toml", "demo"]));
    assert!(demo.contains("database.url: "), "{demo}");
    fs::write(dir.path().join("two.toml"), "[mcp]\nmax_body_kib = 0\n[oauth]\nconnection_days = 0\n").expect("a file");
    let both = refused(&margay(dir.path(), &["--config", "two.toml", "config", "check"]));
    assert!(both.contains("oauth.connection_days: ") && both.contains("mcp.max_body_kib: "), "{both}");
    assert!(!dir.path().join("data").exists(), "nothing was made");
    let good = done(&margay(dir.path(), &["config", "check"]));
    assert!(good.contains("http://127.0.0.1:8080/mcp"), "{good}");
}

#[test]
fn a_misspelled_variable_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let check = |name: &str, value: &str| {
        command(dir.path(), &["config", "check"]).env(name, value).output().expect("the binary runs")
    };
    let text = refused(&check("MARGAY_SERVER_LISTEN", "127.0.0.1:9"));
    assert!(text.contains("MARGAY_SERVER_LISTEN") && text.contains("did you mean MARGAY_SERVER__LISTEN?"), "{text}");
    assert!(refused(&check("MARGAY_SERVER__LISSTEN", "127.0.0.1:9")).contains("server.lissten"));
    assert!(done(&check("MARGAY_SERVER__LISTEN", "127.0.0.1:9")).contains("http://127.0.0.1:9/mcp"));
    done(&check("MARGAY_DEMO_PASSWORD", "not a key"));
    done(&check("MARGAY_SITE_DIR", "not a key"));
}

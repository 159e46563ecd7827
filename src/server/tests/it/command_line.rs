//! The binary as a person at a terminal meets it.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The binary in `dir`, with its data in `dir/data` unless the arguments say otherwise.
pub(crate) fn command(dir: &Path, arguments: &[&str]) -> Command {
    prepare(Command::new(env!("CARGO_BIN_EXE_margay")), dir, arguments)
}

/// Gives `command`, which runs the binary, a folder and arguments.
pub(crate) fn prepare(mut command: Command, dir: &Path, arguments: &[&str]) -> Command {
    let data_dir: &[&str] = if arguments.contains(&"--data-dir") { &[] } else { &["--data-dir", "data"] };
    command
        .current_dir(dir)
        .env_remove("MARGAY_SERVER__LISTEN")
        .args(data_dir)
        .args(arguments)
        .env("MARGAY_USER_PASSWORD", "a long enough password");
    command
}

pub(crate) fn margay(dir: &Path, arguments: &[&str]) -> Output {
    command(dir, arguments).output().expect("the binary runs")
}

pub(crate) fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.trim().lines().count(), 1, "one sentence: {text}");
    assert!(text.starts_with("margay: ") && !text.contains("panicked"), "{text}");
    text
}

pub(crate) fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn people_and_roles() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    done(&run(&["user", "add", "Ana@Example.com", "--role", "Admin", "--given-name", "Ana"]));
    done(&run(&["user", "add", "ben@example.com"]));
    assert!(refused(&run(&["user", "add", "ana@example.com"])).contains("ana@example.com already"));
    assert!(refused(&run(&["user", "add", "nonsense"])).contains("e-mail"));
    assert!(refused(&run(&["user", "set-role", "ben@example.com", "Wizard"])).contains("AnalystReadOnly"));
    assert!(refused(&run(&["user", "disable", "nobody@example.com"])).contains("nobody@example.com"));
    done(&run(&["user", "set-role", "ben@example.com", "Analyst"]));
    done(&run(&["user", "disable", "ben@example.com"]));
    let list: serde_json::Value = serde_json::from_str(&done(&run(&["user", "list", "--json"]))).expect("JSON");
    assert_eq!(list[0]["email"], "ana@example.com");
    assert_eq!((&list[1]["role_id"], &list[1]["enabled"]), (&"Analyst".into(), &false.into()));
    let events: serde_json::Value = serde_json::from_str(&done(&run(&["audit", "search", "--json"]))).expect("JSON");
    assert_eq!(events.as_array().expect("events").len(), 4, "each change is one event: {events}");
    assert!(!events.to_string().contains("a long enough password"));
    let own = done(&run(&["audit", "search", "--json", "--actor", "COMMAND-line "]));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&own).expect("JSON"), events, "in any case");
}

/// No argument, and no echo: who pipes it in needs no terminal.
#[test]
fn a_password_can_be_piped_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], input: &str| {
        let mut command = command(dir.path(), arguments);
        command.env_remove("MARGAY_USER_PASSWORD").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        child.wait_with_output().expect("an end")
    };
    done(&run(&["user", "add", "ana@example.com", "--role", "Admin"], "a long enough password\r\nmore\n"));
    done(&run(&["user", "set-password", "Ana@example.com"], "another long password"));
    assert!(refused(&run(&["user", "set-password", "ana@example.com"], "short\n")).contains("12"));
    assert!(refused(&run(&["user", "set-password", "ana@example.com"], "\n")).contains("MARGAY_USER_PASSWORD"));
    assert!(refused(&run(&["user", "set-password", "ana@example.com"], "")).contains("no password given"));
}

#[test]
fn ingest_query_and_import() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    fs::write(dir.path().join("a.jsonl"), "{\"eventName\":\"A\",\"eventTime\":\"2026-01-02T03:04:05Z\"}\nbroken\n")
        .expect("a file");
    let text = done(&run(&["ingest", "AWS.CloudTrail", "a.jsonl"]));
    assert!(text.contains("1 of 2 events stored") && text.contains("line 2"), "{text}");
    assert!(dir.path().join("a.jsonl.rejected").exists());
    let rows =
        done(&run(&["query", "--json", "SELECT eventname FROM aws_cloudtrail WHERE p_event_time > '2026-01-01'"]));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&rows).expect("JSON"),
        serde_json::json!([{ "eventname": "A" }])
    );
    assert!(refused(&run(&["ingest", "No.Such", "a.jsonl"])).contains("No.Such"));
    assert!(refused(&run(&["ingest", "AWS.CloudTrail", "missing.jsonl"])).contains("missing.jsonl"));
    assert!(refused(&run(&["query", "SELECT FROM"])).contains("margay: "));
    assert!(refused(&run(&["import", "nowhere"])).contains("nowhere"));
    assert!(done(&run(&["schema", "list"])).contains("Okta.SystemLog"));
}

#[test]
fn clear_sentences_for_what_cannot_be() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    fs::write(dir.path().join("bad.toml"), "[server]\nlissten = \"x\"\n").expect("a file");
    assert!(refused(&run(&["--config", "bad.toml", "config", "check"])).contains("server.lissten"));
    fs::write(dir.path().join("type.toml"), "[oauth]\naccess_token_minutes = \"long\"\n").expect("a file");
    assert!(refused(&run(&["--config", "type.toml", "config", "check"])).contains("access_token_minutes"));
    fs::write(dir.path().join("http.toml"), "[server]\nconsole_url = \"http://margay.example.com\"\n").expect("a file");
    assert!(refused(&run(&["--config", "http.toml", "config", "check"])).contains("https://"));
    assert!(refused(&run(&["--config", "none.toml", "config", "check"])).contains("none.toml"));
    fs::write(dir.path().join("file"), "x").expect("a file");
    assert!(refused(&run(&["--data-dir", "file/below", "user", "list"])).contains("file/below"));
    assert!(refused(&run(&["demo", "--listen", "0.0.0.0:0"])).contains("loopback"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let text = refused(&run(&["serve", "--listen", &address]));
    assert!(text.contains(&address) && text.contains("in use"), "{text}");
    assert!(done(&run(&["config", "print"])).contains("access_token_minutes = 60"));
}

/// Every key is documented with its default, and nothing else is.
#[test]
fn the_configuration_is_documented() {
    let printed = toml::to_string(&margay_server::config::Config::default()).expect("TOML");
    let printed: toml::Table = printed.parse().expect("TOML");
    let documentation = include_str!("../../../../docs/configuration.md");
    let documented: std::collections::BTreeSet<String> = documentation
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let mut keys = std::collections::BTreeSet::new();
    for (section, values) in &printed {
        for (key, default) in values.as_table().expect("a section") {
            let name = format!("{section}.{key}");
            let row = documentation
                .lines()
                .find(|line| line.starts_with(&format!("| `{name}` ")))
                .unwrap_or_else(|| panic!("{name} is not documented"));
            assert!(row.contains(&format!("`{default}`")), "{name}: the default is {default}: {row}");
            keys.insert(name);
        }
    }
    assert_eq!(documented, keys);
}

/// `Leptos.toml` is what the server uses, `Cargo.toml` what `cargo leptos` reads.
#[test]
fn leptos_options_stand_in_two_files_and_are_equal() {
    let server: toml::Table = include_str!("../../../../Leptos.toml").parse().expect("TOML");
    let cargo: toml::Table = include_str!("../../../../Cargo.toml").parse().expect("TOML");
    let server = server["package"]["metadata"]["leptos"].as_table().expect("options");
    let cargo = cargo["workspace"]["metadata"]["leptos"][0].as_table().expect("options");
    for (key, value) in server {
        assert_eq!(cargo.get(key), Some(value), "{key}");
    }
    assert_eq!(margay_server::wiring::leptos_options().expect("options").output_name.as_ref(), "margay");
}

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
    let output = run(&["ingest", "AWS.CloudTrail", "a.jsonl"]);
    assert!(refused(&output).contains("1 of 2 events were left out"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
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

/// Runs the binary with something on its standard input.
fn fed(dir: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = command(dir, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("written");
    drop(stdin);
    child.wait_with_output().expect("an end")
}

fn count(dir: &Path, table: &str) -> u64 {
    let sql = format!("SELECT count(*) AS n FROM {table} WHERE p_event_time > '2000-01-01'");
    let rows: serde_json::Value = serde_json::from_str(&done(&margay(dir, &["query", "--json", &sql]))).expect("JSON");
    rows[0]["n"].as_u64().expect("a number")
}

/// What is left out is told by the status, and what is changed on the way by the report.
#[test]
fn an_ingest_loses_nothing_silently() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("a file");
    let status = |output: &Output| output.status.code();

    write(
        "wrapped.json",
        br#"{"Records":[{"eventTime":"2026-01-02T03:04:05Z"},{"eventTime":"2026-01-02T03:04:06Z"}]}"#,
    );
    let text = done(&run(&["ingest", "AWS.CloudTrail", "wrapped.json"]));
    assert!(text.contains("2 of 2 events stored") && text.contains("1 object was opened"), "{text}");

    write(
        "odd.json",
        b"{\"eventTime\":\"redacted\"}\n{\"eventTime\":\"2026-01-02T03:04:05Z\",\"userAgent\":\"\xE9\"}\n",
    );
    let text = done(&run(&["ingest", "AWS.CloudTrail", "odd.json"]));
    assert!(text.contains("1 event has no time") && text.contains("line 1: eventTime is"), "{text}");
    assert!(text.contains("1 event has bad characters"), "{text}");
    let output = run(&["ingest", "AWS.CloudTrail", "odd.json", "--reject-without-time"]);
    assert_eq!(status(&output), Some(1));
    assert!(refused(&output).contains("1 of 2 events were left out; what was rejected is kept in odd.json.rejected"));

    // A second, better one removes what the first one left beside the file, and says so.
    let text = done(&run(&["ingest", "AWS.CloudTrail", "odd.json"]));
    assert!(text.contains("odd.json.rejected of an earlier ingest was removed"), "{text}");
    assert!(!dir.path().join("odd.json.rejected").exists());
    write("mine", b"precious");
    assert!(refused(&run(&["ingest", "AWS.CloudTrail", "odd.json", "--rejects", "mine"])).contains("holds something"));

    write("flow.log", b"2 123456789010 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n");
    let output = run(&["ingest", "AWS.VPCFlow", "flow.log"]);
    assert_eq!(status(&output), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("the space-separated text form of VPC flow logs"));
    assert!(refused(&output).contains("1 of 1 event was left out"));
    assert_eq!(status(&run(&["ingest", "AWS.VPCFlow", "flow.log", "--no-such"])), Some(2), "wrong usage");

    write("x.zip", b"PK\x03\x04");
    assert!(refused(&run(&["ingest", "AWS.CloudTrail", "x.zip"])).contains("a ZIP archive"));
    assert!(refused(&run(&["ingest", "No.Such", "odd.json"])).contains("margay schema list"));
}

#[test]
fn folders_and_standard_input_are_ingested() {
    let dir = tempfile::tempdir().expect("a folder");
    let logs = dir.path().join("logs/2026");
    fs::create_dir_all(&logs).expect("a folder");
    let event = |second: u8| format!("{{\"eventTime\":\"2026-01-02T03:04:0{second}Z\"}}\n");
    fs::write(logs.join("a.json"), event(1) + &event(2)).expect("a file");
    fs::write(logs.join("b.json"), event(3)).expect("a file");
    fs::write(logs.join("b.json.rejected"), "broken\n").expect("a file");
    let text = done(&margay(dir.path(), &["ingest", "AWS.CloudTrail", "logs"]));
    assert!(text.contains("In all: 3 of 3 events stored, 2 inputs"), "{text}");
    let text = done(&fed(dir.path(), &["ingest", "AWS.CloudTrail", "-"], event(4).as_bytes()));
    assert!(text.contains("standard input: 1 of 1 event stored"), "{text}");
    // One input that cannot be read does not stop the others.
    let output = margay(dir.path(), &["ingest", "AWS.CloudTrail", "missing.json", "logs/2026/b.json"]);
    assert!(refused(&output).contains("1 of 2 inputs were left out, the first: there is no file missing.json"));
    assert_eq!(count(dir.path(), "aws_cloudtrail"), 5);
}

#[test]
fn every_log_type_can_be_named_that_does_not_collide() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("a file");
    let schema = |name: &str, kind: &str| {
        format!(
            "schema: {name}\nfields:\n  - {{ name: time, type: timestamp, isEventTime: true }}\n  \
             - {{ name: user, type: {kind} }}\n"
        )
    };
    write("alb.yml", &schema("AWS.ALB", "object"));
    assert!(done(&run(&["schema", "check", "alb.yml"])).contains("AWS.ALB is good"));
    assert!(done(&run(&["schema", "add", "alb.yml"])).contains("Added AWS.ALB"));
    write("a.json", "{\"time\":\"2026-01-02T03:04:05Z\",\"user\":{\"name\":\"ana\"},\"other\":1}\n");
    done(&run(&["ingest", "AWS.ALB", "a.json"]));
    assert_eq!(count(dir.path(), "aws_alb"), 1);

    write("taken.yml", &schema("aws.cloudtrail", "string"));
    write("shared.yml", &schema("AWS_ALB", "string"));
    write("changed.yml", &schema("AWS.ALB", "string"));
    write("csv.yml", &format!("parser: {{ csv: {{}} }}\n{}", schema("A.B", "string")));
    write("typo.yml", "schema: A.B\nfields:\n  - name: a\n    tipe: string\n");
    for (file, reason) in [
        ("taken.yml", "AWS.CloudTrail comes with Margay"),
        ("shared.yml", "share the table aws_alb"),
        ("changed.yml", "aliases: [user]"),
        ("csv.yml", "parser: csv cannot be used"),
        ("typo.yml", "line 4"),
    ] {
        let told: Vec<String> = ["check", "add"].iter().map(|what| refused(&run(&["schema", what, file]))).collect();
        assert!(told[0].contains(reason), "{file}: {}", told[0]);
        assert_eq!(told[0], told[1], "check and add agree");
    }
    // Nothing of several is added if one is bad.
    write("good.yml", &schema("Z.Z", "string"));
    refused(&run(&["schema", "add", "good.yml", "typo.yml"]));
    assert!(!done(&run(&["schema", "list"])).contains("Z.Z"));
    write("timeless.yml", "schema: Y.Y\nfields: [{ name: a, type: string }]\n");
    assert!(done(&run(&["schema", "check", "timeless.yml"])).contains("Note: no field is marked with isEventTime"));
}

#[test]
fn a_query_may_begin_with_a_comment_and_have_long_cells() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    let long = "x".repeat(70_000);
    let event = serde_json::json!({ "eventTime": "2026-01-02T03:04:05Z", "eventName": long });
    fs::write(dir.path().join("a.json"), event.to_string()).expect("a file");
    done(&run(&["ingest", "AWS.CloudTrail", "a.json"]));
    let sql = "-- what\nSELECT eventname, 1 AS one FROM aws_cloudtrail WHERE p_event_time > '2026-01-01'";
    fs::write(dir.path().join("query.sql"), sql).expect("a file");
    for output in [
        run(&["query", sql]),
        run(&["query", "--file", "query.sql"]),
        run(&["query", "--max-rows", "3", sql]),
        fed(dir.path(), &["query", "-"], sql.as_bytes()),
    ] {
        let text = done(&output);
        let row = text.lines().nth(1).expect("a row");
        assert!(row.starts_with("xxx") && row.ends_with("…  1") && row.chars().count() < 120, "{row}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("--json shows them whole"));
    }
    let whole: serde_json::Value = serde_json::from_str(&done(&run(&["query", sql, "--json"]))).expect("JSON");
    assert_eq!(whole[0]["eventname"], serde_json::json!(long));
    let text =
        refused(&run(&["query", "-- what\nSELECT eventnam FROM aws_cloudtrail WHERE p_event_time > '2026-01-01'"]));
    assert!(text.contains("line 2, column 8"), "{text}");
    assert!(refused(&run(&["query", "--file", "missing.sql"])).contains("missing.sql"));
}

/// `margay … | head -1`
#[test]
fn nobody_has_to_read_to_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    done(&margay(dir.path(), &["migrate"]));
    for arguments in [["schema", "list"], ["role", "list"], ["config", "print"]] {
        let mut command = command(dir.path(), &arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("an end");
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn an_import_names_what_it_leaves_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    let folder = dir.path().join("content");
    fs::create_dir(&folder).expect("a folder");
    let rule = "AnalysisType: rule\nRuleID: Good\nEnabled: true\nSeverity: Low\nLogTypes: [ThinkstCanary.Alert]\n\
                Detection: [{Key: a, Condition: Equals, Value: b}]\n";
    fs::write(folder.join("good.yml"), rule).expect("a file");
    let text = done(&run(&["import", "content"]));
    assert!(text.contains("no log schema") && text.contains("ThinkstCanary.Alert"), "{text}");
    fs::write(folder.join("query.yml"), "AnalysisType: saved_query\nQueryName: all\nQuery: SELECT 1\n")
        .expect("a file");
    let output = run(&["import", "content"]);
    assert!(refused(&output).contains("--allow-unsupported"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 saved_query: query.yml"));
    done(&run(&["import", "content", "--allow-unsupported"]));
    fs::write(folder.join("bad.yml"), rule.replace("RuleID: Good", "RuleID: Bad").replace("true", "\"true\""))
        .expect("a file");
    let output = run(&["import", "content", "--allow-unsupported"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(refused(&output).contains("bad.yml, line 3: `Enabled`: expected true or false"));
}

/// What a person reads who asks for help, of every command.
#[test]
fn help_is_written_for_people() {
    fn write(command: &mut clap::Command, name: &str, all: &mut String) {
        if command.is_hide_set() {
            return;
        }
        let help = command.render_long_help();
        all.extend(["$ ", name, " --help\n", &help.to_string(), "\n"]);
        for inner in command.get_subcommands_mut() {
            let name = format!("{name} {}", inner.get_name());
            if inner.get_name() != "help" {
                write(inner, &name, all);
            }
        }
    }
    let mut command = <margay_server::cli::Cli as clap::CommandFactory>::command().term_width(100);
    command.build();
    let mut all = String::new();
    write(&mut command, "margay", &mut all);
    insta::assert_snapshot!(all);
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

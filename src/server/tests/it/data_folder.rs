//! A mistyped data folder must not become an empty installation, and one that cannot be used is named.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use reqwest::StatusCode;

use crate::{
    command_line::{command, done, margay, prepare, refused},
    harness::Process,
};

/// Commands that work on what is there.
const READING: [&[&str]; 9] = [
    &["user", "list"],
    &["user", "set-role", "ana@example.com", "Analyst"],
    &["user", "disable", "ana@example.com"],
    &["role", "list"],
    &["client", "list"],
    &["keys", "list"],
    &["schema", "list"],
    &["audit", "search"],
    &["query", "SELECT 1"],
];

#[test]
fn only_some_commands_begin_an_installation() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("empty")).expect("a folder");
    fs::write(dir.path().join("file"), "x").expect("a file");
    for command in READING {
        for (folder, said) in [
            ("typo", "typo does not exist"),
            ("empty", "no installation in the data folder empty"),
            ("file", "file is no folder"),
            ("file/below", "file/below does not exist"),
        ] {
            let text = refused(&margay(dir.path(), &[&["--data-dir", folder][..], command].concat()));
            assert!(text.contains(said) && text.contains("--data-dir"), "{command:?}: {text}");
        }
    }
    assert!(!dir.path().join("typo").exists());
    assert_eq!(fs::read_dir(dir.path().join("empty")).expect("a folder").count(), 0);

    let event = "{\"eventName\":\"A\",\"eventTime\":\"2026-01-02T03:04:05Z\"}\n";
    fs::write(dir.path().join("events.jsonl"), event).expect("a file");
    fs::create_dir(dir.path().join("content")).expect("a folder");
    let schema = "schema: Custom.Door\ndescription: Doors.\nfields:\n  - name: openedAt\n    description: When.\n    \
                  type: timestamp\n    timeFormats: [rfc3339]\n    isEventTime: true\n";
    fs::write(dir.path().join("door.yml"), schema).expect("a file");
    let beginning: [&[&str]; 6] = [
        &["migrate"],
        &["user", "add", "ana@example.com", "--role", "Admin"],
        &["client", "add", "Client", "--redirect-uri", "http://127.0.0.1:1234/callback"],
        &["schema", "add", "door.yml"],
        &["ingest", "AWS.CloudTrail", "events.jsonl"],
        &["import", "content"],
    ];
    for (number, command) in beginning.into_iter().enumerate() {
        let folder = format!("data{number}/below");
        done(&margay(dir.path(), &[&["--data-dir", folder.as_str()][..], command].concat()));
        done(&margay(dir.path(), &["--data-dir", folder.as_str(), "user", "list"]));
    }
}

#[test]
fn a_schema_is_checked_without_an_installation() {
    let dir = tempfile::tempdir().expect("a folder");
    let shipped = include_str!("../../../lake/schemas/AWS.VPCFlow.yml");
    fs::write(dir.path().join("flow.yml"), shipped.replace("schema: AWS.VPCFlow", "schema: My.Flow")).expect("a file");
    assert!(done(&margay(dir.path(), &["schema", "check", "flow.yml"])).contains("My.Flow is good"));
    fs::write(dir.path().join("bad.yml"), "schema: Custom.Bad\nfields: 7\n").expect("a file");
    assert!(refused(&margay(dir.path(), &["schema", "check", "bad.yml"])).contains("bad.yml"));
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_folder_below_a_file_cannot_be_made() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("file"), "x").expect("a file");
    for command in [&["user", "add", "ana@example.com"][..], &["serve", "--listen", "127.0.0.1:0"], &["migrate"]] {
        let text = refused(&margay(dir.path(), &[&["--data-dir", "file/below"][..], command].concat()));
        assert!(text.contains("file/below cannot be made"), "{text}");
    }
}

/// Runs the binary bound by permissions. Root is not, so for root it runs without the two rights that let it write
/// and read everywhere; `None` where permissions do not bind and `setpriv` (a part of every Debian) cannot help.
fn bound(dir: &Path, arguments: &[&str]) -> Option<Output> {
    let probe = dir.join("probe");
    let are_binding = fs::create_dir(&probe).is_err();
    if are_binding {
        return Some(command(dir, arguments).output().expect("the binary runs"));
    }
    fs::remove_dir(&probe).expect("removed");
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]);
    command.arg(env!("CARGO_BIN_EXE_margay"));
    let output = prepare(command, dir, arguments).output().ok()?;
    let has_run = !String::from_utf8_lossy(&output.stderr).starts_with("setpriv:");
    has_run.then_some(output)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
}

/// The same as a file system that is mounted read-only, or a folder of another user.
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    done(&margay(dir.path(), &["--data-dir", "old", "user", "add", "ana@example.com"]));
    fs::create_dir(dir.path().join("new")).expect("a folder");
    set_mode(&dir.path().join("old"), 0o555);
    set_mode(&dir.path().join("new"), 0o555);
    set_mode(dir.path(), 0o555);
    let cases: [(&[&str], &str); 4] = [
        (&["--data-dir", "old", "user", "list"], "old cannot be written"),
        (&["--data-dir", "new", "user", "add", "ana@example.com"], "new cannot be written"),
        (&["--data-dir", "new/below", "user", "add", "ana@example.com"], "new/below cannot be made"),
        (&["--data-dir", "third", "migrate"], "third cannot be made"),
    ];
    let results = cases.map(|(arguments, said)| (bound(dir.path(), arguments), said));
    // Before anything is judged, so that the folder can be removed in any case.
    for path in [dir.path().to_path_buf(), dir.path().join("old"), dir.path().join("new")] {
        set_mode(&path, 0o755);
    }
    for (output, said) in results {
        let Some(output) = output else {
            eprintln!("skipped: this is root, and setpriv does not give up its rights here");
            return;
        };
        let text = refused(&output);
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_one_folder_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Process::serve(dir.path(), "data");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["demo", "--listen", "127.0.0.1:0"]] {
        let text = refused(&margay(dir.path(), command));
        let said = format!("the data folder data is in use by another margay server (process {})", first.id());
        assert!(text.contains(&said) && text.contains("--data-dir"), "{text}");
    }
    // The command line works beside it, and another folder is free.
    done(&margay(dir.path(), &["user", "add", "ana@example.com", "--role", "Admin"]));
    let other = Process::serve(dir.path(), "other");
    assert_eq!(first.get("/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    assert!(other.terminate().success());
    // Neither an end without a chance to clean up nor a proper one leaves the folder locked.
    first.kill();
    let again = Process::serve(dir.path(), "data");
    assert!(again.terminate().success());
    assert!(Process::serve(dir.path(), "data").terminate().success());
}

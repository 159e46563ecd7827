//! A disk that is full, or fails, and then is well again: nothing is answered that was not written, and no restart is
//! needed afterwards. With the real binary, because files and limits belong to a process.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    command_line::{done, margay, refused as refused_command},
    harness::{Browser, Client, Process, refused, succeeded},
};

const EMAIL: &str = "ana@example.com";
/// What [`margay`] gives as `MARGAY_USER_PASSWORD`.
const PASSWORD: &str = "a long enough password";
const PERMISSIONS: [&str; 2] = ["RuleRead", "RuleModify"];
const DETECTION: &str = "Okta.Login.UnusualCountry";

/// A small disk: a file system of its own in memory.
struct Disk(PathBuf);

impl Disk {
    /// `None`, and a line on the standard error, where this user may not mount.
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir(folder).expect("a folder");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder).output();
        if output.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("SKIPPED: a small file system cannot be mounted here (only root may)");
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Writes a file until nothing more fits, then gives `room` bytes back.
    fn fill(&self, room: u64) {
        let mut file = File::create(self.filler()).expect("a file");
        let zeros = vec![0; 1 << 20];
        while file.write_all(&zeros).is_ok() {}
        let size = file.metadata().expect("its size").len();
        file.set_len(size.saturating_sub(room)).expect("a shorter file");
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

/// An installation with a person and detections.
fn install(dir: &Path) {
    let run = |arguments: &[&str]| done(&margay(dir, arguments));
    run(&["user", "add", EMAIL, "--role", "Admin"]);
    run(&["import", concat!(env!("CARGO_MANIFEST_DIR"), "/../content/demo")]);
}

/// A client at work meets a disk that does not take anything, and the same disk when it does again.
async fn outage(process: &Process, begin: impl FnOnce(), end: impl FnOnce()) {
    process.until_ready_says(StatusCode::OK, "ready\n").await;
    let browser = Browser::at(&process.url);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
    let metadata = json!({ "client_name": "Test client", "redirect_uris": ["http://127.0.0.1:33418/callback"] });
    let client = Client::register_at(&process.url, metadata).await;
    let tokens = client.connect(&browser, &PERMISSIONS).await;
    let asked = client.consent_page(&browser).await;

    begin();
    let (status, body) = client.refresh(&tokens.refresh).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(client.decide(&browser, &asked, "allow", &PERMISSIONS).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let result = client.call(&tokens.access, "disable_detection", json!({ "detection_id": DETECTION })).await;
    assert_eq!(refused(&result).0, "audit_unavailable", "{result}");
    process.until_ready_says(StatusCode::SERVICE_UNAVAILABLE, "not ready: database\n").await;
    assert_eq!(process.get("/healthz").await.0, StatusCode::OK);

    end();
    let (status, body) = client.refresh(&tokens.refresh).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let access = body["access_token"].as_str().expect("a token");
    let result = client.call(access, "disable_detection", json!({ "detection_id": DETECTION })).await;
    assert_eq!(succeeded(&result)["enabled"], false, "{result}");
    client.connect(&browser, &PERMISSIONS).await;
    process.until_ready_says(StatusCode::OK, "ready\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_heals_by_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(disk) = Disk::mount(&dir.path().join("data")) else { return };
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    outage(&process, || disk.fill(0), || disk.free()).await;
    assert!(process.terminate().success());
}

/// Writing fails for a reason that is no lack of room, as on a disk with bad blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_heals_by_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    // No file may grow beyond its first page. The limit that must not be exceeded stays, so this needs no rights.
    let limit = |size: &str| {
        let id = process.id().to_string();
        let output = Command::new("prlimit").args(["--pid", &id, &format!("--fsize={size}:")]).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !limit("unlimited") {
        eprintln!("SKIPPED: prlimit (a part of every Debian) does not work here");
        return;
    }
    outage(&process, || assert!(limit("4096")), || assert!(limit("unlimited"))).await;
    assert!(process.terminate().success());
}

#[test]
fn ingest_on_a_full_disk_says_so_in_one_sentence() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(disk) = Disk::mount(&dir.path().join("data")) else { return };
    install(dir.path());
    let mut events = String::new();
    let mut noise = 1_u64;
    for number in 0..60_000_u64 {
        // Text that cannot be compressed much: a generator of Lehmer's kind.
        events.push_str(r#"{"eventTime":"2026-01-02T03:04:05Z","eventName":""#);
        for _ in 0..6 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(events, "{noise:016x}").expect("text");
        }
        writeln!(events, r#"","eventID":"{number}"}}"#).expect("text");
    }
    fs::write(dir.path().join("events.jsonl"), events).expect("a file");
    disk.fill(2 << 20);
    let text = refused_command(&margay(dir.path(), &["ingest", "AWS.CloudTrail", "events.jsonl"]));
    assert!(text.contains("events.jsonl"), "{text}");
    disk.free();
    assert!(done(&margay(dir.path(), &["ingest", "AWS.CloudTrail", "events.jsonl"])).contains("60000 of 60000"));
}

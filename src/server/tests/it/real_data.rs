//! Real events and real content, the way an installation gets them: `margay ingest` and `margay import` beside a server
//! that runs. What they bring is read through its tools.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::harness::{TestServer, connected, story, succeeded};

/// The types of detections, as `list_detections` calls them.
const TYPES: [&str; 5] = ["rules", "simple_rules", "scheduled_rules", "correlation_rules", "policies"];

/// The folder that an environment variable names; without it the story says that it was skipped.
fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {variable} does not name a folder of real data");
    }
    folder
}

/// Runs a command of the binary on the data of a server; what it prints as JSON.
async fn margay(server: &TestServer, arguments: &[&str]) -> Value {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_margay"));
    command
        .current_dir(&server.config.data.dir)
        .env_remove("MARGAY_SERVER__LISTEN")
        .arg("--data-dir")
        .arg(&server.config.data.dir)
        .arg("--json")
        .args(arguments);
    if !server.config.database.url.is_empty() {
        command.env("MARGAY_DATABASE__URL", &server.config.database.url);
    }
    let output = command.output().await.expect("the binary runs");
    let problems = String::from_utf8_lossy(&output.stderr);
    // Real content holds templates, too, which cannot be used as they are.
    let may_be_partial = arguments.first() == Some(&"import");
    assert!(output.status.success() || may_be_partial, "{arguments:?}: {problems}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {problems}"))
}

/// Every file below a folder whose name ends like this.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            files(&path, endings, found);
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// How many detections the YAML files of a folder define, counted without the importer.
fn detections_in(folder: &Path) -> usize {
    let mut found = Vec::new();
    files(folder, &[".yml", ".yaml"], &mut found);
    let is_detection = |line: &str| {
        let kind = line.strip_prefix("AnalysisType:").and_then(|rest| rest.split('#').next()).map(str::trim);
        matches!(kind, Some("rule" | "scheduled_rule" | "correlation_rule" | "policy"))
    };
    let count =
        |path: &PathBuf| fs::read_to_string(path).expect("a text").lines().filter(|line| is_detection(line)).count();
    found.iter().map(count).sum()
}

story! {
    /// Every CloudTrail event goes in, and is there for a client.
    async fn events_of_the_field(server) {
        let Some(folder) = folder("MARGAY_REAL_DATA") else { return };
        let mut found = Vec::new();
        files(&folder, &[".jsonl"], &mut found);
        found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("AWS.CloudTrail")));
        let lines: usize = found.iter().map(|path| fs::read_to_string(path).expect("a text").lines().count()).sum();
        assert!(lines > 0, "there are no events of CloudTrail in {}", folder.display());

        let mut arguments = vec!["ingest", "AWS.CloudTrail"];
        arguments.extend(found.iter().map(|path| path.to_str().expect("a path in UTF-8")));
        let reports = margay(server, &arguments).await;
        let reports = reports.as_array().expect("a report for every file");
        assert_eq!(reports.len(), found.len());
        let total = |figure: &str| {
            reports.iter().map(|report| report["report"][figure].as_u64().expect("a figure")).sum::<u64>()
        };
        assert_eq!((total("lines"), total("stored"), total("rejected_total")), (lines as u64, lines as u64, 0));

        let (client, token) = connected(server).await;
        let sql = "SELECT count(*) AS n, count(DISTINCT p_row_id) AS ids FROM panther_logs.public.aws_cloudtrail \
                   WHERE p_event_time >= '1970-01-01'";
        let result = client.call(&token, "query_data_lake", json!({ "sql": sql })).await;
        assert_eq!(succeeded(&result)["results"], json!([{ "n": lines, "ids": lines }]));
    }
}

story! {
    /// Every detection is imported, and a client that turns the pages sees each of them once.
    async fn detections_of_the_field(server) {
        let Some(folder) = folder("MARGAY_REAL_CONTENT") else { return };
        let expected = detections_in(&folder);
        assert!(expected > 0, "there are no detections in {}", folder.display());
        let imported = margay(server, &["import", "--allow-unsupported", folder.to_str().expect("a path in UTF-8")]).await;
        assert_eq!(imported["detections"], json!(expected), "{imported}");

        let (client, token) = connected(server).await;
        let mut ids = BTreeSet::new();
        for kind in TYPES {
            let before = ids.len();
            let mut cursor = Value::Null;
            loop {
                let arguments = json!({ "detection_types": [kind], "limit": 50, "cursor": cursor });
                let result = client.call(&token, "list_detections", arguments).await;
                let page = succeeded(&result);
                for detection in page[kind].as_array().expect("detections") {
                    let id = detection["id"].as_str().expect("an id").to_owned();
                    assert!(ids.insert(id), "listed twice: {detection}");
                }
                if page["has_next_page"] == false {
                    assert_eq!(page["total_all_detections"], json!(ids.len() - before), "{kind}");
                    break;
                }
                cursor = page["next_cursor"].clone();
                assert!(cursor.is_string(), "{kind}: more follow, but no cursor");
            }
        }
        assert_eq!(ids.len(), expected);
    }
}

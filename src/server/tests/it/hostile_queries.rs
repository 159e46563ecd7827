//! Statements that want to stop the server: whatever they do, others are served, and each caller hears in time that it
//! is their query. With the real binary, because processors, memory and signals belong to a process.
//!
//! The bounds on time in this file are what is promised; no other test has any.

use std::{fs, num::NonZeroUsize, path::Path, time::Duration};

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    command_line::{done, margay, refused as refused_command},
    harness::{Browser, Client, Process, refused, succeeded},
};

/// What [`margay`] gives as `MARGAY_USER_PASSWORD`.
const PASSWORD: &str = "a long enough password";
/// The time limit of the hostile statements, in seconds.
const TIMEOUT: u64 = 3;
/// How much later than its deadline a caller may hear, and how long an idle server takes to notice a signal.
const PATIENCE: Duration = Duration::from_secs(2);
/// What somebody else waits at most.
const LIVELY: Duration = Duration::from_secs(1);

/// An installation with two people and some events, and as many query workers as there are hostile statements at once.
fn install(dir: &Path) {
    fs::write(dir.join("margay.toml"), format!("[lake]\nquery_workers = {}\n", at_once())).expect("a file");
    for email in ["ana@example.com", "ben@example.com"] {
        done(&margay(dir, &["user", "add", email, "--role", "Admin"]));
    }
    let event = |n: u32| {
        json!({
            "eventName": format!("Event{}", n % 17), "eventTime": format!("2026-01-02T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60),
            "userAgent": "zq hostile\u{202e} text", "sourceIPAddress": format!("198.51.100.{}", n % 250),
        })
        .to_string()
    };
    let events: Vec<String> = (0..4_000).map(event).collect();
    fs::write(dir.join("events.jsonl"), events.join("\n")).expect("a file");
    done(&margay(dir, &["ingest", "AWS.CloudTrail", "events.jsonl"]));
}

/// Twice as many as there are cores.
fn at_once() -> usize {
    2 * std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

async fn connected(process: &Process, email: &str) -> (Client, String) {
    let browser = Browser::at(&process.url);
    assert_eq!(browser.sign_in(email, PASSWORD).await.status, StatusCode::SEE_OTHER);
    let metadata = json!({ "client_name": "Test client", "redirect_uris": ["http://127.0.0.1:33418/callback"] });
    let client = Client::register_at(&process.url, metadata).await;
    let tokens = client.connect(&browser, &["DataAnalyticsRead"]).await;
    (client, tokens.access)
}

async fn query(client: &Client, token: &str, sql: &str, timeout: u64) -> Value {
    client.call(token, "query_data_lake", json!({ "sql": sql, "timeout": timeout })).await
}

/// Statements that the parser must not see: kinds that double its work with each level, at and around its own limit.
fn deep() -> Vec<String> {
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("SELECT {}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let mut all = Vec::new();
    for levels in [12, 13, 39, 41, 44, 48, 200] {
        all.push(nested("ARRAY[", "1", "]", levels));
        all.push(nested("CAST(", "1", " AS INT)", levels));
        all.push(nested("CAST(", "1 +", " AS INT)", levels));
        all.push(nested("CASE WHEN true THEN ", "1", " END", levels));
        all.push(nested("NOT (", "true", ")", levels));
        all.push(nested("- ", "1", "", levels));
        all.push(nested("abs(", "1", ")", levels));
        all.push(nested("1 FROM ((SELECT ", "1 +", "))", levels));
    }
    all
}

/// Statements that nobody can wait for, or that nobody has the memory for.
fn hostile() -> Vec<String> {
    let (many, long) = ("a".repeat(5_000), "a".repeat(50_000));
    let percents = "%a".repeat(10_000);
    let rows = |n: u64| format!("generate_series(1, {n})");
    let (first, second) = (rows(100_000_000), rows(100_000_000));
    let steps: Vec<_> = (1..40).map(|n| format!("t{n} AS (SELECT v || v AS v FROM t{})", n - 1)).collect();
    let chain = ["v"; 30].join(" || ");
    let since = "p_event_time > '2026-01-01'";
    vec![
        // Regular expressions and patterns.
        format!(
            "SELECT count(*) FROM {} WHERE regexp_like(concat('{many}', value), '((a{{1,100}}){{1,100}}){{1,10}}b')",
            rows(100_000)
        ),
        format!("SELECT '{long}' LIKE '{percents}b'"),
        format!("SELECT count(*) FROM {} WHERE concat('{many}', value) LIKE '%a%a%a%a%a%a%a%a%b'", rows(10_000_000)),
        // Joins on time.
        format!(
            "SELECT count(*) AS n FROM aws_cloudtrail a JOIN aws_cloudtrail b ON a.p_event_time < b.p_event_time \
             WHERE a.{since} AND b.{since} AND REGEXP_LIKE(a.p_row_id || b.p_row_id, '(a|b|c)+d(e|f)+.*[0-9]{{3,}}x')"
        ),
        format!(
            "SELECT count(*) AS n FROM aws_cloudtrail a JOIN aws_cloudtrail b ON a.p_event_time < b.p_event_time \
             JOIN aws_cloudtrail d ON length(d.p_row_id) + length(b.p_row_id) > length(a.p_row_id) + 3 \
             WHERE a.{since} AND b.{since} AND d.{since}"
        ),
        // Memory, of which the engine knows and of which it does not.
        format!("SELECT array_agg(value) FROM {first}"),
        format!("SELECT count(*) FROM {first} a JOIN {second} b ON a.value = b.value"),
        format!("SELECT array_agg(value) OVER (ORDER BY value) FROM {}", rows(100_000)),
        format!("SELECT string_agg(concat('{many}', value), ',') FROM {first}"),
        "SELECT arrow_cast(NULL, 'FixedSizeBinary(2000000000)')".to_owned(),
        format!(
            "WITH t AS (SELECT '{many}' AS v), u AS (SELECT {chain} AS v FROM t), w AS (SELECT {chain} AS v FROM u) \
             SELECT max(length(w.v || s.value)) FROM w, {first} s"
        ),
        // Planning: what doubles in every step.
        format!("WITH t0 AS (SELECT 'x' AS v), {} SELECT v FROM t39 WHERE v <> ''", steps.join(", ")),
        format!("SELECT count(*) FROM {first} a CROSS JOIN {second} b WHERE (a.value * b.value) % 7 <> 3"),
        ENDLESS.to_owned(),
    ]
}

/// Asks what other people ask, again and again, until dropped.
async fn others(process: &Process, client: &Client, token: &str) {
    async fn lively<T>(what: &str, call: impl Future<Output = T>) -> T {
        let answer = tokio::time::timeout(LIVELY, call).await;
        answer.unwrap_or_else(|_| panic!("{what} took longer than {LIVELY:?}"))
    }
    loop {
        assert_eq!(lively("/healthz", process.get("/healthz")).await.0, StatusCode::OK);
        let permissions = lively("get_permissions", client.call(token, "get_permissions", json!({}))).await;
        succeeded(&permissions);
        let browser = Browser::at(&process.url);
        lively("the sign-in page", browser.get("/sign-in")).await;
        let signed_in = lively("a sign-in", browser.sign_in("ben@example.com", PASSWORD)).await;
        assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_notices_hostile_statements() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    let (client, token) = connected(&process, "ana@example.com").await;
    let (other, theirs) = connected(&process, "ben@example.com").await;

    let attack = async {
        for statement in deep() {
            let began = Instant::now();
            let answer = query(&client, &token, &statement, TIMEOUT).await;
            assert!(began.elapsed() < Duration::from_secs(TIMEOUT), "{:?}: {statement}", began.elapsed());
            if answer["isError"] == true {
                assert_eq!(refused(&answer).0, "invalid_sql", "{statement}: {answer}");
            }
        }
        let statements = hostile();
        let all: Vec<&String> = statements.iter().flat_map(|statement| vec![statement; at_once()]).collect();
        for wave in all.chunks(at_once()) {
            let ask = |statement: &'_ &String| {
                let statement = (*statement).clone();
                let (client, token) = (&client, &token);
                async move {
                    let limit = Duration::from_secs(TIMEOUT) + PATIENCE;
                    let answer = tokio::time::timeout(limit, query(client, token, &statement, TIMEOUT)).await;
                    let shown: String = statement.chars().filter(|c| *c != 'a').take(200).collect();
                    (shown, answer)
                }
            };
            for (statement, answer) in join_all(wave.iter().map(ask)).await {
                let Ok(answer) = answer else { panic!("no answer at the deadline: {statement}") };
                if answer["isError"] != true {
                    continue;
                }
                let (code, text) = refused(&answer);
                if code == "busy" {
                    // It waited for the others of this person until its own deadline; nothing was tried.
                    continue;
                }
                assert!(
                    ["timed_out", "too_large", "query_failed", "invalid_sql"].contains(&code),
                    "{statement}: {answer}"
                );
                assert!(!text.to_lowercase().contains("try again"), "{text}");
            }
        }
    };
    tokio::select! {
        () = attack => {}
        () = others(&process, &other, &theirs) => {}
    }
    let answer =
        query(&client, &token, "SELECT count(*) AS n FROM aws_cloudtrail WHERE p_event_time > '2026-01-01'", 60).await;
    assert_eq!(succeeded(&answer)["results"][0]["n"], 4_000, "{answer}");
    assert!(process.terminate().success());
}

/// The processes of a server that run queries.
fn workers(process: &Process) -> Vec<u32> {
    let parent = format!("\nPPid:\t{}\n", process.id());
    let is_child = |id: &u32| {
        fs::read_to_string(format!("/proc/{id}/status"))
            .is_ok_and(|status| status.contains(&parent) && !status.contains("\nState:\tZ"))
    };
    let ids = fs::read_dir("/proc").expect("/proc").flatten();
    ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}

/// Waits for what happens in other processes.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let seen = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), seen).await.is_ok(), "{what}");
}

/// Whether one of these processes computes: most of its time so far was spent by itself.
fn is_busy(ids: &[u32]) -> bool {
    ids.iter().any(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let ticks = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)?.parse::<u64>().ok());
        // A second, in ticks.
        ticks.is_some_and(|ticks| ticks > 100)
    })
}

/// Ten billion pairs need little memory, but more time than anybody has.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 100000) b \
                       WHERE (a.value * b.value) % 7 <> 3";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_is_the_fault_of_its_query_and_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    let (client, token) = connected(&process, "ana@example.com").await;
    let kill = async {
        until("a worker computes", || is_busy(&workers(&process))).await;
        for id in workers(&process) {
            std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status().expect("kill runs");
        }
    };
    let (answer, ()) = tokio::join!(query(&client, &token, ENDLESS, 60), kill);
    let (code, text) = refused(&answer);
    assert_eq!(code, "too_large", "{answer}");
    assert!(text.contains("more memory") && text.contains("narrow") && !text.contains("again"), "{text}");
    let answer = query(&client, &token, "SELECT 1 AS one", 60).await;
    assert_eq!(succeeded(&answer)["results"], json!([{ "one": 1 }]));
    assert!(process.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    let (client, token) = connected(&process, "ana@example.com").await;
    let asked = tokio::spawn(async move { query(&client, &token, ENDLESS, 120).await });
    until("a worker computes", || is_busy(&workers(&process))).await;
    let busy: Vec<u32> = workers(&process).into_iter().filter(|id| is_busy(&[*id])).collect();
    asked.abort();
    until("the worker ends", || workers(&process).iter().all(|id| !busy.contains(id))).await;
    assert!(process.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_server_whatever_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    let (client, token) = connected(&process, "ana@example.com").await;
    let asked = tokio::spawn(async move {
        let statements = hostile();
        let calls = statements.iter().filter(|sql| sql.contains("regexp") || sql.contains("% 7"));
        join_all(calls.map(|sql| query(&client, &token, sql, 120))).await
    });
    until("a worker computes", || is_busy(&workers(&process))).await;
    let running = workers(&process);
    let began = Instant::now();
    let status = tokio::task::spawn_blocking(move || process.terminate()).await.expect("its end");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(status.success(), "{status}");
    asked.abort();
    let is_gone = |id: &u32| {
        fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.contains("query-worker"))
            || !Path::new(&format!("/proc/{id}")).exists()
    };
    until("no worker is left", || running.iter().all(is_gone)).await;
}

/// A server that is killed leaves no worker behind either, even one that never hands back control.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_end_with_a_server_that_is_killed() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    let (client, token) = connected(&process, "ana@example.com").await;
    let sql = hostile().into_iter().next().expect("a statement");
    let asked = tokio::spawn(async move { query(&client, &token, &sql, 120).await });
    until("a worker computes", || is_busy(&workers(&process))).await;
    let running = workers(&process);
    process.kill();
    asked.abort();
    let is_gone =
        |id: &u32| !fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains("query-worker"));
    until("no worker is left", || running.iter().all(is_gone)).await;
}

#[test]
fn the_command_line_says_where_and_no_value() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let query = |sql: &str| refused_command(&margay(dir.path(), &["query", sql]));
    let text = query("SELECT 1,\n  useragent::int FROM aws_cloudtrail WHERE p_event_time > '2026-01-01'");
    assert!(text.contains("SQL error at line 2, column 12: a value of useragent cannot be read"), "{text}");
    assert!(!text.contains("zq") && !text.contains('\u{202e}'), "{text}");
    let text = query("SELECT nosuch(1)");
    assert!(text.contains("line 1, column 8: there is no function named nosuch"), "{text}");
    let text = query("SELECT arrow_cast(NULL, 'FixedSizeBinary(2000000000)')");
    assert!(text.contains("more memory"), "{text}");
}

/// What a worker costs. Run with `--run-ignored only --no-capture`; the figures are in docs/ARCHITECTURE.md.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let process = Process::serve(dir.path(), "data");
    let (client, token) = connected(&process, "ana@example.com").await;
    let timed = async |sql: &str| {
        let began = Instant::now();
        succeeded(&query(&client, &token, sql, 60).await);
        began.elapsed()
    };
    until("the first worker is ready", || !workers(&process).is_empty()).await;
    let resident = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
        status
            .lines()
            .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmSize"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let rows = "SELECT * FROM aws_cloudtrail WHERE p_event_time > '2026-01-01' LIMIT 999";
    println!("first query, worker warm: {:?}", timed("SELECT 1 AS one").await);
    println!("idle worker: {}", workers(&process).into_iter().map(resident).collect::<String>());
    for _ in 0..5 {
        println!("SELECT 1: {:?}; 999 rows: {:?}", timed("SELECT 1 AS one").await, timed(rows).await);
    }
    println!("worker after queries: {}", workers(&process).into_iter().map(resident).collect::<String>());
    for id in workers(&process) {
        std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status().expect("kill runs");
    }
    until("it is gone", || workers(&process).is_empty()).await;
    println!("a new worker and SELECT 1: {:?}", timed("SELECT 1 AS one").await);
    println!("server: {}", resident(process.id()));
    process.terminate();
}

//! The lake as a whole, in a temporary folder. In this binary, so that the query engine is linked once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use margay_domain::{
    alert::EventRef,
    clock::Timestamp,
    lake::{LOGS_DATABASE, LakeError, QueryRequest, QueryResult},
    log_schema::LogSchema,
    ports::{DataLake as _, LogSchemas, StoreResult},
    role::LogTypeAccess,
    testing::SeededEntropy,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{Lake, LakeConfig, columns::column_name, managed_schemas};

/// Log schemas in memory.
#[derive(Default)]
struct Schemas(Mutex<BTreeMap<String, LogSchema>>);

#[async_trait]
impl LogSchemas for Schemas {
    async fn put(&self, schema: &LogSchema) -> StoreResult<()> {
        let mut schemas = self.0.lock().unwrap();
        let revision = schemas.get(&schema.name).map_or(1, |old| old.revision + 1);
        schemas.insert(schema.name.clone(), LogSchema { revision, ..schema.clone() });
        Ok(())
    }

    async fn get(&self, name: &str) -> StoreResult<Option<LogSchema>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<LogSchema>> {
        Ok(self.0.lock().unwrap().values().cloned().collect())
    }
}

/// A lake with the managed schemas in a folder of its own.
struct Fixture {
    dir: TempDir,
    schemas: Arc<Schemas>,
    lake: Lake,
}

fn now() -> Timestamp {
    Timestamp::parse("2026-01-31T12:00:00Z").unwrap()
}

impl Fixture {
    async fn new() -> Self {
        Self::with_memory(64 * 1024 * 1024).await
    }

    async fn with_memory(bytes: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schemas = Arc::new(Schemas::default());
        for schema in managed_schemas(now()) {
            schemas.put(&schema).await.unwrap();
        }
        let config = LakeConfig { memory_limit_bytes: bytes, ..LakeConfig::new(dir.path().join("lake")) };
        let lake = open(config, &schemas, 1);
        Self { dir, schemas, lake }
    }

    async fn put_schema(&self, name: &str, spec: &str) {
        let schema = LogSchema {
            name: name.to_owned(),
            description: "A test".to_owned(),
            spec: spec.to_owned(),
            revision: 0,
            is_managed: false,
            is_archived: false,
            reference_url: String::new(),
            created_at: now(),
            updated_at: now(),
        };
        self.schemas.put(&schema).await.unwrap();
    }

    fn file(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, lines).unwrap();
        path
    }

    /// Ingests events through a file.
    async fn ingest(&self, log_type: &str, events: &[Value]) {
        let lines: Vec<_> = events.iter().map(Value::to_string).collect();
        let file = self.file(&format!("{log_type}.jsonl"), &lines.join("\n"));
        let report = self.lake.ingest_file(log_type, &file, None, now()).await.unwrap();
        assert_eq!((report.stored, report.misfits, report.rejected_total), (events.len() as u64, 0, 0), "{log_type}");
    }

    async fn ask(&self, sql: &str) -> Result<QueryResult, LakeError> {
        self.lake.query(request(sql)).await
    }

    async fn rows(&self, sql: &str) -> Value {
        let found = self.ask(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        json!(found.rows)
    }
}

fn open(config: LakeConfig, schemas: &Arc<Schemas>, seed: u64) -> Lake {
    let schemas: Arc<dyn LogSchemas> = Arc::<Schemas>::clone(schemas);
    Lake::open(config, schemas, Arc::new(SeededEntropy::new(seed))).unwrap()
}

fn request(sql: &str) -> QueryRequest {
    QueryRequest {
        sql: sql.to_owned(),
        database: LOGS_DATABASE.to_owned(),
        max_rows: 100,
        offset: 0,
        timeout: Duration::from_mins(2),
        now: now(),
        log_types: LogTypeAccess::AllowAll,
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("not an object: {value}") };
    object
}

/// Calls to S3: one `DeleteBucket`, then `GetObject`s.
fn cloudtrail(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| {
            json!({
                "eventVersion": "1.08", "eventTime": format!("2026-01-31T11:{n:02}:00Z"),
                "eventSource": "s3.amazonaws.com", "eventName": if n == 0 { "DeleteBucket" } else { "GetObject" },
                "awsRegion": "us-east-1", "sourceIPAddress": format!("198.51.100.{n}"), "userAgent": "aws-cli",
                "eventID": format!("event-{n}"), "recipientAccountId": "123456789012", "readOnly": n != 0,
                "userIdentity": {
                    "type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ana", "userName": "ana",
                    "sessionContext": { "attributes": { "mfaAuthenticated": "false" } },
                },
                "requestParameters": { "bucketName": "logs" }, "additionalEventData": { "bytesTransferredOut": n * 100 },
                "resources": [{ "ARN": "arn:aws:s3:::logs" }], "vendorField": { "kept": n },
            })
        })
        .collect()
}

fn okta() -> Vec<Value> {
    vec![json!({
        "uuid": "u-1", "published": "2026-01-31T10:00:00.123Z", "eventType": "user.session.start",
        "actor": { "id": "00u1", "alternateId": "ana@example.com", "displayName": "Ana" },
        "client": { "ipAddress": "198.51.100.3" }, "outcome": { "result": "SUCCESS" },
        "target": [{ "id": "t1", "alternateId": "bo@example.com" }, { "id": "t2" }],
    })]
}

fn github() -> Vec<Value> {
    vec![json!({
        "@timestamp": 1_769_853_600_000_i64, "action": "repo.create", "actor": "ana", "actor_ip": "198.51.100.3",
        "org": "example", "org_id": 7, "public_repo": false,
    })]
}

fn vpc_flow() -> Vec<Value> {
    vec![
        json!({ "version": 5, "account": "123456789012", "srcAddr": "198.51.100.3", "dstAddr": "10.0.0.9", "srcPort": 50000,
            "dstPort": 22, "bytes": 1200, "start": 1_769_857_200, "end": "1769857260", "action": "ACCEPT" }),
        json!({ "version": 5, "srcAddr": "198.51.100.3", "dstAddr": "10.0.0.9", "dstPort": 443, "bytes": 300,
            "start": 1_769_857_300, "action": "REJECT" }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_formats_are_ingested_and_queried() {
    let fixture = Fixture::new().await;
    fixture.ingest("AWS.CloudTrail", &cloudtrail(5)).await;
    fixture.ingest("Okta.SystemLog", &okta()).await;
    fixture.ingest("GitHub.Audit", &github()).await;
    fixture.ingest("AWS.VPCFlow", &vpc_flow()).await;

    for (sql, expected) in [
        (
            "SELECT eventName, count(*) AS n FROM panther_logs.public.aws_cloudtrail WHERE p_occurs_since('1 d') \
             AND userIdentity:userName = 'ana' GROUP BY eventName ORDER BY n DESC",
            json!([{ "eventname": "GetObject", "n": 4 }, { "eventname": "DeleteBucket", "n": 1 }]),
        ),
        (
            "SELECT eventid FROM aws_cloudtrail WHERE p_occurs_since('1 d') \
             AND ARRAY_CONTAINS('198.51.100.3'::VARIANT, p_any_ip_addresses)",
            json!([{ "eventid": "event-3" }]),
        ),
        (
            "SELECT userIdentity, userIdentity:sessionContext.attributes.mfaAuthenticated, p_unmapped:vendorField:kept AS k, \
             p_event_time, readonly FROM aws_cloudtrail WHERE p_event_time = '2026-01-31 11:02:00'",
            json!([{
                "useridentity": cloudtrail(3)[2]["userIdentity"],
                "userIdentity:sessionContext.attributes.mfaAuthenticated": "false",
                "k": "2", "p_event_time": "2026-01-31T11:02:00.000Z", "readonly": true,
            }]),
        ),
        (
            "SELECT sum(additionalEventData:bytesTransferredOut) AS total, count_if(readOnly) AS reads, \
             iff(count(*) > 4, 'many', 'few') AS size FROM aws_cloudtrail WHERE p_occurs_since(86400)",
            json!([{ "total": 1000.0, "reads": 4, "size": "many" }]),
        ),
        (
            "SELECT dateadd(hour, 1, max(p_event_time)) AS later, datediff('minute', min(p_event_time), max(p_event_time)) \
             AS minutes FROM aws_cloudtrail WHERE p_occurs_between('2026-01-31', '2026-02-01')",
            json!([{ "later": "2026-01-31T12:04:00.000Z", "minutes": 4 }]),
        ),
        (
            "SELECT actor:alternateId AS who, array_size(target) AS n, target[1]:id AS second, p_any_emails \
             FROM okta_systemlog WHERE p_occurs_after('2026-01-31T09:00:00Z')",
            json!([{
                "who": "ana@example.com", "n": 2, "second": "t2", "p_any_emails": ["ana@example.com", "bo@example.com"],
            }]),
        ),
        (
            "SELECT \"@timestamp\", org_id, public_repo FROM github_audit WHERE p_occurs_around('2026-01-31T10:00:00Z', '5 m')",
            json!([{ "at_sign_timestamp": "2026-01-31T10:00:00.000Z", "org_id": "7", "public_repo": false }]),
        ),
        (
            "SELECT srcaddr, sum(bytes) AS total, array_agg(dstport ORDER BY dstport) AS ports FROM aws_vpcflow \
             WHERE p_occurs_since('3 h') GROUP BY srcaddr HAVING total > 1000",
            json!([{ "srcaddr": "198.51.100.3", "total": 1500, "ports": [22, 443] }]),
        ),
        (
            "SELECT p_log_type, count(*) AS n FROM panther_views.public.all_logs WHERE p_occurs_since('1 d') \
             AND array_contains('198.51.100.3', p_any_ip_addresses) GROUP BY p_log_type ORDER BY p_log_type",
            json!([
                { "p_log_type": "AWS.CloudTrail", "n": 1 }, { "p_log_type": "AWS.VPCFlow", "n": 2 },
                { "p_log_type": "GitHub.Audit", "n": 1 }, { "p_log_type": "Okta.SystemLog", "n": 1 },
            ]),
        ),
        (
            "WITH s AS (SELECT sourceIPAddress AS ip, eventID FROM aws_cloudtrail WHERE p_occurs_since('1 d')) \
             SELECT s.eventID, o.uuid FROM s JOIN okta_systemlog o ON o.client:ipAddress = s.ip WHERE p_occurs_since('1 d', o)",
            json!([{ "eventid": "event-3", "uuid": "u-1" }]),
        ),
        (
            "SELECT eventID, row_number() OVER (ORDER BY p_event_time DESC) AS place FROM aws_cloudtrail \
             WHERE p_occurs_since('1 d') QUALIFY place <= 2 ORDER BY place",
            json!([{ "eventid": "event-4", "place": 1 }, { "eventid": "event-3", "place": 2 }]),
        ),
        (
            "SELECT count(*) AS n FROM aws_cloudtrail WHERE p_occurs_since('1 d') AND eventName ILIKE ANY ('del%', 'x%')",
            json!([{ "n": 1 }]),
        ),
    ] {
        assert_eq!(fixture.rows(sql).await, expected, "{sql}");
    }

    let found = fixture.ask("SELECT eventName FROM aws_cloudtrail WHERE p_occurs_since('1 d')").await.unwrap();
    assert!(found.bytes_scanned.is_some_and(|bytes| bytes > 0), "{:?}", found.bytes_scanned);
    let plan =
        fixture.rows("EXPLAIN SELECT eventName FROM aws_cloudtrail WHERE p_occurs_since('1 d')").await.to_string();
    assert!(plan.contains("aws_cloudtrail") && !plan.contains(".parquet"), "{plan}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_described() {
    let fixture = Fixture::new().await;
    fixture.ingest("AWS.CloudTrail", &cloudtrail(1)).await;
    let access = LogTypeAccess::AllowAll;
    let tables = fixture.lake.tables("panther_logs", &access).await.unwrap();
    assert_eq!(tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["aws_cloudtrail"]);
    assert_eq!(tables[0].log_type.as_deref(), Some("AWS.CloudTrail"));
    for name in ["aws_cloudtrail", "AWS.CloudTrail"] {
        let schema = fixture.lake.table_schema(LOGS_DATABASE, name, &access).await.unwrap();
        let kind = |column: &str| schema.columns.iter().find(|c| c.name == column).map(|c| c.kind.clone());
        assert_eq!(kind("useridentity").as_deref(), Some("object"));
        assert_eq!(kind("resources").as_deref(), Some("array"));
        assert_eq!(kind("eventtime").as_deref(), Some("timestamp"));
        assert_eq!(kind("p_any_ip_addresses").as_deref(), Some("array"));
        assert!(schema.columns.iter().all(|column| !column.description.is_empty()));
    }
    let view = fixture.lake.table_schema("panther_views.public", "all_logs", &access).await.unwrap();
    assert!(view.columns.iter().all(|column| column.name.starts_with("p_")));
    let unknown = fixture.lake.table_schema(LOGS_DATABASE, "github_audit", &access).await;
    assert_eq!(unknown, Err(LakeError::UnknownTable("github_audit".to_owned())));
    assert_eq!(fixture.lake.tables("nowhere", &access).await, Err(LakeError::UnknownDatabase("nowhere".to_owned())));
    assert!(fixture.lake.table_path("AWS.CloudTrail").join("_delta_log").is_dir());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_name_positions_and_no_files() {
    let fixture = Fixture::new().await;
    fixture.ingest("AWS.CloudTrail", &cloudtrail(2)).await;
    for (sql, part, position) in [
        ("SELECT\n  eventNam FROM aws_cloudtrail WHERE p_occurs_since('1 d')", "eventname", Some((2, 3))),
        ("SELECT nosuch(eventname) FROM aws_cloudtrail WHERE p_occurs_since('1 d')", "nosuch", None),
        ("SELECT eventname::int FROM aws_cloudtrail WHERE p_occurs_since('1 d')", "DeleteBucket", None),
        ("SELECT input_file_name() FROM aws_cloudtrail WHERE p_occurs_since('1 d')", "input_file_name", None),
        ("SELECT eventname FROM aws_cloudtrail WHERE p_occurs_since('1 d') GROUP BY awsregion", "eventname", None),
        ("SELECT * FROM aws_cloudtrail WHERE p_occurs_since('1 d') AND", "end of the statement", Some((1, 61))),
    ] {
        let error = fixture.ask(sql).await.unwrap_err();
        let LakeError::BadSql { message, position: found } = &error else { panic!("{sql}: {error:?}") };
        assert!(message.contains(part), "{sql}: {message}");
        assert!(position.is_none() || *found == position, "{sql}: {found:?}");
        assert!(!message.contains(&fixture.dir.path().display().to_string()), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_sees_only_its_log_types() {
    let fixture = Fixture::new().await;
    fixture.ingest("AWS.CloudTrail", &cloudtrail(2)).await;
    fixture.ingest("Okta.SystemLog", &okta()).await;
    let access = LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]);
    let ask = async |sql: &str| fixture.lake.query(QueryRequest { log_types: access.clone(), ..request(sql) }).await;
    let tables = fixture.lake.tables(LOGS_DATABASE, &access).await.unwrap();
    assert_eq!(tables.len(), 1);
    // A forbidden table and one that is not there are told in the same words.
    for table in ["okta_systemlog", "nosuch"] {
        let sql = format!("SELECT * FROM {table} WHERE p_occurs_since('1 d')");
        assert_eq!(ask(&sql).await.err(), Some(LakeError::UnknownTable(table.to_owned())));
        let schema = fixture.lake.table_schema(LOGS_DATABASE, table, &access).await;
        assert_eq!(schema.err(), Some(LakeError::UnknownTable(table.to_owned())));
    }
    let all = ask("SELECT count(*) AS n FROM panther_views.public.all_logs WHERE p_occurs_since('1 d')").await.unwrap();
    assert_eq!(json!(all.rows), json!([{ "n": 2 }]));
    let none = QueryRequest {
        log_types: LogTypeAccess::DenyAll,
        ..request("SELECT count(*) AS n FROM panther_views.public.all_logs WHERE p_occurs_since('1 d')")
    };
    assert_eq!(json!(fixture.lake.query(none).await.unwrap().rows), json!([{ "n": 0 }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_have_limits() {
    let fixture = Fixture::with_memory(256 * 1024).await;
    let page = async |offset: usize| {
        let sql = "SELECT value AS v FROM generate_series(1, 5) ORDER BY v";
        let found = fixture.lake.query(QueryRequest { max_rows: 2, offset, ..request(sql) }).await.unwrap();
        (json!(found.rows), found.truncated)
    };
    assert_eq!(page(0).await, (json!([{ "v": 1 }, { "v": 2 }]), true));
    assert_eq!(page(2).await, (json!([{ "v": 3 }, { "v": 4 }]), true));
    assert_eq!(page(4).await, (json!([{ "v": 5 }]), false));
    let twice =
        fixture.rows("SELECT a.value, b.value FROM generate_series(1, 1) a CROSS JOIN generate_series(2, 2) b").await;
    assert_eq!(twice, json!([{ "value": 1, "value_2": 2 }]));

    let slow = QueryRequest {
        timeout: Duration::from_millis(50),
        ..request(
            "SELECT count(DISTINCT a.value * b.value) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
        )
    };
    assert!(matches!(fixture.lake.query(slow).await, Err(LakeError::TimedOut(_) | LakeError::OutOfMemory)));
    let large =
        "SELECT count(*) FROM generate_series(1, 100000) a JOIN generate_series(1, 100000) b ON a.value = b.value";
    assert_eq!(fixture.ask(large).await.err(), Some(LakeError::OutOfMemory));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_lines_are_kept_aside() {
    let fixture = Fixture::new().await;
    let good = cloudtrail(1)[0].to_string();
    let file = fixture.file("mixed.jsonl", &format!("{good}\nnot json\n\n[1]\n{{\"readOnly\":\"perhaps\"}}\n"));
    let report = fixture.lake.ingest_file("AWS.CloudTrail", &file, None, now()).await.unwrap();
    assert_eq!((report.lines, report.stored, report.rejected_total, report.misfits), (4, 2, 2, 1));
    assert_eq!(report.rejected.iter().map(|line| line.line).collect::<Vec<_>>(), [2, 4]);
    let kept = std::fs::read_to_string(fixture.dir.path().join("mixed.jsonl.rejected")).unwrap();
    let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((kept.len(), &kept[0]["line"], &kept[0]["text"]), (2, &json!(2), &json!("not json")));
    let rows =
        fixture.rows("SELECT p_unmapped FROM aws_cloudtrail WHERE p_occurs_since('1 h') AND readonly IS NULL").await;
    assert_eq!(rows, json!([{ "p_unmapped": { "readOnly": "perhaps" } }]));

    let file = fixture.file("good.jsonl", &good);
    let rejects = fixture.dir.path().join("elsewhere");
    fixture.lake.ingest_file("AWS.CloudTrail", &file, Some(&rejects), now()).await.unwrap();
    assert!(!rejects.exists() && !fixture.dir.path().join("good.jsonl.rejected").exists());

    let unknown = fixture.lake.ingest_file("No.Such", &file, None, now()).await;
    assert_eq!(unknown, Err(LakeError::UnknownLogType("No.Such".to_owned())));
    let missing = fixture.lake.ingest_file("AWS.CloudTrail", Path::new("missing.jsonl"), None, now()).await;
    assert!(matches!(missing, Err(LakeError::Unavailable(text)) if text.contains("missing.jsonl")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingests_at_the_same_time_all_stand() {
    let fixture = Fixture::new().await;
    let lines: Vec<_> = cloudtrail(10).iter().map(Value::to_string).collect();
    let file = fixture.file("same.jsonl", &lines.join("\n"));
    // A second lake in the same folder stands for another process.
    let other = open(LakeConfig::new(fixture.dir.path().join("lake")), &fixture.schemas, 2);
    let ingest = async |lake: &Lake| lake.ingest_file("AWS.CloudTrail", &file, None, now()).await.unwrap().stored;
    let stored = tokio::join!(ingest(&fixture.lake), ingest(&fixture.lake), ingest(&other), ingest(&other));
    assert_eq!(stored, (10, 10, 10, 10));
    let sql = "SELECT count(*) AS n, count(DISTINCT p_row_id) AS ids FROM aws_cloudtrail WHERE p_occurs_since('1 d')";
    assert_eq!(fixture.rows(sql).await, json!([{ "n": 40, "ids": 40 }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_may_grow() {
    let fixture = Fixture::new().await;
    let first = "fields: [{ name: at, type: timestamp, isEventTime: true }, { name: who, type: string }]";
    fixture.put_schema("Custom.Door", first).await;
    fixture.ingest("Custom.Door", &[json!({ "at": "2026-01-31T11:00:00Z", "who": "ana", "door": "north" })]).await;
    let second = "fields: [{ name: at, type: timestamp, isEventTime: true }, { name: who, type: string }, \
                  { name: door, type: string }]";
    fixture.put_schema("Custom.Door", second).await;
    fixture.ingest("Custom.Door", &[json!({ "at": "2026-01-31T11:30:00Z", "who": "bo", "door": "south" })]).await;
    let sql = "SELECT who, coalesce(door, p_unmapped:door) AS door, p_schema_version FROM custom_door \
               WHERE p_occurs_since('1 d') ORDER BY p_event_time";
    assert_eq!(
        fixture.rows(sql).await,
        json!([
            { "who": "ana", "door": "north", "p_schema_version": 1 },
            { "who": "bo", "door": "south", "p_schema_version": 2 },
        ])
    );
    assert!(matches!(fixture.lake.check_schema("Custom.Door", "fields: []"), Err(LakeError::BadSchema { .. })));
    assert_eq!(fixture.lake.check_schema("Custom.Door", second), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_found_by_reference() {
    let fixture = Fixture::new().await;
    let events = cloudtrail(3).into_iter().map(object).collect();
    let (report, refs) = fixture.lake.ingest_events("AWS.CloudTrail", events, now()).await.unwrap();
    assert_eq!((report.stored, refs.len()), (3, 3));
    let okta = okta().into_iter().map(object).collect();
    let (_, more) = fixture.lake.ingest_events("Okta.SystemLog", okta, now()).await.unwrap();
    let gone = EventRef { log_type: "AWS.CloudTrail".to_owned(), row_id: "0".repeat(32), event_time: now() };
    let wanted = [refs[2].clone(), more[0].clone(), gone, refs[0].clone()];

    let found = fixture.lake.events(&wanted, &LogTypeAccess::AllowAll).await.unwrap();
    let ids: Vec<_> = found.iter().map(|event| event.get("eventid").or_else(|| event.get("uuid")).cloned()).collect();
    assert_eq!(ids, [Some(json!("event-2")), Some(json!("u-1")), Some(json!("event-0"))]);
    assert_eq!(found[0]["useridentity"]["userName"], "ana");
    assert_eq!(found[0]["p_unmapped"], json!({ "vendorField": { "kept": 2 } }));
    assert!(found.iter().all(|event| event.values().all(|value| !value.is_null())));

    let access = LogTypeAccess::Allow(vec!["Okta.SystemLog".to_owned()]);
    assert_eq!(fixture.lake.events(&wanted, &access).await.unwrap().len(), 1);
}

/// Every event of real logs goes in, and every key of it can be found again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_logs_are_kept_without_loss() {
    let Some(folder) = std::env::var_os("MARGAY_REAL_DATA").map(PathBuf::from) else {
        println!("skipped: MARGAY_REAL_DATA does not name a folder of events");
        return;
    };
    let fixture = Fixture::new().await;
    for log_type in ["AWS.CloudTrail", "GitHub.Audit", "AWS.VPCFlow"] {
        let text = std::fs::read_to_string(folder.join(format!("{log_type}.jsonl"))).unwrap();
        let file = fixture.file(&format!("{log_type}.jsonl"), &text);
        let report = fixture.lake.ingest_file(log_type, &file, None, now()).await.unwrap();
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((report.stored, report.rejected_total), (events.len() as u64, 0), "{log_type}");
        // Row ids count up, so this is the order of the file.
        let table = margay_domain::lake::table_name(log_type);
        let sql = format!("SELECT * FROM {table} WHERE p_event_time >= '1970-01-01' ORDER BY p_row_id");
        let found = fixture.lake.query(QueryRequest { max_rows: 10_000, ..request(&sql) }).await.unwrap();
        assert_eq!(found.rows.len(), events.len(), "{log_type}");
        for (event, row) in events.iter().zip(&found.rows) {
            for (key, value) in event.as_object().unwrap() {
                assert!(is_kept(key, value, row), "{log_type} lost {key} = {value} of {row:?}");
            }
        }
    }
    run_queries_of_the_field(&fixture, &folder).await;
}

fn is_kept(key: &str, value: &Value, row: &Map<String, Value>) -> bool {
    let empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    };
    let unmapped = row.get("p_unmapped").and_then(|unmapped| unmapped.get(key));
    let column = row.get(&column_name(key)).filter(|column| !column.is_null());
    (empty && (value.is_null() || key.starts_with("p_")))
        || unmapped == Some(value)
        || match value {
            // A document comes back as it was; scalars may have become times or numbers.
            Value::Object(_) => column == Some(value),
            _ => column.is_some(),
        }
}

/// Queries that were written for another engine: most run, and those that do not say why.
async fn run_queries_of_the_field(fixture: &Fixture, events: &Path) {
    let Some(index) = events.parent().map(|parent| parent.join("queries/yaml/queries/aws_queries")) else { return };
    let Ok(files) = std::fs::read_dir(&index) else { return };
    let (mut ran, mut refused) = (0, 0);
    for file in files.flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let Ok(yaml) = serde_norway::from_str::<serde_norway::Value>(&text) else { continue };
        let Some(sql) = yaml.get("Query").and_then(|query| query.as_str()) else { continue };
        match fixture.ask(sql).await {
            Ok(_) => ran += 1,
            Err(LakeError::Unavailable(cause)) => panic!("{}: {cause}", file.path().display()),
            Err(error) => {
                refused += 1;
                println!("{}: {error}", file.path().display());
            }
        }
    }
    assert!(ran >= refused, "{ran} ran, {refused} were refused");
}

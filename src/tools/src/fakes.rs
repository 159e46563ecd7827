//! A world in memory, a caller, and a way to call a tool in tests. The ports themselves are in `ports`.

mod ports;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use margay_domain::{
    alert::{Alert, AlertComment, AlertStatus, AlertType, EventRef, Severity},
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    data_model::{DataModel, DataModelMapping},
    detection::{Detection, DetectionKind},
    enrichment::{Enrichment, EnrichmentRow, MatchKind},
    global_helper::GlobalHelper,
    grant::Grant,
    id::{AlertId, ClientId, EnrichmentId, GrantId, RoleId, UserId},
    lake::{ColumnInfo, QueryRequest, TableInfo, TableSchema, table_name},
    log_schema::LogSchema,
    log_source::{LogSource, SourceVolume},
    principal::Principal,
    role::{LogTypeAccess, Role},
    rules::PermissionSet,
    testing::{ManualClock, SeededEntropy},
    user::User,
};
use serde_json::{Value, json};

use crate::{
    schema_check,
    tool::{self, JsonObject, Ports, Tool, ToolContext, ToolError, TypedTool},
    untrusted,
};

/// What the clock of the fakes shows.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-03-10T12:00:00Z").unwrap()
}

/// How many bytes of rows fit into one answer of the fakes.
pub(crate) const MAX_RESULT_BYTES: usize = 72 * 1024;

/// Everything that tools can read, and who reads it.
pub(crate) struct World {
    pub(crate) caller: User,
    pub(crate) granted: PermissionSet,
    pub(crate) held: PermissionSet,
    pub(crate) token_scope: Option<PermissionSet>,
    pub(crate) log_types: LogTypeAccess,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) comments: Vec<AlertComment>,
    pub(crate) detections: Vec<Detection>,
    pub(crate) global_helpers: Vec<GlobalHelper>,
    pub(crate) data_models: Vec<DataModel>,
    pub(crate) log_sources: Vec<LogSource>,
    pub(crate) volumes: Vec<SourceVolume>,
    pub(crate) enrichments: Vec<(Enrichment, Vec<EnrichmentRow>)>,
    pub(crate) schemas: Vec<LogSchema>,
    pub(crate) users: Vec<User>,
    pub(crate) roles: Vec<Role>,
    pub(crate) tables: Vec<TableSchema>,
    /// The rows of every query.
    pub(crate) rows: Vec<JsonObject>,
    /// The rows of events, by `p_row_id`.
    pub(crate) events: Vec<JsonObject>,
    /// The queries that were run.
    pub(crate) queries: Mutex<Vec<QueryRequest>>,
    /// Alerts as tools changed them; they stand over `alerts`.
    pub(crate) changed_alerts: Mutex<BTreeMap<AlertId, Alert>>,
    /// Comments that tools added.
    pub(crate) added_comments: Mutex<Vec<AlertComment>>,
    /// Detections as tools changed them, by id; they stand over `detections`.
    pub(crate) changed_detections: Mutex<BTreeMap<String, Detection>>,
}

impl World {
    /// An empty world with a caller to whom every permission was granted.
    pub(crate) fn new() -> Self {
        Self {
            caller: user("usr_ana", "ana@example.com", "Analyst"),
            granted: PermissionSet::all(),
            held: PermissionSet::all(),
            token_scope: None,
            log_types: LogTypeAccess::AllowAll,
            alerts: Vec::new(),
            comments: Vec::new(),
            detections: Vec::new(),
            global_helpers: Vec::new(),
            data_models: Vec::new(),
            log_sources: Vec::new(),
            volumes: Vec::new(),
            enrichments: Vec::new(),
            schemas: Vec::new(),
            users: Vec::new(),
            roles: Vec::new(),
            tables: Vec::new(),
            rows: Vec::new(),
            events: Vec::new(),
            queries: Mutex::default(),
            changed_alerts: Mutex::default(),
            added_comments: Mutex::default(),
            changed_detections: Mutex::default(),
        }
    }

    /// A call in this world.
    pub(crate) fn context(self) -> ToolContext {
        Self::context_of(&Arc::new(self))
    }

    /// A call in this world, which the test keeps to look into.
    pub(crate) fn context_of(world: &Arc<Self>) -> ToolContext {
        let role = Role {
            id: world.caller.role_id.clone(),
            name: world.caller.role_id.to_string(),
            permissions: world.held,
            log_types: world.log_types.clone(),
            built_in: false,
            created_at: now(),
            updated_at: now(),
        };
        let client = Client {
            id: ClientId::new("mcp_1"),
            name: "Test client".to_owned(),
            redirect_uris: Vec::new(),
            client_uri: None,
            application_type: None,
            grant_types: Vec::new(),
            source: ClientSource::Registered,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: now(),
            last_authorized_at: None,
        };
        let grant = Grant {
            id: GrantId::new("grt_1"),
            user_id: world.caller.id.clone(),
            client_id: client.id.clone(),
            permissions: world.granted,
            resource: "https://margay.example.com/mcp".to_owned(),
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
            created_at: now(),
            activated_at: Some(now()),
            expires_at: now().plus(Duration::from_hours(24)),
            last_used_at: None,
            narrowed_from: None,
            refreshed_from: None,
            revoked: None,
        };
        ToolContext {
            principal: Principal {
                user: Arc::new(world.caller.clone()),
                role: Arc::new(role),
                grant: Arc::new(grant),
                client: Arc::new(client),
                token_scope: world.token_scope,
            },
            ports: Ports {
                alerts: world.clone(),
                detections: world.clone(),
                global_helpers: world.clone(),
                data_models: world.clone(),
                log_sources: world.clone(),
                enrichments: world.clone(),
                log_schemas: world.clone(),
                users: world.clone(),
                roles: world.clone(),
                lake: world.clone(),
                clock: Arc::new(ManualClock::new(now())),
                entropy: Arc::new(SeededEntropy::new(1)),
                max_result_bytes: MAX_RESULT_BYTES,
                cursor_key: [7; 32],
            },
        }
    }

    fn rows_of(&self, id: &EnrichmentId) -> Vec<EnrichmentRow> {
        self.enrichments.iter().filter(|(table, _)| table.id == *id).flat_map(|(_, rows)| rows.clone()).collect()
    }
}

/// Calls a tool. A good answer and the arguments that led to it are checked against the declared schemas (row T6),
/// and the text form against the answer.
pub(crate) async fn call<T: TypedTool>(tool: T, context: &ToolContext, arguments: Value) -> Result<Value, ToolError> {
    let arguments_object = arguments.as_object().cloned().unwrap_or_default();
    let output = tool.call(context, arguments_object).await?;
    let structured = Value::Object(output.structured);
    schema_check::check(&Value::Object(tool.output_schema()), &structured, "answer").unwrap();
    let text = output.text.strip_prefix(untrusted::NOTICE).unwrap_or(&output.text);
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), tool::lean(&structured));
    Ok(structured)
}

/// Calls a tool that has to refuse.
pub(crate) async fn refused<T: TypedTool>(tool: T, context: &ToolContext, arguments: Value) -> ToolError {
    call(tool, context, arguments).await.unwrap_err()
}

/// The texts under `key` of every item of a list.
pub(crate) fn texts(items: &Value, key: &str) -> Vec<String> {
    items.as_array().into_iter().flatten().filter_map(|item| item[key].as_str().map(str::to_owned)).collect()
}

pub(crate) fn user(id: &str, email: &str, role: &str) -> User {
    User {
        id: UserId::new(id),
        email: email.to_owned(),
        given_name: "Ana".to_owned(),
        family_name: "Example".to_owned(),
        role_id: RoleId::new(role),
        enabled: true,
        created_at: now(),
        last_signed_in_at: None,
    }
}

/// An alert of a rule that was raised so many hours ago.
pub(crate) fn alert(id: &str, hours_ago: u64) -> Alert {
    Alert {
        id: AlertId::new(id),
        kind: AlertType::Rule,
        title: format!("Alert {id}"),
        description: "What it means".to_owned(),
        runbook: "What to do".to_owned(),
        reference: String::new(),
        severity: Severity::High,
        status: AlertStatus::Open,
        quality: None,
        context_tags: Vec::new(),
        detection_id: Some("AWS.Root.Login".to_owned()),
        log_types: vec!["AWS.CloudTrail".to_owned()],
        log_source_ids: Vec::new(),
        resource_types: Vec::new(),
        context: json!({ "ip": "203.0.113.7" }),
        event_count: 1,
        created_at: now().minus(Duration::from_hours(hours_ago)),
        first_event_at: None,
        last_event_at: None,
        updated_at: now(),
        updated_by: None,
        assignee_id: None,
        events: Vec::new(),
        withheld: false,
    }
}

pub(crate) fn event_ref(log_type: &str, row_id: &str) -> EventRef {
    EventRef { log_type: log_type.to_owned(), row_id: row_id.to_owned(), event_time: now() }
}

pub(crate) fn object(value: Value) -> JsonObject {
    value.as_object().cloned().unwrap_or_default()
}

pub(crate) fn detection(id: &str, kind: DetectionKind) -> Detection {
    Detection {
        id: id.to_owned(),
        kind,
        display_name: format!("Name of {id}"),
        description: "What it finds".to_owned(),
        enabled: true,
        severity: Severity::High,
        log_types: Vec::new(),
        resource_types: Vec::new(),
        scheduled_queries: Vec::new(),
        tags: Vec::new(),
        reports: std::collections::BTreeMap::new(),
        runbook: "What to do".to_owned(),
        reference: String::new(),
        threshold: 1,
        dedup_period_minutes: 60,
        body: "def rule(event):\n    return True\n".to_owned(),
        tests: vec![json!({ "Name": "a match", "ExpectedResult": true })],
        managed: true,
        created_by: None,
        last_modified_by: None,
        created_at: now(),
        last_modified: now(),
    }
}

pub(crate) fn global_helper(id: &str) -> GlobalHelper {
    GlobalHelper {
        id: id.to_owned(),
        description: format!("What {id} offers"),
        tags: Vec::new(),
        body: "def helper(event):\n    return event\n".to_owned(),
        managed: true,
        created_by: None,
        last_modified_by: None,
        created_at: now(),
        last_modified: now(),
    }
}

/// A data model with one name.
pub(crate) fn data_model(id: &str, log_type: &str) -> DataModel {
    DataModel {
        id: id.to_owned(),
        display_name: format!("Name of {id}"),
        description: String::new(),
        enabled: true,
        log_types: vec![log_type.to_owned()],
        mappings: vec![DataModelMapping {
            name: "source_ip".to_owned(),
            path: Some("sourceIPAddress".to_owned()),
            method: None,
        }],
        body: "def get_user(event):\n    return event\n".to_owned(),
        managed: true,
        created_at: now(),
        last_modified: now(),
    }
}

pub(crate) fn log_schema(name: &str, spec: &str) -> LogSchema {
    LogSchema {
        name: name.to_owned(),
        description: format!("Logs of {name}"),
        spec: spec.to_owned(),
        revision: 1,
        is_managed: true,
        is_archived: false,
        reference_url: String::new(),
        created_at: now(),
        updated_at: now(),
    }
}

/// A lookup table with the columns `key` and `note`.
pub(crate) fn enrichment(name: &str, match_kind: MatchKind, keys: &[&str]) -> (Enrichment, Vec<EnrichmentRow>) {
    let table = Enrichment {
        id: EnrichmentId::new(name),
        name: name.to_owned(),
        description: format!("About {name}"),
        primary_key: "key".to_owned(),
        match_kind,
        columns: vec!["key".to_owned(), "note".to_owned()],
        log_types: Vec::new(),
        enabled: true,
        row_count: i64::try_from(keys.len()).unwrap_or(i64::MAX),
        created_at: now(),
        updated_at: now(),
    };
    let row = |key: &&str| EnrichmentRow {
        key: (*key).to_owned(),
        row: object(json!({ "key": key, "note": format!("about {key}") })),
    };
    (table, keys.iter().map(row).collect())
}

/// A table of events with the columns that every one has.
pub(crate) fn table(log_type: &str) -> TableSchema {
    let column = |name: &str, kind: &str| ColumnInfo {
        name: name.to_owned(),
        kind: kind.to_owned(),
        description: String::new(),
    };
    TableSchema {
        table: TableInfo {
            name: table_name(log_type),
            description: format!("Events of {log_type}"),
            log_type: Some(log_type.to_owned()),
        },
        columns: vec![column("p_event_time", "timestamp"), column("p_row_id", "string")],
    }
}

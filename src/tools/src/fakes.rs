//! The ports in memory, a caller, and a way to call a tool in tests.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use margay_domain::{
    alert::{Alert, AlertComment, AlertFilter, AlertPosition, AlertStatus, AlertType, EventRef, Severity},
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    detection::{Detection, DetectionKind},
    enrichment::{Enrichment, EnrichmentRow, MatchKind},
    grant::Grant,
    id::{AlertId, ClientId, EnrichmentId, GrantId, RoleId, UserId},
    lake::{
        ColumnInfo, DatabaseInfo, IngestReport, LOGS_DATABASE, LakeError, QueryRequest, QueryResult, TableInfo,
        TableSchema, table_name,
    },
    log_schema::LogSchema,
    ports::{Alerts, DataLake, Detections, Enrichments, LogSchemas, Roles, StoreError, StoreResult, Users},
    principal::Principal,
    role::{LogTypeAccess, Role},
    rules::PermissionSet,
    testing::ManualClock,
    user::{PasswordHash, User},
};
use serde_json::{Value, json};

use crate::{
    schema_check,
    tool::{JsonObject, Ports, Tool, ToolContext, ToolError, TypedTool},
    untrusted,
};

/// What the clock of the fakes shows.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-03-10T12:00:00Z").unwrap()
}

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
            enrichments: Vec::new(),
            schemas: Vec::new(),
            users: Vec::new(),
            roles: Vec::new(),
            tables: Vec::new(),
            rows: Vec::new(),
            events: Vec::new(),
            queries: Mutex::new(Vec::new()),
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
                enrichments: world.clone(),
                log_schemas: world.clone(),
                users: world.clone(),
                roles: world.clone(),
                lake: world.clone(),
                clock: Arc::new(ManualClock::new(now())),
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
    schema_check::check(&Value::Object(tool.input_schema()), &arguments, "arguments").unwrap();
    schema_check::check(&Value::Object(tool.output_schema()), &structured, "answer").unwrap();
    let text = output.text.strip_prefix(untrusted::NOTICE).unwrap_or(&output.text);
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), structured);
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
        context: json!({ "ip": "203.0.113.7" }),
        event_count: 1,
        created_at: now().minus(Duration::from_hours(hours_ago)),
        first_event_at: None,
        last_event_at: None,
        updated_at: now(),
        assignee_id: None,
        events: Vec::new(),
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

fn not_faked<T>() -> StoreResult<T> {
    Err(StoreError::Unavailable("not part of the fakes".to_owned()))
}

fn matches(filter: &AlertFilter, alert: &Alert) -> bool {
    fn listed<T: PartialEq>(list: &[T], value: &T) -> bool {
        list.is_empty() || list.contains(value)
    }
    filter.from.is_none_or(|from| alert.created_at >= from)
        && filter.until.is_none_or(|until| alert.created_at < until)
        && listed(&filter.severities, &alert.severity)
        && listed(&filter.statuses, &alert.status)
        && listed(&filter.kinds, &alert.kind)
        && (filter.detection_id.is_none() || filter.detection_id == alert.detection_id)
        && (filter.log_types.is_empty() || alert.log_types.iter().any(|log_type| filter.log_types.contains(log_type)))
        && filter.title_contains.as_ref().is_none_or(|part| alert.title.to_lowercase().contains(&part.to_lowercase()))
        && filter.min_events.is_none_or(|least| alert.event_count >= least)
        && filter.max_events.is_none_or(|most| alert.event_count <= most)
        && (filter.assignee_ids.is_empty()
            || alert.assignee_id.as_ref().is_some_and(|id| filter.assignee_ids.contains(id)))
}

#[async_trait]
impl Alerts for World {
    async fn put(&self, _: &[Alert]) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &AlertId) -> StoreResult<Option<Alert>> {
        Ok(self.alerts.iter().find(|alert| alert.id == *id).cloned())
    }

    async fn list(&self, filter: &AlertFilter, after: Option<&AlertPosition>, limit: u32) -> StoreResult<Vec<Alert>> {
        let mut found: Vec<Alert> = self.alerts.iter().filter(|alert| matches(filter, alert)).cloned().collect();
        found.sort_by_key(|alert| (alert.created_at, alert.id.clone()));
        if !filter.ascending {
            found.reverse();
        }
        let behind = |alert: &Alert| {
            after.is_none_or(|after| {
                let (this, last) = ((alert.created_at, &alert.id), (after.created_at, &after.id));
                if filter.ascending { this > last } else { this < last }
            })
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found
            .into_iter()
            .filter(behind)
            .take(limit)
            .map(|mut alert| {
                alert.events.clear();
                alert
            })
            .collect())
    }

    async fn count(&self, filter: &AlertFilter) -> StoreResult<u64> {
        Ok(self.alerts.iter().map(|alert| u64::from(matches(filter, alert))).sum())
    }

    async fn add_comment(&self, _: &AlertComment) -> StoreResult<()> {
        not_faked()
    }

    async fn comments(&self, id: &AlertId) -> StoreResult<Vec<AlertComment>> {
        Ok(self.comments.iter().filter(|comment| comment.alert_id == *id).cloned().collect())
    }
}

#[async_trait]
impl Detections for World {
    async fn put(&self, _: &[Detection]) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &str) -> StoreResult<Option<Detection>> {
        Ok(self.detections.iter().find(|detection| detection.id == id).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<Detection>> {
        Ok(self
            .detections
            .iter()
            .cloned()
            .map(|detection| Detection { body: String::new(), tests: Vec::new(), ..detection })
            .collect())
    }
}

#[async_trait]
impl Enrichments for World {
    async fn put(&self, _: &Enrichment, _: &[EnrichmentRow]) -> StoreResult<()> {
        not_faked()
    }

    async fn find_by_name(&self, name: &str) -> StoreResult<Option<Enrichment>> {
        Ok(self.enrichments.iter().map(|(table, _)| table).find(|table| table.name.eq_ignore_ascii_case(name)).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<Enrichment>> {
        Ok(self.enrichments.iter().map(|(table, _)| table.clone()).collect())
    }

    async fn rows_by_key(&self, id: &EnrichmentId, keys: &[String]) -> StoreResult<Vec<EnrichmentRow>> {
        Ok(self.rows_of(id).into_iter().filter(|row| keys.contains(&row.key)).collect())
    }

    async fn rows(&self, id: &EnrichmentId) -> StoreResult<Vec<EnrichmentRow>> {
        Ok(self.rows_of(id))
    }
}

#[async_trait]
impl LogSchemas for World {
    async fn put(&self, _: &LogSchema) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, name: &str) -> StoreResult<Option<LogSchema>> {
        Ok(self.schemas.iter().find(|schema| schema.name == name).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<LogSchema>> {
        Ok(self.schemas.clone())
    }
}

#[async_trait]
impl Users for World {
    async fn create(&self, _: &User, _: Option<&PasswordHash>) -> StoreResult<()> {
        not_faked()
    }

    async fn create_first(&self, _: &User, _: &PasswordHash) -> StoreResult<bool> {
        not_faked()
    }

    async fn get(&self, id: &UserId) -> StoreResult<Option<User>> {
        Ok(self.users.iter().find(|user| user.id == *id).cloned())
    }

    async fn find_by_email(&self, email: &str) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
        Ok(self.users.iter().find(|user| user.email == email).cloned().map(|user| (user, None)))
    }

    async fn list(&self) -> StoreResult<Vec<User>> {
        Ok(self.users.clone())
    }

    async fn count(&self) -> StoreResult<u64> {
        not_faked()
    }

    async fn set_role(&self, _: &UserId, _: &RoleId) -> StoreResult<()> {
        not_faked()
    }

    async fn set_enabled(&self, _: &UserId, _: bool) -> StoreResult<()> {
        not_faked()
    }

    async fn set_password(&self, _: &UserId, _: &PasswordHash) -> StoreResult<()> {
        not_faked()
    }

    async fn signed_in(&self, _: &UserId, _: Timestamp) -> StoreResult<()> {
        not_faked()
    }
}

#[async_trait]
impl Roles for World {
    async fn ensure_built_in(&self, _: Timestamp) -> StoreResult<()> {
        not_faked()
    }

    async fn create(&self, _: &Role) -> StoreResult<()> {
        not_faked()
    }

    async fn update(&self, _: &Role) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &RoleId) -> StoreResult<Option<Role>> {
        Ok(self.roles.iter().find(|role| role.id == *id).cloned())
    }

    async fn find_by_name(&self, name: &str) -> StoreResult<Option<Role>> {
        Ok(self.roles.iter().find(|role| role.name == name).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<Role>> {
        Ok(self.roles.clone())
    }
}

fn known_database(database: &str) -> Result<(), LakeError> {
    if database == LOGS_DATABASE { Ok(()) } else { Err(LakeError::UnknownDatabase(database.to_owned())) }
}

fn readable(table: &TableSchema, access: &LogTypeAccess) -> bool {
    table.table.log_type.as_ref().is_none_or(|log_type| access.allows(log_type))
}

#[async_trait]
impl DataLake for World {
    async fn databases(&self) -> Result<Vec<DatabaseInfo>, LakeError> {
        Ok(vec![DatabaseInfo { name: LOGS_DATABASE.to_owned(), description: "Log events".to_owned() }])
    }

    async fn tables(&self, database: &str, access: &LogTypeAccess) -> Result<Vec<TableInfo>, LakeError> {
        known_database(database)?;
        Ok(self.tables.iter().filter(|table| readable(table, access)).map(|table| table.table.clone()).collect())
    }

    async fn table_schema(
        &self,
        database: &str,
        table: &str,
        access: &LogTypeAccess,
    ) -> Result<TableSchema, LakeError> {
        known_database(database)?;
        self.tables
            .iter()
            .filter(|known| readable(known, access))
            .find(|known| known.table.name == table || known.table.log_type.as_deref() == Some(table))
            .cloned()
            .ok_or_else(|| LakeError::UnknownTable(table.to_owned()))
    }

    async fn query(&self, request: QueryRequest) -> Result<QueryResult, LakeError> {
        if !request.sql.starts_with("SELECT") {
            return Err(LakeError::BadSql { message: "expected SELECT".to_owned(), position: Some((1, 1)) });
        }
        let rows: Vec<JsonObject> = self.rows.iter().skip(request.offset).take(request.max_rows).cloned().collect();
        let truncated = request.offset + rows.len() < self.rows.len();
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let columns = vec![ColumnInfo { name: "n".to_owned(), kind: "bigint".to_owned(), description: String::new() }];
        Ok(QueryResult { columns, rows, truncated, elapsed_ms: 5, bytes_scanned: Some(1000) })
    }

    async fn events(&self, refs: &[EventRef], access: &LogTypeAccess) -> Result<Vec<JsonObject>, LakeError> {
        let event = |wanted: &EventRef| {
            self.events
                .iter()
                .find(|event| event.get("p_row_id").and_then(Value::as_str) == Some(wanted.row_id.as_str()))
                .cloned()
        };
        Ok(refs.iter().filter(|wanted| access.allows(&wanted.log_type)).filter_map(event).collect())
    }

    async fn ingest_file(&self, _: &str, _: &Path, _: Option<&Path>, _: Timestamp) -> Result<IngestReport, LakeError> {
        Err(LakeError::Unavailable("not part of the fakes".to_owned()))
    }

    async fn ingest_events(
        &self,
        _: &str,
        _: Vec<JsonObject>,
        _: Timestamp,
    ) -> Result<(IngestReport, Vec<EventRef>), LakeError> {
        Err(LakeError::Unavailable("not part of the fakes".to_owned()))
    }

    fn check_schema(&self, _: &str, _: &str) -> Result<(), LakeError> {
        Ok(())
    }
}

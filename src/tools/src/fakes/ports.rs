//! The ports of the world.

use std::{path::Path, sync::PoisonError, time::Duration};

use async_trait::async_trait;
use margay_domain::{
    alert::{Alert, AlertChange, AlertComment, AlertFilter, AlertPosition, AlertTally, EventRef},
    clock::Timestamp,
    data_model::DataModel,
    detection::{Detection, DetectionKind},
    enrichment::{Enrichment, EnrichmentRow},
    global_helper::GlobalHelper,
    id::{AlertId, EnrichmentId, LogSourceId, RoleId, UserId},
    lake::{
        ColumnInfo, DatabaseInfo, IngestReport, LOGS_DATABASE, LakeError, QueryRequest, QueryResult, TableInfo,
        TableSchema,
    },
    log_schema::LogSchema,
    log_source::{LogSource, SourceVolume},
    ports::{
        Alerts, DataLake, DataModels, Detections, Enrichments, GlobalHelpers, LogSchemas, LogSources, Roles,
        StoreError, StoreResult, Users,
    },
    role::{LogTypeAccess, Role},
    user::{PasswordHash, User},
};
use serde_json::Value;

use super::World;
use crate::tool::JsonObject;

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
        && (filter.qualities.is_empty() || alert.quality.is_some_and(|quality| filter.qualities.contains(&quality)))
        && any(&filter.context_tags, &alert.context_tags)
        && any(&filter.log_source_ids, &alert.log_source_ids)
        && any(&filter.resource_types, &alert.resource_types)
        && !(alert.withheld && filter.title_contains.is_some())
}

fn any(wanted: &[String], has: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| has.contains(wanted))
}

impl World {
    /// The alerts that exist for somebody with this access, as they are now.
    fn seen_alerts(&self, access: &LogTypeAccess) -> Vec<Alert> {
        self.current_alerts().into_iter().filter_map(|alert| alert.seen_with(access)).collect()
    }

    /// All alerts as they are now.
    fn current_alerts(&self) -> Vec<Alert> {
        let changed = self.changed_alerts.lock().unwrap_or_else(PoisonError::into_inner);
        self.alerts.iter().map(|alert| changed.get(&alert.id).unwrap_or(alert).clone()).collect()
    }

    /// All detections as they are now.
    fn current_detections(&self) -> Vec<Detection> {
        let changed = self.changed_detections.lock().unwrap_or_else(PoisonError::into_inner);
        self.detections.iter().map(|detection| changed.get(&detection.id).unwrap_or(detection).clone()).collect()
    }
}

#[async_trait]
impl Alerts for World {
    async fn put(&self, _: &[Alert]) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Option<Alert>> {
        Ok(self.seen_alerts(access).into_iter().find(|alert| alert.id == *id))
    }

    async fn list(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertPosition>,
        limit: u32,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<Alert>> {
        let mut found: Vec<Alert> =
            self.seen_alerts(access).into_iter().filter(|alert| matches(filter, alert)).collect();
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

    async fn count(&self, filter: &AlertFilter, access: &LogTypeAccess) -> StoreResult<u64> {
        Ok(self.seen_alerts(access).iter().map(|alert| u64::from(matches(filter, alert))).sum())
    }

    async fn tally(
        &self,
        filter: &AlertFilter,
        width: Duration,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertTally>> {
        let width = i64::try_from(width.as_micros()).unwrap();
        let mut found: Vec<AlertTally> = Vec::new();
        for alert in self.seen_alerts(access).into_iter().filter(|alert| matches(filter, alert)) {
            let at = alert.created_at.as_micros();
            let tally = AlertTally {
                begin: Timestamp::from_micros(at - at.rem_euclid(width)),
                kind: alert.kind,
                severity: alert.severity,
                detection_id: alert.detection_id,
                alerts: 1,
            };
            let same = |other: &&mut AlertTally| AlertTally { alerts: 1, ..(*other).clone() } == tally;
            match found.iter_mut().find(same) {
                Some(known) => known.alerts += 1,
                None => found.push(tally),
            }
        }
        found.sort();
        Ok(found)
    }

    async fn change(
        &self,
        ids: &[AlertId],
        change: &AlertChange,
        by: &UserId,
        now: Timestamp,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertId>> {
        let (current, seen) = (self.current_alerts(), self.seen_alerts(access));
        let missing: Vec<AlertId> =
            ids.iter().filter(|id| !seen.iter().any(|alert| alert.id == **id)).cloned().collect();
        if !missing.is_empty() {
            return Ok(missing);
        }
        for mut alert in current.into_iter().filter(|alert| ids.contains(&alert.id)) {
            alert.status = change.status.unwrap_or(alert.status);
            alert.assignee_id = change.assignee_id.clone().unwrap_or(alert.assignee_id);
            alert.quality = change.quality.unwrap_or(alert.quality);
            alert.context_tags = change.context_tags.clone().unwrap_or(alert.context_tags);
            alert.updated_by = Some(by.to_string());
            alert.updated_at = now;
            self.changed_alerts.lock().unwrap_or_else(PoisonError::into_inner).insert(alert.id.clone(), alert);
        }
        Ok(Vec::new())
    }

    async fn add_comment(&self, comment: &AlertComment, access: &LogTypeAccess) -> StoreResult<()> {
        if !self.seen_alerts(access).iter().any(|alert| alert.id == comment.alert_id) {
            return Err(StoreError::NotFound("alert"));
        }
        self.added_comments.lock().unwrap_or_else(PoisonError::into_inner).push(comment.clone());
        Ok(())
    }

    async fn comments(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Vec<AlertComment>> {
        if !self.seen_alerts(access).iter().any(|alert| alert.id == *id) {
            return Ok(Vec::new());
        }
        let added = self.added_comments.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.comments.iter().chain(added.iter()).filter(|comment| comment.alert_id == *id).cloned().collect())
    }
}

#[async_trait]
impl Detections for World {
    async fn put(&self, _: &[Detection]) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &str) -> StoreResult<Option<Detection>> {
        Ok(self.current_detections().into_iter().find(|detection| detection.id == id))
    }

    async fn list(&self) -> StoreResult<Vec<Detection>> {
        Ok(self
            .current_detections()
            .into_iter()
            .map(|detection| Detection { body: String::new(), tests: Vec::new(), ..detection })
            .collect())
    }

    async fn set_enabled(
        &self,
        id: &str,
        kind: DetectionKind,
        enabled: bool,
        by: &UserId,
        now: Timestamp,
    ) -> StoreResult<Option<(Detection, bool)>> {
        let mut all = self.current_detections().into_iter();
        let Some(mut detection) = all.find(|detection| detection.id == id && detection.kind == kind) else {
            return Ok(None);
        };
        let changes = detection.enabled != enabled;
        if changes {
            detection.enabled = enabled;
            detection.last_modified = now;
            detection.last_modified_by = Some(by.to_string());
            let mut changed = self.changed_detections.lock().unwrap_or_else(PoisonError::into_inner);
            changed.insert(detection.id.clone(), detection.clone());
        }
        Ok(Some((Detection { body: String::new(), tests: Vec::new(), ..detection }, changes)))
    }
}

#[async_trait]
impl GlobalHelpers for World {
    async fn put(&self, _: &[GlobalHelper]) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &str) -> StoreResult<Option<GlobalHelper>> {
        Ok(self.global_helpers.iter().find(|helper| helper.id == id).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<GlobalHelper>> {
        Ok(self.global_helpers.iter().map(|helper| GlobalHelper { body: String::new(), ..helper.clone() }).collect())
    }
}

#[async_trait]
impl DataModels for World {
    async fn put(&self, _: &[DataModel]) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &str) -> StoreResult<Option<DataModel>> {
        Ok(self.data_models.iter().find(|model| model.id == id).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<DataModel>> {
        Ok(self.data_models.iter().map(|model| DataModel { body: String::new(), ..model.clone() }).collect())
    }
}

#[async_trait]
impl LogSources for World {
    async fn put(&self, _: &LogSource) -> StoreResult<()> {
        not_faked()
    }

    async fn ensure(&self, _: &LogSource) -> StoreResult<()> {
        not_faked()
    }

    async fn get(&self, id: &LogSourceId) -> StoreResult<Option<LogSource>> {
        Ok(self.log_sources.iter().find(|source| source.id == *id).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<LogSource>> {
        Ok(self.log_sources.clone())
    }

    async fn record(&self, _: &[SourceVolume], _: Timestamp) -> StoreResult<()> {
        not_faked()
    }

    async fn volumes(&self, from: Timestamp, until: Timestamp, width: Duration) -> StoreResult<Vec<SourceVolume>> {
        let width = i64::try_from(width.as_micros()).unwrap();
        let mut found: Vec<SourceVolume> = Vec::new();
        for volume in self.volumes.iter().filter(|volume| volume.begin >= from && volume.begin < until) {
            let at = volume.begin.as_micros();
            let begin = Timestamp::from_micros(at - at.rem_euclid(width));
            let same = |other: &&mut SourceVolume| {
                (other.begin, &other.source_id, &other.log_type) == (begin, &volume.source_id, &volume.log_type)
            };
            match found.iter_mut().find(same) {
                Some(known) => {
                    known.bytes += volume.bytes;
                    known.events += volume.events;
                }
                None => found.push(SourceVolume { begin, ..volume.clone() }),
            }
        }
        found.sort();
        Ok(found)
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

//! The port `LogSources`.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    id::LogSourceId,
    log_source::{AuthMethod, LogSource, SourceKind, SourceVolume, StreamType, VOLUME_STRETCH},
    ports::{LogSources, StoreError, StoreResult},
};

use crate::{
    codec::{count, from_json, micros, optional_text, text, timestamp, to_json, word},
    engine::{Engine, in_transaction, on_read, on_write},
    error::DbResult as _,
};

/// The shortest stretch in which volumes are summed up, in microseconds: a second. Nothing is divided by zero.
const MIN_WIDTH: i64 = 1_000_000;
/// The longest one, in microseconds: 73000 years. Sums of two fit.
const MAX_WIDTH: i64 = i64::MAX / 4;

macro_rules! log_source_columns {
    () => {
        "id, label, kind, log_types, stream_type, auth_method, auth_header, quiet_after_minutes, is_editable, \
         created_at, last_modified, last_received_at, last_processed_at"
    };
}

macro_rules! insert_log_source {
    () => {
        concat!(
            "INSERT INTO log_sources (",
            log_source_columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
        )
    };
}

#[derive(sqlx::FromRow)]
struct LogSourceRow {
    id: String,
    label: String,
    kind: String,
    log_types: String,
    stream_type: String,
    auth_method: Option<String>,
    auth_header: Option<String>,
    quiet_after_minutes: Option<i64>,
    is_editable: bool,
    created_at: i64,
    last_modified: i64,
    last_received_at: Option<i64>,
    last_processed_at: Option<i64>,
}

impl LogSourceRow {
    fn into_log_source(self) -> StoreResult<LogSource> {
        let auth_method =
            self.auth_method.map(|stored| word("authentication of a log source", &stored, AuthMethod::parse));
        let quiet_after_minutes = self.quiet_after_minutes.map(u32::try_from).transpose();
        Ok(LogSource {
            kind: word("kind of a log source", &self.kind, SourceKind::parse)?,
            log_types: from_json("log types of a log source", &self.log_types)?,
            stream_type: word("stream type of a log source", &self.stream_type, StreamType::parse)?,
            auth_method: auth_method.transpose()?,
            quiet_after_minutes: quiet_after_minutes
                .map_err(|error| StoreError::Corrupt(format!("quiet minutes of a log source: {error}")))?,
            id: LogSourceId::new(self.id),
            label: self.label,
            auth_header: self.auth_header,
            is_editable: self.is_editable,
            created_at: Timestamp::from_micros(self.created_at),
            last_modified: Timestamp::from_micros(self.last_modified),
            last_received_at: timestamp(self.last_received_at),
            last_processed_at: timestamp(self.last_processed_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct VolumeRow {
    begin: i64,
    source_id: String,
    log_type: String,
    bytes: i64,
    events: i64,
}

impl VolumeRow {
    fn into_volume(self) -> SourceVolume {
        SourceVolume {
            begin: Timestamp::from_micros(self.begin),
            source_id: LogSourceId::new(self.source_id),
            log_type: self.log_type,
            bytes: count(self.bytes),
            events: count(self.events),
        }
    }
}

/// What stands in the way of a source whose label another one has.
const SAME_LABEL: &str = "a log source with this label";

/// Log sources in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlLogSources(pub(crate) Engine);

impl SqlLogSources {
    /// Runs an `insert_log_source!` with what it does on a conflict. How many rows it wrote.
    async fn insert(&self, sql: &'static str, source: &LogSource) -> StoreResult<u64> {
        let log_types = to_json(&source.log_types)?;
        Ok(on_write!(self.0, |pool| {
            sqlx::query(sql)
                .bind(text(source.id.as_str()))
                .bind(text(&source.label))
                .bind(source.kind.as_str())
                .bind(log_types.as_str())
                .bind(source.stream_type.as_str())
                .bind(source.auth_method.map(AuthMethod::as_str))
                .bind(optional_text(source.auth_header.as_deref()))
                .bind(source.quiet_after_minutes.map(i64::from))
                .bind(source.is_editable)
                .bind(source.created_at.as_micros())
                .bind(source.last_modified.as_micros())
                .bind(micros(source.last_received_at))
                .bind(micros(source.last_processed_at))
                .execute(pool)
                .await
                .naming(SAME_LABEL, "log source")?
                .rows_affected()
        }))
    }
}

#[async_trait]
impl LogSources for SqlLogSources {
    async fn put(&self, source: &LogSource) -> StoreResult<()> {
        // A comparison with NULL is not true, so that each CASE ends in the one of both times that is there.
        const SQL: &str = concat!(
            insert_log_source!(),
            "ON CONFLICT (id) DO UPDATE SET label = excluded.label, kind = excluded.kind, \
             log_types = excluded.log_types, stream_type = excluded.stream_type, \
             auth_method = excluded.auth_method, auth_header = excluded.auth_header, \
             quiet_after_minutes = excluded.quiet_after_minutes, is_editable = excluded.is_editable, \
             created_at = excluded.created_at, last_modified = excluded.last_modified, \
             last_received_at = CASE WHEN log_sources.last_received_at > excluded.last_received_at \
             THEN log_sources.last_received_at \
             ELSE COALESCE(excluded.last_received_at, log_sources.last_received_at) END, \
             last_processed_at = CASE WHEN log_sources.last_processed_at > excluded.last_processed_at \
             THEN log_sources.last_processed_at \
             ELSE COALESCE(excluded.last_processed_at, log_sources.last_processed_at) END"
        );
        self.insert(SQL, source).await?;
        Ok(())
    }

    async fn ensure(&self, source: &LogSource) -> StoreResult<()> {
        // Without a target: of two that add the same source at once, PostgreSQL may let the second stumble over the
        // label before it notices the id.
        const SQL: &str = concat!(insert_log_source!(), "ON CONFLICT DO NOTHING");
        if self.insert(SQL, source).await? == 0 && self.get(&source.id).await?.is_none() {
            return Err(StoreError::Conflict(SAME_LABEL));
        }
        Ok(())
    }

    async fn get(&self, id: &LogSourceId) -> StoreResult<Option<LogSource>> {
        const SQL: &str = concat!("SELECT ", log_source_columns!(), " FROM log_sources WHERE id = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, LogSourceRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        row.map(LogSourceRow::into_log_source).transpose()
    }

    async fn list(&self) -> StoreResult<Vec<LogSource>> {
        const SQL: &str = concat!("SELECT ", log_source_columns!(), " FROM log_sources ORDER BY label");
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, LogSourceRow>(SQL).fetch_all(pool).await.db()?);
        rows.into_iter().map(LogSourceRow::into_log_source).collect()
    }

    async fn record(&self, volumes: &[SourceVolume], now: Timestamp) -> StoreResult<()> {
        // First, because in PostgreSQL it also locks the row, so that all who record for a source do it one after
        // another; SQLite has one writer anyway.
        const SEEN: &str = "UPDATE log_sources SET \
             last_received_at = CASE WHEN last_received_at > $2 THEN last_received_at ELSE $2 END, \
             last_processed_at = CASE WHEN last_processed_at > $2 THEN last_processed_at ELSE $2 END WHERE id = $1";
        const LOG_TYPES: &str = "SELECT log_types FROM log_sources WHERE id = $1";
        const SET_LOG_TYPES: &str = "UPDATE log_sources SET log_types = $2 WHERE id = $1";
        const ADD: &str = "INSERT INTO source_volumes (begin, source_id, log_type, bytes, events) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (begin, source_id, log_type) DO UPDATE SET \
             bytes = source_volumes.bytes + excluded.bytes, events = source_volumes.events + excluded.events";
        let sources = by_source(volumes);
        in_transaction!(self.0, |tx| {
            for (source, volumes) in &sources {
                let seen = sqlx::query(SEEN)
                    .bind(source.as_str())
                    .bind(now.as_micros())
                    .execute(&mut *tx)
                    .await
                    .db()?
                    .rows_affected();
                if seen == 0 {
                    return Err(StoreError::NotFound("log source"));
                }
                let stored =
                    sqlx::query_scalar::<_, String>(LOG_TYPES).bind(source.as_str()).fetch_one(&mut *tx).await.db()?;
                if let Some(all) = with_log_types(&stored, volumes)? {
                    sqlx::query(SET_LOG_TYPES).bind(source.as_str()).bind(all).execute(&mut *tx).await.db()?;
                }
                for volume in volumes {
                    sqlx::query(ADD)
                        .bind(rounded_down(volume.begin))
                        .bind(source.as_str())
                        .bind(text(&volume.log_type))
                        .bind(i64::try_from(volume.bytes).unwrap_or(i64::MAX))
                        .bind(i64::try_from(volume.events).unwrap_or(i64::MAX))
                        .execute(&mut *tx)
                        .await
                        .db()?;
                }
            }
        });
        Ok(())
    }

    async fn volumes(&self, from: Timestamp, until: Timestamp, width: Duration) -> StoreResult<Vec<SourceVolume>> {
        // The remainder has the sign of the time on both engines; this makes it that of the stretch, also before 1970.
        // PostgreSQL sums whole numbers up to a NUMERIC.
        const SQL: &str = "SELECT v.begin - (v.begin % $3 + $3) % $3 AS begin, v.source_id AS source_id, \
             v.log_type AS log_type, CAST(SUM(v.bytes) AS BIGINT) AS bytes, CAST(SUM(v.events) AS BIGINT) AS events \
             FROM source_volumes v WHERE v.begin >= $1 AND v.begin < $2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
        let width = i64::try_from(width.as_micros()).unwrap_or(MAX_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH);
        let rows = on_read!(self.0, |pool| {
            sqlx::query_as::<_, VolumeRow>(SQL)
                .bind(from.as_micros())
                .bind(until.as_micros())
                .bind(width)
                .fetch_all(pool)
                .await
                .db()?
        });
        Ok(rows.into_iter().map(VolumeRow::into_volume).collect())
    }
}

/// The volumes of each source, sorted by its id: in this order their rows are locked.
fn by_source(volumes: &[SourceVolume]) -> BTreeMap<String, Vec<&SourceVolume>> {
    let mut sources: BTreeMap<String, Vec<&SourceVolume>> = BTreeMap::new();
    for volume in volumes {
        sources.entry(text(volume.source_id.as_str())).or_default().push(volume);
    }
    sources
}

/// The stored list of log types with those of the volumes behind it, as JSON; `None` if it has them all.
fn with_log_types(stored: &str, volumes: &[&SourceVolume]) -> StoreResult<Option<String>> {
    let mut log_types: Vec<String> = from_json("log types of a log source", stored)?;
    let known = log_types.len();
    for volume in volumes {
        let log_type = text(&volume.log_type);
        if !log_types.contains(&log_type) {
            log_types.push(log_type);
        }
    }
    (log_types.len() > known).then(|| to_json(&log_types)).transpose()
}

/// The beginning of the stretch that `at` lies in, in microseconds.
fn rounded_down(at: Timestamp) -> i64 {
    let stretch = i64::try_from(VOLUME_STRETCH.as_micros()).unwrap_or(i64::MAX);
    let micros = at.as_micros();
    micros.saturating_sub(micros.rem_euclid(stretch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_begin_at_whole_quarters_of_an_hour() {
        const QUARTER: i64 = 900_000_000;
        let cases = [(0, 0), (1, 0), (QUARTER - 1, 0), (QUARTER, QUARTER), (-1, -QUARTER), (-QUARTER, -QUARTER)];
        for (at, begin) in cases {
            assert_eq!(rounded_down(Timestamp::from_micros(at)), begin, "{at}");
        }
    }
}

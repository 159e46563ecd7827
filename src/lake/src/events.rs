//! Events by reference.

use std::collections::{BTreeMap, HashMap};

use datafusion::{
    common::{DataFusionError, ScalarValue},
    prelude::{SessionContext, ident, lit},
};
use deltalake::DeltaTable;
use margay_domain::{alert::EventRef, lake::LakeError};
use serde_json::{Map, Value};

use crate::{
    catalog::Known,
    columns::{EVENT_TIME, ROW_ID},
    engine::{Engine, provider},
    errors::of_engine,
    rows::Columns,
    tables::Tables,
};

/// References may carry a time that is finer than the stored one.
const SLACK_MICROS: i64 = 1_000_000;
/// Rows that are looked up at once.
const CHUNK: usize = 1_000;

type Event = Map<String, Value>;

/// The events behind references, in their order; those that are gone, or that may not be read, are left out.
pub(crate) async fn look_up(
    engine: &Engine,
    tables: &Tables,
    known: &Known,
    refs: &[EventRef],
) -> Result<Vec<Event>, LakeError> {
    let mut by_table: BTreeMap<&str, Vec<&EventRef>> = BTreeMap::new();
    for reference in refs {
        if let Some((table, _)) = known.find(&reference.log_type) {
            by_table.entry(table).or_default().push(reference);
        }
    }
    let mut found: HashMap<(&str, String), Event> = HashMap::new();
    for (name, wanted) in by_table {
        let Some(table) = tables.open(name).await? else { continue };
        for chunk in wanted.chunks(CHUNK) {
            let events = read(&engine.session(), &table, chunk).await.map_err(|error| of_engine(&error))?;
            found.extend(events.into_iter().map(|(id, event)| ((name, id), event)));
        }
    }
    let event = |reference: &EventRef| {
        let (table, _) = known.find(&reference.log_type)?;
        found.get(&(table, reference.row_id.clone())).cloned()
    };
    Ok(refs.iter().filter_map(event).collect())
}

/// Reads rows of one table by their ids, within the range of their times.
async fn read(
    context: &SessionContext,
    table: &DeltaTable,
    refs: &[&EventRef],
) -> Result<Vec<(String, Event)>, DataFusionError> {
    let times = refs.iter().map(|reference| reference.event_time.as_micros());
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return Ok(Vec::new()) };
    let moment = |micros: i64| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
    let ids = refs.iter().map(|reference| lit(reference.row_id.as_str())).collect();
    let condition = ident(EVENT_TIME)
        .between(moment(first.saturating_sub(SLACK_MICROS)), moment(last.saturating_add(SLACK_MICROS)))
        .and(ident(ROW_ID).in_list(ids, false));
    let frame = context.read_table(provider(table, context).await?)?.filter(condition)?;
    let columns = Columns::new(frame.schema().fields().iter().map(AsRef::as_ref));
    let mut events = Vec::with_capacity(refs.len());
    for batch in frame.collect().await? {
        for row in 0..batch.num_rows() {
            let mut event = columns.row(&batch, row);
            event.retain(|_, value| !value.is_null());
            if let Some(Value::String(id)) = event.get(ROW_ID) {
                events.push((id.clone(), event));
            }
        }
    }
    Ok(events)
}

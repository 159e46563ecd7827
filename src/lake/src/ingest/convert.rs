//! One event becomes one row.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use datafusion::arrow::{
    array::{
        ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, ListArray, RecordBatch,
        RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder, new_null_array,
    },
    buffer::{NullBuffer, OffsetBuffer},
    datatypes::{DataType, FieldRef, SchemaRef},
    error::ArrowError,
};
use margay_domain::{clock::Timestamp, entropy::Entropy};
use serde_json::{Map, Value};

use super::{
    documents::Event,
    indicators::{Any, Indicator, Scan},
};
use crate::{
    columns::{
        ANY, ColumnType, EVENT_TIME, EVENT_TIME_SOURCE, LOG_TYPE, PARSE_TIME, ROW_ID, SCHEMA_VERSION, SOURCE_ID,
        SOURCE_LABEL, Scalar, UNMAPPED,
    },
    schema::{Field, Kind, Schema},
    timestamp::{self, TimeFormat},
};

/// The source of events that were not received from a configured log source.
const INGEST_SOURCE: &str = "ingest";

/// What logs write for a value that is not there.
const NOTHING: [&str; 2] = ["", "-"];

/// At most this much of a value that is no time is told, in characters.
const MAX_TOLD: usize = 40;

/// Where the value of a column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The field of the schema at this position.
    Field(usize),
    EventTime,
    EventTimeSource,
    LogType,
    RowId,
    ParseTime,
    SchemaVersion,
    Source,
    /// The indicators at this position.
    Any(usize),
    Unmapped,
    /// Nothing any more: the schema lost the field, or another program added the column.
    Nowhere,
}

/// How the events of one log type become rows of its table. Made once per ingest.
pub(crate) struct Plan {
    log_type: String,
    schema_version: i32,
    now: Timestamp,
    table: SchemaRef,
    origins: Vec<Origin>,
    fields: Vec<FieldPlan>,
    exact: HashMap<String, usize>,
    folded: HashMap<String, usize>,
    event_times: Vec<EventTime>,
}

struct FieldPlan {
    kind: Kind,
    scan: Option<Scan>,
}

/// A field that may hold the time of the event: the field at the top, keys from there, and its formats.
struct EventTime {
    field: usize,
    keys: Vec<String>,
    formats: Vec<TimeFormat>,
    /// Its name with those of the objects around it.
    path: String,
}

impl Plan {
    /// For `schema` in its revision `schema_version`, into a table with the columns `table`.
    pub(crate) fn new(schema: &Schema, schema_version: i64, table: SchemaRef, now: Timestamp) -> Self {
        let mut exact = HashMap::new();
        let mut folded = HashMap::new();
        let mut event_times = Vec::new();
        for (position, field) in schema.fields.iter().enumerate() {
            exact.insert(field.name.clone(), position);
            folded.entry(field.name.to_lowercase()).or_insert(position);
            folded.entry(field.column.clone()).or_insert(position);
            for alias in &field.aliases {
                folded.entry(alias.to_lowercase()).or_insert(position);
            }
            find_event_times(field, (position, &field.name), &mut Vec::new(), &mut event_times);
        }
        let origins = table.fields().iter().map(|column| origin(column, schema)).collect();
        let fields = schema.fields.iter();
        let fields = fields.map(|field| FieldPlan { kind: field.kind.clone(), scan: Scan::of_kind(&field.kind) });
        Self {
            log_type: schema.name.clone(),
            schema_version: i32::try_from(schema_version).unwrap_or(i32::MAX),
            now: timestamp::floor_to_millis(now),
            table,
            origins,
            fields: fields.collect(),
            exact,
            folded,
            event_times,
        }
    }

    fn field_of(&self, key: &str) -> Option<(usize, bool)> {
        if let Some(position) = self.exact.get(key) {
            return Some((*position, true));
        }
        self.folded.get(&key.to_lowercase()).map(|position| (*position, false))
    }

    /// Whether the schema or the lake itself has a use for a member of that name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        name.starts_with("p_") || self.field_of(name).is_some()
    }

    /// The fields that may hold the time of the event and do hold something, in the order of the schema.
    fn event_times<'a>(
        &'a self,
        slots: &'a [Option<(String, Value)>],
    ) -> impl Iterator<Item = (&'a EventTime, &'a Value)> {
        self.event_times.iter().filter_map(|candidate| {
            let (_, top) = slots.get(candidate.field)?.as_ref()?;
            let value = candidate.keys.iter().try_fold(top, |value, key| value.get(key))?;
            (!is_nothing(value)).then_some((candidate, value))
        })
    }

    /// The time of an event: from its fields in their formats, from the one that came with it, from its fields in any
    /// format. The error is what was found instead, if anything was.
    fn time_of(
        &self,
        slots: &[Option<(String, Value)>],
        given: Option<&Value>,
    ) -> Result<(Timestamp, String), Option<String>> {
        let own = self.event_times(slots).find_map(|(candidate, value)| {
            timestamp::read_value(&candidate.formats, value).map(|time| (time, candidate.path.clone()))
        });
        let given = || {
            let time =
                timestamp::read_value(&[TimeFormat::Rfc3339], given?).or_else(|| timestamp::guess_value(given?))?;
            Some((time, EVENT_TIME.to_owned()))
        };
        let guessed = || {
            self.event_times(slots)
                .find_map(|(candidate, value)| Some((timestamp::guess_value(value)?, candidate.path.clone())))
        };
        own.or_else(given).or_else(guessed).ok_or_else(|| {
            let (candidate, value) = self.event_times(slots).next()?;
            let text: String = value.to_string().chars().take(MAX_TOLD).collect();
            Some(format!("{} is {text}", candidate.path))
        })
    }
}

fn origin(column: &FieldRef, schema: &Schema) -> Origin {
    if ColumnType::of_arrow(column).is_none() {
        return Origin::Nowhere;
    }
    match column.name().as_str() {
        EVENT_TIME => Origin::EventTime,
        EVENT_TIME_SOURCE => Origin::EventTimeSource,
        LOG_TYPE => Origin::LogType,
        ROW_ID => Origin::RowId,
        PARSE_TIME => Origin::ParseTime,
        SCHEMA_VERSION => Origin::SchemaVersion,
        SOURCE_ID | SOURCE_LABEL => Origin::Source,
        UNMAPPED => Origin::Unmapped,
        name => {
            let any = ANY.iter().position(|(any, _)| *any == name).map(Origin::Any);
            let field = || schema.fields.iter().position(|field| field.column == name).map(Origin::Field);
            any.or_else(field).unwrap_or(Origin::Nowhere)
        }
    }
}

fn find_event_times(field: &Field, (top, top_name): (usize, &str), keys: &mut Vec<String>, found: &mut Vec<EventTime>) {
    match &field.kind {
        Kind::Timestamp { formats, event_time: true } => {
            let mut path = top_name.to_owned();
            for key in &*keys {
                path.push('.');
                path.push_str(key);
            }
            found.push(EventTime { field: top, keys: keys.clone(), formats: formats.clone(), path });
        }
        Kind::Object { fields, .. } => {
            for inner in fields {
                keys.push(inner.name.clone());
                find_event_times(inner, (top, top_name), keys, found);
                keys.pop();
            }
        }
        _ => {}
    }
}

/// Ids of rows: 48 bits of milliseconds, 48 random bits, 32 bits that count. They sort by the time of ingest.
pub(crate) struct RowIds {
    entropy: Arc<dyn Entropy>,
    now: Timestamp,
    prefix: String,
    next: u32,
}

impl RowIds {
    /// Ids of rows that are read at `now`.
    pub(crate) fn new(now: Timestamp, entropy: Arc<dyn Entropy>) -> Self {
        let mut ids = Self { entropy, now, prefix: String::new(), next: 0 };
        ids.draw();
        ids
    }

    fn draw(&mut self) {
        let mut random = [0_u8; 6];
        self.entropy.fill(&mut random);
        let random = random.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        let millis = (self.now.as_micros().max(0).unsigned_abs() / 1000) & 0xFFFF_FFFF_FFFF;
        self.prefix = format!("{millis:012x}{random:012x}");
    }

    fn next(&mut self) -> String {
        let id = format!("{}{:08x}", self.prefix, self.next);
        self.next = self.next.wrapping_add(1);
        if self.next == 0 {
            self.draw();
        }
        id
    }
}

/// What identifies a stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowRef {
    /// `p_row_id`.
    pub(crate) row_id: String,
    /// `p_event_time`.
    pub(crate) event_time: Timestamp,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Its row.
    pub(crate) row: RowRef,
    /// How many values did not fit their column.
    pub(crate) misfits: u64,
    /// That it has no time that can be read, and what is in the field for it.
    pub(crate) without_time: Option<NoTime>,
}

/// An event has no time that can be read: what is there instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoTime(pub(crate) Option<String>);

/// Rows that become one batch.
pub(crate) struct Rows {
    plan: Arc<Plan>,
    builders: Vec<Builder>,
    slots: Vec<Option<(String, Value)>>,
    any: Any,
    count: usize,
}

impl Rows {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let builders = plan.table.fields().iter().map(Builder::new).collect();
        let slots = plan.fields.iter().map(|_| None).collect();
        Self { plan, builders, slots, any: Any::default(), count: 0 }
    }

    /// How many rows there are.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Adds an event. With `timed` only one with a time that can be read; the others are an error.
    pub(crate) fn push(&mut self, event: Event, ids: &mut RowIds, timed: bool) -> Result<Pushed, NoTime> {
        let plan = Arc::clone(&self.plan);
        let mut unmapped = Map::new();
        let mut given_time = None;
        for (key, value) in event.members {
            match plan.field_of(&key) {
                Some((position, exact)) => self.place(position, exact, key, value, &mut unmapped),
                None if key == EVENT_TIME => given_time = Some(value),
                None if key == LOG_TYPE && value == *plan.log_type => {}
                None if key.starts_with("p_") && is_empty(&value) => {}
                None => {
                    unmapped.insert(key, value);
                }
            }
        }
        self.unpack(&plan);
        let time = plan.time_of(&self.slots, given_time.as_ref());
        if let (true, Err(found)) = (timed, &time) {
            self.slots.iter_mut().for_each(|slot| *slot = None);
            return Err(NoTime(found.clone()));
        }
        let source = time.as_ref().map_or(PARSE_TIME, |(_, source)| source.as_str());
        if let Some(value) = given_time.filter(|value| !is_nothing(value) && source != EVENT_TIME) {
            unmapped.insert(EVENT_TIME.to_owned(), value);
        }
        let event_time = time.as_ref().map_or(plan.now, |(time, _)| timestamp::floor_to_millis(*time));
        self.any.clear();
        for (slot, field) in self.slots.iter().zip(&plan.fields) {
            if let (Some((_, value)), Some(scan)) = (slot, &field.scan) {
                scan.run(value, &mut self.any);
            }
        }
        let row = RowRef { row_id: ids.next(), event_time };
        let misfits = self.append(&plan, &row, source, unmapped, event.overwritten);
        self.count += 1;
        Ok(Pushed { row, misfits, without_time: time.err().map(NoTime) })
    }

    /// Puts a value where its field is; of two keys that differ only in case the exact one wins.
    fn place(&mut self, position: usize, exact: bool, key: String, value: Value, unmapped: &mut Map<String, Value>) {
        let Some(slot) = self.slots.get_mut(position) else { return };
        if slot.is_some() && !exact {
            unmapped.insert(key, value);
        } else if let Some((key, value)) = slot.replace((key, value)) {
            unmapped.insert(key, value);
        }
    }

    /// Reads JSON that came as text where the schema says so.
    fn unpack(&mut self, plan: &Plan) {
        for (slot, field) in self.slots.iter_mut().zip(&plan.fields) {
            if let Some((_, value)) = slot
                && field.kind.embedded()
                && let Value::String(text) = value
                && let Ok(inner) = serde_json::from_str(text)
            {
                *value = inner;
            }
        }
    }

    fn append(
        &mut self,
        plan: &Plan,
        row: &RowRef,
        time_source: &str,
        mut unmapped: Map<String, Value>,
        overwritten: Vec<(String, Value)>,
    ) -> u64 {
        let mut misfits = 0;
        let mut rest = None;
        for (builder, origin) in self.builders.iter_mut().zip(&plan.origins) {
            match origin {
                Origin::EventTime => builder.append(Cell::Timestamp(row.event_time.as_micros())),
                Origin::EventTimeSource => builder.append(Cell::Text(time_source.into())),
                Origin::LogType => builder.append(Cell::Text(plan.log_type.as_str().into())),
                Origin::RowId => builder.append(Cell::Text(row.row_id.as_str().into())),
                Origin::ParseTime => builder.append(Cell::Timestamp(plan.now.as_micros())),
                Origin::SchemaVersion => builder.append(Cell::Int(plan.schema_version)),
                Origin::Source => builder.append(Cell::Text(INGEST_SOURCE.into())),
                Origin::Any(position) => builder.append_texts(self.any.sorted(*position)),
                Origin::Field(position) => {
                    let slot = self.slots.get_mut(*position).and_then(Option::take);
                    let kind = plan.fields.get(*position).map(|field| &field.kind);
                    let (Some((key, value)), Some(kind)) = (slot, kind) else {
                        builder.append(Cell::Null);
                        continue;
                    };
                    if let Some(cell) = cell_of(builder.column(), kind, &value) {
                        builder.append(cell);
                    } else {
                        builder.append(Cell::Null);
                        unmapped.insert(key, value);
                        misfits += 1;
                    }
                }
                Origin::Unmapped => rest = Some(builder),
                Origin::Nowhere => builder.append(Cell::Null),
            }
        }
        // A field without a column would be a mistake of ours; its value is kept all the same.
        for (key, value) in self.slots.iter_mut().filter_map(Option::take) {
            unmapped.insert(key, value);
        }
        for (path, value) in overwritten {
            keep(&mut unmapped, &path, value);
        }
        if let Some(builder) = rest {
            let cell =
                if unmapped.is_empty() { Cell::Null } else { Cell::Text(Value::Object(unmapped).to_string().into()) };
            builder.append(cell);
        }
        misfits
    }

    /// The rows as a batch; afterwards there are none.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let columns = self.plan.table.fields().iter().zip(&mut self.builders);
        let columns: Vec<ArrayRef> =
            columns.map(|(column, builder)| builder.finish(column, self.count)).collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.count));
        self.count = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.plan.table), columns, &options)
    }
}

/// Keeps a value under its path, or under the path with a number if there is one already.
fn keep(unmapped: &mut Map<String, Value>, path: &str, value: Value) {
    let numbered = (2..).map(|number: u32| format!("{path}#{number}"));
    let mut names = std::iter::once(path.to_owned()).chain(numbered);
    if let Some(name) = names.find(|name| !unmapped.contains_key(name)) {
        unmapped.insert(name, value);
    }
}

/// Whether a value says that there is none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::String(text) => NOTHING.contains(&text.trim()),
        other => is_empty(other),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value on its way into a column.
#[derive(Debug, PartialEq)]
enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Int(i32),
    BigInt(i64),
    Float(f64),
    Boolean(bool),
    Timestamp(i64),
    List(Vec<Cell<'a>>),
}

/// `value` as it goes into a column; `None` if it does not fit.
fn cell_of<'a>(column: Option<ColumnType>, kind: &Kind, value: &'a Value) -> Option<Cell<'a>> {
    if value.is_null() || (takes_no_text(kind) && is_nothing(value) && value.is_string()) {
        return Some(Cell::Null);
    }
    match column? {
        ColumnType::One(scalar) => scalar_of(scalar, kind, value),
        ColumnType::List(scalar) => {
            let Value::Array(items) = value else { return None };
            let element = match kind {
                Kind::Array { element, .. } => element.as_ref(),
                other => other,
            };
            let cell = |item: &'a Value| {
                if item.is_null() { Some(Cell::Null) } else { scalar_of(scalar, element, item) }
            };
            items.iter().map(cell).collect::<Option<Vec<_>>>().map(Cell::List)
        }
        ColumnType::Json(_) => {
            let fits = match kind {
                Kind::Object { .. } => value.is_object(),
                Kind::Array { .. } => value.is_array(),
                _ => true,
            };
            fits.then(|| Cell::Text(value.to_string().into()))
        }
    }
}

/// Whether a dash in such a field is no text, but says that there is no value.
fn takes_no_text(kind: &Kind) -> bool {
    match kind {
        Kind::Int | Kind::BigInt | Kind::Float | Kind::Boolean | Kind::Timestamp { .. } => true,
        Kind::String { indicators } => indicators.contains(&Indicator::Ip),
        Kind::Array { .. } | Kind::Object { .. } | Kind::Json { .. } => false,
    }
}

fn scalar_of<'a>(scalar: Scalar, kind: &Kind, value: &'a Value) -> Option<Cell<'a>> {
    match (scalar, value) {
        (Scalar::Text, Value::String(text)) => Some(Cell::Text(text.as_str().into())),
        (Scalar::Text, Value::Number(_) | Value::Bool(_)) => Some(Cell::Text(value.to_string().into())),
        (Scalar::Int, _) => integer(value).and_then(|whole| i32::try_from(whole).ok()).map(Cell::Int),
        (Scalar::BigInt, _) => integer(value).map(Cell::BigInt),
        (Scalar::Float, Value::Number(number)) => number.as_f64().map(Cell::Float),
        (Scalar::Float, Value::String(text)) => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Cell::Float)
        }
        (Scalar::Boolean, Value::Bool(flag)) => Some(Cell::Boolean(*flag)),
        (Scalar::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Some(Cell::Boolean(true)),
        (Scalar::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Some(Cell::Boolean(false)),
        (Scalar::Timestamp, _) => {
            let formats = match kind {
                Kind::Timestamp { formats, .. } => formats.as_slice(),
                _ => &[TimeFormat::Rfc3339],
            };
            let time = timestamp::read_value(formats, value).or_else(|| timestamp::guess_value(value));
            time.map(|time| Cell::Timestamp(time.as_micros()))
        }
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            // 5.0 is 5; beyond 2^53 a fraction cannot be told from a whole number.
            let number = number.as_f64()?;
            (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The values of a column.
enum Builder {
    Text(StringBuilder, ColumnType),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    List(Box<ListOf>),
    /// A column of a type that the lake does not make: always null.
    Foreign,
}

struct ListOf {
    scalar: Scalar,
    values: Builder,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl Builder {
    fn new(column: &FieldRef) -> Self {
        match ColumnType::of_arrow(column) {
            Some(ColumnType::One(scalar)) => Self::of_scalar(scalar),
            Some(ColumnType::List(scalar)) => Self::List(Box::new(ListOf {
                scalar,
                values: Self::of_scalar(scalar),
                lengths: Vec::new(),
                valid: Vec::new(),
            })),
            Some(json @ ColumnType::Json(_)) => Self::Text(StringBuilder::new(), json),
            None => Self::Foreign,
        }
    }

    fn of_scalar(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text => Self::Text(StringBuilder::new(), ColumnType::One(Scalar::Text)),
            Scalar::Int => Self::Int(Int32Builder::new()),
            Scalar::BigInt => Self::BigInt(Int64Builder::new()),
            Scalar::Float => Self::Float(Float64Builder::new()),
            Scalar::Boolean => Self::Boolean(BooleanBuilder::new()),
            Scalar::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn column(&self) -> Option<ColumnType> {
        match self {
            Self::Text(_, column) => Some(*column),
            Self::Int(_) => Some(ColumnType::One(Scalar::Int)),
            Self::BigInt(_) => Some(ColumnType::One(Scalar::BigInt)),
            Self::Float(_) => Some(ColumnType::One(Scalar::Float)),
            Self::Boolean(_) => Some(ColumnType::One(Scalar::Boolean)),
            Self::Timestamp(_) => Some(ColumnType::One(Scalar::Timestamp)),
            Self::List(list) => Some(ColumnType::List(list.scalar)),
            Self::Foreign => None,
        }
    }

    /// Adds a value. A cell of another type becomes null; [`cell_of`] makes none.
    fn append(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Text(builder, _), Cell::Text(text)) => builder.append_value(text),
            (Self::Int(builder), Cell::Int(value)) => builder.append_value(value),
            (Self::BigInt(builder), Cell::BigInt(value)) => builder.append_value(value),
            (Self::Float(builder), Cell::Float(value)) => builder.append_value(value),
            (Self::Boolean(builder), Cell::Boolean(value)) => builder.append_value(value),
            (Self::Timestamp(builder), Cell::Timestamp(value)) => builder.append_value(value),
            (Self::List(list), Cell::List(cells)) => {
                list.lengths.push(cells.len());
                list.valid.push(true);
                for cell in cells {
                    list.values.append(cell);
                }
            }
            (builder, _) => builder.append_null(),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(builder, _) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::BigInt(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::List(list) => {
                list.lengths.push(0);
                list.valid.push(false);
            }
            Self::Foreign => {}
        }
    }

    /// Adds a list of texts, or null if there are none.
    fn append_texts(&mut self, texts: &[String]) {
        if texts.is_empty() {
            self.append_null();
        } else {
            self.append(Cell::List(texts.iter().map(|text| Cell::Text(text.as_str().into())).collect()));
        }
    }

    fn finish(&mut self, column: &FieldRef, rows: usize) -> Result<ArrayRef, ArrowError> {
        let array: ArrayRef = match self {
            Self::Text(builder, _) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::List(list) => {
                let DataType::List(element) = column.data_type() else {
                    return Err(ArrowError::SchemaError(format!("{} is not a list", column.name())));
                };
                let total: usize = list.lengths.iter().sum();
                let values = list.values.finish(element, total)?;
                let offsets = OffsetBuffer::from_lengths(std::mem::take(&mut list.lengths));
                let nulls = NullBuffer::from(std::mem::take(&mut list.valid));
                Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, Some(nulls))?)
            }
            Self::Foreign => new_null_array(column.data_type(), rows),
        };
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::{
        array::{Array as _, AsArray as _},
        datatypes::{Field as ArrowField, Int32Type, Schema as ArrowSchema, TimestampMicrosecondType},
    };
    use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
    use margay_domain::testing::SeededEntropy;
    use serde_json::json;

    use super::*;
    use crate::columns;

    const SPEC: &str = "
fields:
  - { name: when, type: timestamp, timeFormats: [rfc3339, unix], isEventTime: true }
  - { name: later, type: timestamp, timeFormats: [rfc3339], isEventTime: true }
  - { name: userName, type: string, indicators: [username] }
  - { name: port, type: int }
  - { name: ok, type: boolean }
  - { name: tags, type: array, element: { type: string } }
  - { name: detail, type: object, isEmbeddedJSON: true, fields: [{ name: ip, type: string, indicators: [ip] }] }
  - { name: list, type: array, element: { type: object } }
";

    fn table(schema: &Schema) -> SchemaRef {
        let fields = columns::of_schema(schema);
        let fields =
            fields.iter().map(|(name, column)| -> ArrowField { (&column.delta_field(name)).try_into_arrow().unwrap() });
        Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
    }

    fn rows(events: Vec<Value>) -> (RecordBatch, Vec<RowRef>, u64) {
        let schema = Schema::parse("Custom.Test", SPEC).unwrap();
        let now = Timestamp::parse("2026-01-02T03:04:05.678901Z").unwrap();
        let plan = Arc::new(Plan::new(&schema, 3, table(&schema), now));
        let mut ids = RowIds::new(now, Arc::new(SeededEntropy::new(1)));
        let mut rows = Rows::new(plan);
        let (mut refs, mut misfits) = (Vec::new(), 0);
        for event in events {
            let Value::Object(event) = event else { panic!("not an object") };
            let pushed = rows.push(Event { members: event, ..Event::default() }, &mut ids, false).unwrap();
            refs.push(pushed.row);
            misfits += pushed.misfits;
        }
        (rows.finish().unwrap(), refs, misfits)
    }

    fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
        let array = batch.column_by_name(column).unwrap().as_string::<i32>();
        array.is_valid(row).then(|| array.value(row).to_owned())
    }

    fn unmapped(batch: &RecordBatch, row: usize) -> Value {
        text(batch, UNMAPPED, row).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_plain_event_fills_its_columns() {
        let (batch, refs, misfits) = rows(vec![json!({
            "when": "2026-01-01T00:00:00.1239Z", "userName": "ann", "port": "443", "ok": "True",
            "tags": ["a", null], "detail": "{\"ip\":\"10.0.0.1\",\"x\":1}", "list": [{"k": 1}],
        })]);
        assert_eq!(misfits, 0);
        assert_eq!(unmapped(&batch, 0), Value::Null);
        assert_eq!(text(&batch, "username", 0).as_deref(), Some("ann"));
        assert_eq!(text(&batch, "detail", 0).as_deref(), Some(r#"{"ip":"10.0.0.1","x":1}"#));
        assert_eq!(text(&batch, "list", 0).as_deref(), Some(r#"[{"k":1}]"#));
        assert_eq!(batch.column_by_name("port").unwrap().as_primitive::<Int32Type>().value(0), 443);
        let tags = batch.column_by_name("tags").unwrap().as_list::<i32>().value(0);
        assert_eq!((tags.len(), tags.null_count()), (2, 1));
        let addresses = batch.column_by_name("p_any_ip_addresses").unwrap().as_list::<i32>().value(0);
        assert_eq!(addresses.as_string::<i32>().value(0), "10.0.0.1");
        assert!(batch.column_by_name("p_any_emails").unwrap().is_null(0));
        assert_eq!(text(&batch, LOG_TYPE, 0).as_deref(), Some("Custom.Test"));
        // The time of the event is kept in milliseconds, its own column in full.
        assert_eq!(refs[0].event_time.to_rfc3339(), "2026-01-01T00:00:00.123Z");
        let when = batch.column_by_name("when").unwrap().as_primitive::<TimestampMicrosecondType>().value(0);
        assert_eq!(when % 1_000_000, 123_900);
        let parsed = batch.column_by_name(PARSE_TIME).unwrap().as_primitive::<TimestampMicrosecondType>().value(0);
        assert_eq!(parsed % 1_000_000, 678_000);
    }

    #[test]
    fn nothing_is_lost() {
        let (batch, _, misfits) = rows(vec![json!({
            "port": 99_999_999_999_i64, "ok": "maybe", "tags": "a", "detail": [1], "list": {"k": 1}, "when": "soon",
            "other": {"deep": [1]}, "USERNAME": "b", "userName": "a", "p_row_id": "r", "p_any_ip_addresses": [],
            "p_log_type": "Else", "nothing": null,
        })]);
        assert_eq!(misfits, 6);
        assert_eq!(text(&batch, "username", 0).as_deref(), Some("a"));
        assert_eq!(
            unmapped(&batch, 0),
            json!({
                "port": 99_999_999_999_i64, "ok": "maybe", "tags": "a", "detail": [1], "list": {"k": 1}, "when": "soon",
                "other": {"deep": [1]}, "USERNAME": "b", "p_row_id": "r", "p_log_type": "Else", "nothing": null,
            })
        );
    }

    #[test]
    fn the_event_time_has_an_order() {
        let (batch, refs, _) = rows(vec![
            json!({"later": "2026-01-01T02:00:00Z", "when": 1_767_225_600}),
            json!({"later": "2026-01-01T02:00:00Z", "p_event_time": "2026-01-01 03:00:00.000000000"}),
            json!({"p_event_time": "2026-01-01 03:00:00.000000000"}),
            json!({"p_event_time": "redacted"}),
        ]);
        let times: Vec<_> = refs.iter().map(|row| row.event_time.to_rfc3339()).collect();
        assert_eq!(
            times,
            [
                "2026-01-01T00:00:00.000Z",
                "2026-01-01T02:00:00.000Z",
                "2026-01-01T03:00:00.000Z",
                "2026-01-02T03:04:05.678Z",
            ]
        );
        assert_eq!(unmapped(&batch, 1), json!({"p_event_time": "2026-01-01 03:00:00.000000000"}));
        assert_eq!(unmapped(&batch, 2), Value::Null);
        assert_eq!(unmapped(&batch, 3), json!({"p_event_time": "redacted"}));
        let sources: Vec<_> = (0..4).filter_map(|row| text(&batch, EVENT_TIME_SOURCE, row)).collect();
        assert_eq!(sources, ["when", "later", "p_event_time", "p_parse_time"]);
    }

    #[test]
    fn a_time_in_another_format_is_a_time() {
        let (batch, refs, misfits) = rows(vec![
            json!({"later": "2026-01-01 02:00:00000000"}),
            json!({"later": 1_767_225_600_000_i64}),
            json!({"when": "-", "later": "Thu, 01 Jan 2026 00:00:00 GMT"}),
        ]);
        let times: Vec<_> = refs.iter().map(|row| row.event_time.to_rfc3339()).collect();
        assert_eq!(times, ["2026-01-01T02:00:00.000Z", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"]);
        assert_eq!(misfits, 0);
        assert!(batch.column_by_name("later").unwrap().null_count() == 0 && unmapped(&batch, 2).is_null());
    }

    #[test]
    fn an_event_without_a_time_is_told_and_may_be_refused() {
        let schema = Schema::parse("Custom.Test", SPEC).unwrap();
        let now = Timestamp::parse("2026-01-02T03:04:05.678901Z").unwrap();
        let plan = Arc::new(Plan::new(&schema, 3, table(&schema), now));
        let mut ids = RowIds::new(now, Arc::new(SeededEntropy::new(1)));
        let mut rows = Rows::new(plan);
        let event = |value: Value| Event { members: value.as_object().unwrap().clone(), ..Event::default() };
        for (value, found) in [
            (json!({"userName": "a"}), None),
            (json!({"when": "-", "userName": "a"}), None),
            (json!({"when": "redacted", "userName": "a"}), Some("when is \"redacted\"".to_owned())),
        ] {
            let pushed = rows.push(event(value.clone()), &mut ids, false).unwrap();
            assert_eq!(pushed.without_time, Some(NoTime(found.clone())), "{value}");
            assert_eq!(rows.push(event(value), &mut ids, true), Err(NoTime(found)));
        }
        let pushed = rows.push(event(json!({"when": 1_767_225_600})), &mut ids, true).unwrap();
        assert_eq!((pushed.without_time, rows.len()), (None, 4));
        // Nothing of an event that was refused is left for the next one.
        assert_eq!(text(&rows.finish().unwrap(), "username", 3), None);
    }

    #[test]
    fn a_dash_is_no_value_where_no_text_can_be() {
        let (batch, _, misfits) = rows(vec![json!({
            "when": "-", "port": "-", "ok": "", "userName": "-", "detail": "-", "tags": ["-"],
        })]);
        assert_eq!(misfits, 1, "only the object");
        assert_eq!(unmapped(&batch, 0), json!({"detail": "-"}));
        assert_eq!(text(&batch, "username", 0).as_deref(), Some("-"));
        assert!(batch.column_by_name("port").unwrap().is_null(0) && batch.column_by_name("when").unwrap().is_null(0));
    }

    #[test]
    fn what_a_later_key_overwrote_is_kept() {
        let schema = Schema::parse("Custom.Test", SPEC).unwrap();
        let now = Timestamp::from_seconds(1_800_000_000);
        let mut rows = Rows::new(Arc::new(Plan::new(&schema, 3, table(&schema), now)));
        let overwritten = ["userName", "userName", "x.y"].map(|path| (path.to_owned(), json!(path.len()))).to_vec();
        let event = Event { overwritten, ..Event::default() };
        rows.push(event, &mut RowIds::new(now, Arc::new(SeededEntropy::new(1))), false).unwrap();
        assert_eq!(unmapped(&rows.finish().unwrap(), 0), json!({"userName": 8, "userName#2": 8, "x.y": 3}));
    }

    #[test]
    fn row_ids_are_unique_and_sort_by_time() {
        let now = Timestamp::from_seconds(1_000_000);
        let mut ids = RowIds::new(now, Arc::new(SeededEntropy::new(1)));
        let (first, second) = (ids.next(), ids.next());
        assert_eq!(first.len(), 32);
        assert!(first < second && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        ids.next = u32::MAX;
        let (last, fresh) = (ids.next(), ids.next());
        assert!(last.ends_with("ffffffff") && fresh.ends_with("00000000") && last[..24] != fresh[..24]);
        let mut later = RowIds::new(Timestamp::from_seconds(1_000_001), Arc::new(SeededEntropy::new(2)));
        assert!(fresh < later.next());
    }
}

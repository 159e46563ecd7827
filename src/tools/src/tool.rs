//! What a tool is.

mod names;
mod noise;
pub(crate) mod read;
mod schema;
mod text;

#[cfg(test)]
pub(crate) use text::lean;

use std::sync::Arc;

use async_trait::async_trait;
use margay_domain::{
    clock::Clock,
    entropy::Entropy,
    lake::LakeError,
    ports::{
        Alerts, DataLake, DataModels, Detections, Enrichments, GlobalHelpers, LogSchemas, LogSources, Roles,
        StoreError, Users,
    },
    principal::Principal,
    rules::{Permission, PermissionSet},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::cut;

/// A JSON object.
pub type JsonObject = serde_json::Map<String, Value>;

/// The four annotations of a tool (MCP, server/tools; row T9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// It changes nothing.
    pub read_only: bool,
    /// What it changes cannot simply be changed back.
    pub destructive: bool,
    /// Calling it twice does the same as once.
    pub idempotent: bool,
    /// It reaches beyond this server.
    pub open_world: bool,
}

impl Hints {
    /// For a tool that only reads from this server.
    pub const READ: Self = Self { read_only: true, destructive: false, idempotent: true, open_world: false };
    /// For a tool that sets something to a value, over what was there.
    pub const SET: Self = Self { read_only: false, destructive: true, idempotent: true, open_world: false };
    /// For a tool that adds something each time it is called, and takes nothing away.
    pub const ADD: Self = Self { read_only: false, destructive: false, idempotent: false, open_world: false };
}

/// Which permissions a tool needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// None: it tells only about the caller.
    Nothing,
    /// All of these.
    All(&'static [Permission]),
    /// At least one of these; the tool itself limits what it shows to what is in effect.
    Any(&'static [Permission]),
}

impl Requirement {
    /// The one predicate for listing and for calling (promise 1).
    pub fn met_by(self, effective: PermissionSet) -> bool {
        match self {
            Self::Nothing => true,
            Self::All(needed) => needed.iter().all(|p| effective.contains(*p)),
            Self::Any(needed) => needed.iter().any(|p| effective.contains(*p)),
        }
    }

    /// The permissions that are named.
    pub const fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Nothing => &[],
            Self::All(needed) | Self::Any(needed) => needed,
        }
    }
}

/// Where the text in an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// From this server and from those who configure it.
    Own,
    /// From log events, or from what people and other systems wrote: anybody may have chosen it. The text form then says
    /// so, and no character in it can hide or look like something else.
    Untrusted,
}

/// What tools read from and write to.
#[derive(Clone)]
pub struct Ports {
    /// Alerts.
    pub alerts: Arc<dyn Alerts>,
    /// Detections.
    pub detections: Arc<dyn Detections>,
    /// Code that detections share.
    pub global_helpers: Arc<dyn GlobalHelpers>,
    /// Field names that detections use.
    pub data_models: Arc<dyn DataModels>,
    /// Enrichment tables.
    pub enrichments: Arc<dyn Enrichments>,
    /// Log schemas.
    pub log_schemas: Arc<dyn LogSchemas>,
    /// Log sources.
    pub log_sources: Arc<dyn LogSources>,
    /// People.
    pub users: Arc<dyn Users>,
    /// Roles.
    pub roles: Arc<dyn Roles>,
    /// The lake.
    pub lake: Arc<dyn DataLake>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator, for ids of what tools add.
    pub entropy: Arc<dyn Entropy>,
    /// One answer has at most so many bytes as text. More would fill a model's context with one call.
    pub max_result_bytes: usize,
    /// Signs cursors, so that they are bound to person and filter (row C4). 32 random bytes, the same on all nodes.
    pub cursor_key: [u8; 32],
}

impl Ports {
    /// For how many bytes of rows there is room in an answer; the rest is for what is said about them.
    pub const fn row_bytes(&self) -> usize {
        self.max_result_bytes - self.max_result_bytes / 8
    }
}

/// One call.
#[derive(Clone)]
pub struct ToolContext {
    /// Who calls, read for this request.
    pub principal: Principal,
    /// What tools read from.
    pub ports: Ports,
}

/// What a tool found.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// For `structuredContent`; conforms to the output schema (row T6).
    pub structured: JsonObject,
    /// A compact text for `content`.
    pub text: String,
    /// How many rows or objects, for the audit event.
    pub rows: Option<u64>,
    /// Where the text in it comes from.
    pub provenance: Provenance,
    /// A part of what was asked could not be done; the answer says which.
    pub partial: bool,
}

/// Why a tool did not do what was asked: becomes `isError: true` with a sentence that a model can act on (row T7).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// A stable word in snake case, for example `not_found`.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
}

impl ToolError {
    /// An argument is not as it should be.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self { code: "invalid_argument", message: message.into() }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { code: "not_found", message: message.into() }
    }
}

impl From<StoreError> for ToolError {
    /// No text from below reaches a client; it goes to the log.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "store failed under a tool");
        Self {
            code: "unavailable",
            message: "The server could not use its database. Try again in a moment.".to_owned(),
        }
    }
}

impl From<LakeError> for ToolError {
    fn from(error: LakeError) -> Self {
        let code = match &error {
            LakeError::BadSql { .. } | LakeError::NotReadOnly(_) => "invalid_sql",
            LakeError::NoTimeFilter => "missing_time_filter",
            LakeError::UnknownDatabase(_) | LakeError::UnknownTable(_) | LakeError::UnknownLogType(_) => "not_found",
            LakeError::TimedOut(_) => "timed_out",
            LakeError::OutOfMemory => "too_large",
            LakeError::Crashed => "query_failed",
            LakeError::Busy => "busy",
            LakeError::BadSchema { .. } => "invalid_schema",
            LakeError::Unavailable(cause) => {
                tracing::error!(%cause, "lake failed under a tool");
                return Self {
                    code: "unavailable",
                    message: "The data lake is not available now. Try again in a moment.".to_owned(),
                };
            }
        };
        let message = match &error {
            LakeError::BadSql { message, position: Some((line, column)) } => {
                format!("SQL error at line {line}, column {column}: {message}")
            }
            other => other.to_string(),
        };
        Self { code, message }
    }
}

/// A tool as its author writes it.
#[async_trait]
pub trait TypedTool: Send + Sync + 'static {
    /// The name; at most 40 characters (row T4).
    const NAME: &'static str;
    /// The name for people.
    const TITLE: &'static str;
    /// What it does, its limits and what to call next, for a model.
    const DESCRIPTION: &'static str;
    /// What it needs.
    const REQUIRES: Requirement;
    /// Its annotations.
    const HINTS: Hints = Hints::READ;
    /// Where the text in its answers comes from.
    const PROVENANCE: Provenance = Provenance::Own;
    /// The arguments, each with a comment for the model. `Option<T>` is what may be left out. They are read by their
    /// schema before: `extend("enum" = […])` for a closed set, `range` and `length` for bounds.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// The answer; an object.
    type Output: Serialize + JsonSchema;

    /// Does it. The caller's permissions have been checked; `Requirement::Any` tools narrow further themselves.
    async fn run(context: &ToolContext, input: Self::Input) -> Result<Self::Output, ToolError>;

    /// How many rows or objects the answer has, for the audit event.
    fn rows(_output: &Self::Output) -> Option<u64> {
        None
    }

    /// Whether a part of what was asked could not be done, for the audit event.
    fn is_partial(_output: &Self::Output) -> bool {
        false
    }
}

/// A tool as the registry holds it.
#[async_trait]
pub trait Tool: Send + Sync {
    /// The name.
    fn name(&self) -> &'static str;
    /// The name for people.
    fn title(&self) -> &'static str;
    /// The description.
    fn description(&self) -> &'static str;
    /// The annotations.
    fn hints(&self) -> Hints;
    /// The permissions.
    fn requires(&self) -> Requirement;
    /// JSON Schema of the arguments, as clients see it; an object.
    fn input_schema(&self) -> JsonObject;
    /// JSON Schema of the answer, as clients see it; an object.
    fn output_schema(&self) -> JsonObject;
    /// Reads the arguments and runs.
    async fn call(&self, context: &ToolContext, arguments: JsonObject) -> Result<ToolOutput, ToolError>;
}

#[async_trait]
impl<T: TypedTool> Tool for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn title(&self) -> &'static str {
        T::TITLE
    }

    fn description(&self) -> &'static str {
        T::DESCRIPTION
    }

    fn hints(&self) -> Hints {
        T::HINTS
    }

    fn requires(&self) -> Requirement {
        T::REQUIRES
    }

    fn input_schema(&self) -> JsonObject {
        schema::published_input(&schema::input::<T::Input>())
    }

    fn output_schema(&self) -> JsonObject {
        schema::published_output(&schema::output::<T::Output>())
    }

    async fn call(&self, context: &ToolContext, arguments: JsonObject) -> Result<ToolOutput, ToolError> {
        let reading = read::read(T::NAME, &schema::input::<T::Input>(), arguments)?;
        let input = serde_json::from_value::<T::Input>(Value::Object(reading.arguments)).map_err(|error| {
            tracing::error!(%error, tool = T::NAME, "arguments fit the schema and not the type");
            ToolError::invalid_argument("The arguments do not fit the input schema of this tool.")
        })?;
        let output = T::run(context, input).await?;
        let (rows, partial) = (T::rows(&output), T::is_partial(&output));
        let Ok(Value::Object(mut structured)) = serde_json::to_value(&output) else {
            return Err(ToolError { code: "internal", message: "The answer could not be written.".to_owned() });
        };
        // The schema has one type for each value, and null is none.
        structured.retain(|_, value| !value.is_null());
        if !reading.notes.is_empty() {
            structured.insert("notes".to_owned(), Value::from(reading.notes));
        }
        cut::answer(&mut structured, context.ports.max_result_bytes);
        let text = text::of(&structured, T::PROVENANCE);
        Ok(ToolOutput { structured, text, rows, provenance: T::PROVENANCE, partial })
    }
}

/// Takes out of the arguments of a call what clients add to every call by themselves, so that it is neither read nor
/// recorded. Without a tool by that name nothing of it is an argument.
pub fn strip_noise(tool: Option<&dyn Tool>, arguments: &mut JsonObject) {
    let schema = tool.map(Tool::input_schema).unwrap_or_default();
    noise::strip(&schema, arguments);
}

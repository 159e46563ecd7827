//! Resources: descriptions that a person or a client adds to the context before any tool is called. Log schemas as
//! YAML, and the columns of tables as JSON.
//!
//! A kind of resource needs what the tool with the same content needs, so that neither way leads around the other
//! (promise 1).
//!
//! How to add a kind: a variant of [`ResourceKind`], and its arms in [`list`] and [`read`].

mod uri;

use std::collections::BTreeMap;

use margay_domain::{
    lake::{LOGS_DATABASE, VIEWS_DATABASE},
    rules::Permission,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    arguments, cursor,
    page::{self, After},
    tool::{Requirement, ToolContext, ToolError},
};
use uri::Address;

/// So many resources are on one page.
const PAGE: usize = 100;

/// What resources there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// Log schemas.
    LogSchema,
    /// Tables of the lake.
    Table,
}

impl ResourceKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::LogSchema, Self::Table];

    /// What it takes to list and to read them: the same as `get_log_type_schema_details` and `get_table_schema`.
    pub const fn requires(self) -> Requirement {
        match self {
            Self::LogSchema => Requirement::All(&[Permission::LogSourceRead]),
            Self::Table => Requirement::All(&[Permission::DataAnalyticsRead]),
        }
    }

    /// The template of their URIs (RFC 6570).
    pub const fn template(self) -> &'static str {
        match self {
            Self::LogSchema => "margay://log-schemas/{name}",
            Self::Table => "margay://tables/{database}/{table}",
        }
    }

    /// Their name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::LogSchema => "Log schema",
            Self::Table => "Table of the data lake",
        }
    }

    /// What they hold.
    pub const fn description(self) -> &'static str {
        match self {
            Self::LogSchema => "The fields of a log type, their types and which of them are indicators, in YAML.",
            Self::Table => "The columns of a table with their SQL types, in JSON.",
        }
    }

    /// Their media type.
    pub const fn mime_type(self) -> &'static str {
        match self {
            // RFC 9512.
            Self::LogSchema => "application/yaml",
            Self::Table => "application/json",
        }
    }
}

/// A resource as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceInfo {
    /// Its URI.
    pub uri: String,
    /// What it is.
    pub kind: ResourceKind,
    /// The log type or the table.
    pub name: String,
    /// What is in it.
    pub description: String,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePage {
    /// The resources, by URI.
    pub resources: Vec<ResourceInfo>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// What a resource holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceText {
    /// What it is.
    pub kind: ResourceKind,
    /// Its text.
    pub text: String,
}

/// What a list depends on besides the person; a cursor is bound to it.
#[derive(Serialize, Deserialize)]
struct Filter {
    schemas: bool,
    tables: bool,
}

/// The kind of the resource that a URI names, whether it exists or not; `None` for a URI of none.
pub fn kind_of(uri: &str) -> Option<ResourceKind> {
    Address::parse(uri).map(|address| address.kind())
}

/// The resources that the caller may read, 100 per page.
pub async fn list(context: &ToolContext, cursor: Option<&str>) -> Result<ResourcePage, ToolError> {
    const NAME: &str = "resources/list";
    let effective = context.principal.effective();
    let may = |kind: ResourceKind| kind.requires().met_by(effective);
    let filter = Filter { schemas: may(ResourceKind::LogSchema), tables: may(ResourceKind::Table) };
    let after = cursor.map(|cursor| cursor::open::<After>(context, NAME, &filter, cursor)).transpose()?;
    let mut all = Vec::new();
    if filter.schemas {
        let schemas = context.ports.log_schemas.list().await?;
        let access = &context.principal.role.log_types;
        let schemas = schemas.into_iter().filter(|schema| !schema.is_archived && access.allows(&schema.name));
        all.extend(schemas.map(|schema| ResourceInfo {
            uri: Address::LogSchema { name: schema.name.clone() }.to_string(),
            kind: ResourceKind::LogSchema,
            name: schema.name,
            description: schema.description,
        }));
    }
    if filter.tables {
        let access = &context.principal.role.log_types;
        for database in context.ports.lake.databases().await? {
            if ![LOGS_DATABASE, VIEWS_DATABASE].contains(&database.name.as_str()) {
                continue;
            }
            let tables = context.ports.lake.tables(&database.name, access).await?;
            all.extend(tables.into_iter().map(|table| ResourceInfo {
                uri: Address::Table { database: database.name.clone(), table: table.name.clone() }.to_string(),
                kind: ResourceKind::Table,
                name: format!("{}.{}", database.name, table.name),
                description: table.description,
            }));
        }
    }
    let (resources, more) = page::cut(all, |resource| &resource.uri, after.as_ref(), PAGE);
    let next_cursor = resources
        .last()
        .filter(|_| more)
        .map(|last| cursor::seal(context, NAME, &filter, &After { after: last.uri.clone() }))
        .transpose()?;
    Ok(ResourcePage { resources, next_cursor })
}

/// Reads one resource. The caller's permission for its kind has been checked.
pub async fn read(context: &ToolContext, uri: &str) -> Result<ResourceText, ToolError> {
    let unknown = || {
        ToolError::not_found(format!("There is no resource {}. resources/list shows them all.", arguments::shown(uri)))
    };
    let address = Address::parse(uri).ok_or_else(unknown)?;
    let kind = address.kind();
    let text = match address {
        Address::LogSchema { name } => {
            let access = &context.principal.role.log_types;
            let schema = context.ports.log_schemas.get(&name).await?.filter(|_| access.allows(&name));
            schema.ok_or_else(unknown)?.spec
        }
        Address::Table { database, table } => {
            let access = &context.principal.role.log_types;
            let schema = context.ports.lake.table_schema(&database, &table, access).await?;
            let columns: Vec<BTreeMap<&str, &str>> = schema
                .columns
                .iter()
                .map(|column| {
                    let all = [("name", &column.name), ("type", &column.kind), ("description", &column.description)];
                    all.into_iter()
                        .filter(|(_, text)| !text.is_empty())
                        .map(|(key, text)| (key, text.as_str()))
                        .collect()
                })
                .collect();
            json!({
                "database": database,
                "name": schema.table.name,
                "description": schema.table.description,
                "logType": schema.table.log_type,
                "columns": columns,
            })
            .to_string()
        }
    };
    Ok(ResourceText { kind, text })
}

#[cfg(test)]
mod tests {
    use margay_domain::{role::LogTypeAccess, rules::PermissionSet};
    use serde_json::Value;

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        World {
            schemas: vec![fakes::log_schema("Okta.SystemLog", "fields: []"), fakes::log_schema("Odd/Name é", "x: 1")],
            tables: vec![fakes::table("Okta.SystemLog"), fakes::table("AWS.CloudTrail")],
            ..World::new()
        }
    }

    async fn uris(world: World) -> Vec<String> {
        list(&world.context(), None).await.unwrap().resources.into_iter().map(|resource| resource.uri).collect()
    }

    #[tokio::test]
    async fn each_kind_needs_what_its_tool_needs() {
        assert_eq!(
            uris(world()).await,
            [
                "margay://log-schemas/Odd%2FName%20%C3%A9",
                "margay://log-schemas/Okta.SystemLog",
                "margay://tables/panther_logs.public/aws_cloudtrail",
                "margay://tables/panther_logs.public/okta_systemlog",
            ]
        );
        let only = |permission| [permission].into_iter().collect::<PermissionSet>();
        let schemas = uris(World { granted: only(Permission::LogSourceRead), ..world() }).await;
        assert!(schemas.len() == 2 && schemas.iter().all(|uri| uri.starts_with("margay://log-schemas/")));
        let tables = uris(World { granted: only(Permission::DataAnalyticsRead), ..world() }).await;
        assert!(tables.len() == 2 && tables.iter().all(|uri| uri.starts_with("margay://tables/")));
        assert!(uris(World { granted: PermissionSet::EMPTY, ..world() }).await.is_empty());
        let denied =
            World { log_types: LogTypeAccess::DenyAll, granted: only(Permission::DataAnalyticsRead), ..world() };
        assert!(uris(denied).await.is_empty());
        let denied = World { log_types: LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]), ..world() };
        assert_eq!(
            uris(denied).await,
            ["margay://log-schemas/Odd%2FName%20%C3%A9", "margay://tables/panther_logs.public/aws_cloudtrail"]
        );
    }

    #[tokio::test]
    async fn what_is_listed_can_be_read() {
        let context = world().context();
        for resource in list(&context, None).await.unwrap().resources {
            assert_eq!(kind_of(&resource.uri), Some(resource.kind));
            let read = read(&context, &resource.uri).await.unwrap();
            assert_eq!(read.kind, resource.kind);
            match read.kind {
                ResourceKind::LogSchema => assert!(!read.text.is_empty()),
                ResourceKind::Table => {
                    let table: Value = serde_json::from_str(&read.text).unwrap();
                    assert_eq!(table["columns"][0], json!({ "name": "p_event_time", "type": "timestamp" }));
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_found() {
        let context = World { log_types: LogTypeAccess::DenyAll, ..world() }.context();
        for uri in [
            "margay://log-schemas/Nope",
            "margay://log-schemas/Okta.SystemLog",
            "margay://tables/panther_logs.public/okta_systemlog",
            "margay://tables/nope/okta_systemlog",
            "margay://tables/panther_logs.public",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(read(&context, uri).await.unwrap_err().code, "not_found", "{uri}");
        }
    }

    #[tokio::test]
    async fn long_lists_come_in_pages() {
        let schemas = (0..PAGE + 5).map(|number| fakes::log_schema(&format!("Custom.N{number:03}"), "x: 1")).collect();
        let context = World { schemas, tables: Vec::new(), ..World::new() }.context();
        let first = list(&context, None).await.unwrap();
        assert_eq!(first.resources.len(), PAGE);
        let second = list(&context, first.next_cursor.as_deref()).await.unwrap();
        assert_eq!(second.resources.len(), 5);
        assert_eq!(second.next_cursor, None);
        let mut world = World::new();
        world.caller.id = margay_domain::id::UserId::new("usr_other");
        let foreign = list(&world.context(), first.next_cursor.as_deref()).await;
        assert_eq!(foreign.unwrap_err().code, "invalid_argument");
    }
}

//! All tools, and who sees which.

use std::{collections::BTreeMap, sync::Arc};

use margay_domain::rules::PermissionSet;

use crate::{
    alerts::{
        AddAlertComment, BulkUpdateAlerts, GetAlert, GetAlertEvents, ListAlertComments, ListAlerts,
        UpdateAlertAssignee, UpdateAlertQuality, UpdateAlertStatus, UpdateAlertTags,
    },
    data_lake::{
        GetAlertEventStats, GetTableSchema, ListDatabaseTables, ListDatabases, QueryDataLake, SearchIndicators,
    },
    detections::{
        DisableDetection, EnableDetection, GetDataModel, GetDetection, GetGlobalHelper, ListDataModels, ListDetections,
        ListGlobalHelpers,
    },
    enrichments::{GetEnrichment, ListEnrichments, LookupEnrichment},
    identity::{GetPermissions, GetRole, GetUser, ListRoles, ListUsers},
    metrics::{GetBytesProcessedMetrics, GetRuleAlertMetrics, GetSeverityAlertMetrics},
    schemas::{GetLogTypeSchemaDetails, ListLogTypeSchemas},
    sources::{GetHttpLogSource, ListLogSources},
    tool::Tool,
};

/// Every tool, by name. The order is the order of `tools/list` (row T3).
#[derive(Clone)]
pub struct Registry(Arc<BTreeMap<&'static str, Arc<dyn Tool>>>);

impl Registry {
    /// The product's tools.
    pub fn product() -> Self {
        Self::of(all())
    }

    /// These tools.
    pub fn of(tools: Vec<Arc<dyn Tool>>) -> Self {
        Self(Arc::new(tools.into_iter().map(|tool| (tool.name(), tool)).collect()))
    }

    /// A tool by name, whoever asks.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        self.0.get(name).cloned()
    }

    /// The tools that somebody with these effective permissions may call, by name.
    pub fn visible(&self, effective: PermissionSet) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.0.values().filter(move |tool| tool.requires().met_by(effective))
    }

    /// All tools, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.0.values()
    }
}

/// The list to which a new tool is added.
fn all() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(GetPermissions),
        Arc::new(ListAlerts),
        Arc::new(GetAlert),
        Arc::new(GetAlertEvents),
        Arc::new(ListAlertComments),
        Arc::new(UpdateAlertStatus),
        Arc::new(UpdateAlertAssignee),
        Arc::new(UpdateAlertQuality),
        Arc::new(UpdateAlertTags),
        Arc::new(AddAlertComment),
        Arc::new(BulkUpdateAlerts),
        Arc::new(ListDetections),
        Arc::new(GetDetection),
        Arc::new(EnableDetection),
        Arc::new(DisableDetection),
        Arc::new(ListGlobalHelpers),
        Arc::new(GetGlobalHelper),
        Arc::new(ListDataModels),
        Arc::new(GetDataModel),
        Arc::new(ListUsers),
        Arc::new(GetUser),
        Arc::new(ListRoles),
        Arc::new(GetRole),
        Arc::new(ListLogTypeSchemas),
        Arc::new(GetLogTypeSchemaDetails),
        Arc::new(ListDatabases),
        Arc::new(ListDatabaseTables),
        Arc::new(GetTableSchema),
        Arc::new(QueryDataLake),
        Arc::new(SearchIndicators),
        Arc::new(GetAlertEventStats),
        Arc::new(ListLogSources),
        Arc::new(GetHttpLogSource),
        Arc::new(GetRuleAlertMetrics),
        Arc::new(GetSeverityAlertMetrics),
        Arc::new(GetBytesProcessedMetrics),
        Arc::new(ListEnrichments),
        Arc::new(GetEnrichment),
        Arc::new(LookupEnrichment),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use margay_domain::rules::{Permission, Risk};
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::{Hints, Requirement};

    /// A tool as `tools/list` shows it.
    fn listed(tool: &Arc<dyn Tool>) -> Value {
        let Hints { read_only, destructive, idempotent, open_world } = tool.hints();
        json!({
            "name": tool.name(),
            "title": tool.title(),
            "description": tool.description(),
            "inputSchema": tool.input_schema(),
            "outputSchema": tool.output_schema(),
            "annotations": {
                "readOnlyHint": read_only,
                "destructiveHint": destructive,
                "idempotentHint": idempotent,
                "openWorldHint": open_world,
            },
        })
    }

    #[test]
    fn names_are_unique_and_short() {
        let names: BTreeSet<&str> = all().iter().map(|tool| tool.name()).collect();
        assert_eq!(names.len(), all().len());
        for name in names {
            // Row T4: clients put their own prefix before it.
            assert!(name.len() <= 40, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
    }

    #[test]
    fn every_grantable_permission_is_used_and_no_other() {
        let used: PermissionSet = all().iter().flat_map(|tool| tool.requires().permissions()).copied().collect();
        assert_eq!(used, PermissionSet::grantable());
        for permission in Permission::ALL {
            assert_eq!(used.contains(*permission), !permission.console_only(), "{permission}");
        }
    }

    #[test]
    fn a_tool_without_a_permission_tells_only_about_the_caller() {
        let free: Vec<&str> =
            all().iter().filter(|tool| tool.requires() == Requirement::Nothing).map(|tool| tool.name()).collect();
        assert_eq!(free, ["get_permissions"]);
        for tool in all() {
            assert!(tool.requires() == Requirement::Nothing || !tool.requires().permissions().is_empty());
        }
    }

    #[test]
    fn what_is_visible_follows_the_permissions() {
        let registry = Registry::product();
        let names = |permissions: &[Permission]| -> Vec<&'static str> {
            registry.visible(permissions.iter().copied().collect()).map(|tool| tool.name()).collect()
        };
        assert_eq!(names(&[]), ["get_permissions"]);
        assert_eq!(names(&[Permission::AuditRead, Permission::UserModify]), ["get_permissions"]);
        assert_eq!(names(&[Permission::PolicyRead]), ["get_detection", "get_permissions", "list_detections"]);
        assert_eq!(
            names(&[Permission::RuleRead]),
            [
                "get_data_model",
                "get_detection",
                "get_global_helper",
                "get_permissions",
                "list_data_models",
                "list_detections",
                "list_global_helpers",
            ]
        );
        assert_eq!(names(&[Permission::PolicyModify]), ["disable_detection", "enable_detection", "get_permissions"]);
        assert_eq!(registry.visible(PermissionSet::all()).count(), all().len());
    }

    /// Row T5. That unknown arguments are refused is not said: Gemini takes no schema that says it.
    #[test]
    fn arguments_and_answers_are_objects() {
        for tool in all() {
            for schema in [tool.input_schema(), tool.output_schema()] {
                assert_eq!(schema.get("type"), Some(&json!("object")), "{}", tool.name());
                assert!(schema.get("properties").is_some_and(Value::is_object), "{}", tool.name());
                assert!(!schema.contains_key("additionalProperties"), "{}", tool.name());
            }
        }
    }

    #[test]
    fn every_tool_has_a_title_and_a_description() {
        for tool in all() {
            assert!(!tool.title().is_empty());
            assert!((40..=1000).contains(&tool.description().len()), "{}", tool.name());
        }
    }

    /// Row T9: a client asks its person before it calls what is not marked as reading only.
    #[test]
    fn what_needs_a_permission_to_change_says_that_it_changes() {
        for tool in all() {
            let changes = tool.requires().permissions().iter().any(|permission| permission.risk() == Risk::Change);
            let Hints { read_only, destructive, idempotent, open_world } = tool.hints();
            assert_eq!(read_only, !changes, "{}", tool.name());
            assert!(!open_world, "{}", tool.name());
            assert!(!read_only || (!destructive && idempotent), "{}", tool.name());
        }
    }

    #[test]
    fn the_readme_names_every_tool() {
        let readme = include_str!("../../../README.md");
        assert!(readme.contains(&format!("\n{} tools,", all().len())));
        for tool in all() {
            assert!(readme.contains(&format!("`{}`", tool.name())), "{}", tool.name());
        }
    }

    /// What clients see of a tool changes on purpose only.
    #[test]
    fn every_tool_is_as_its_snapshot_says() {
        for tool in all() {
            insta::assert_json_snapshot!(tool.name(), listed(&tool));
        }
    }

    /// Every conversation of every client pays for this list.
    #[test]
    fn the_whole_list_is_under_40_kilobytes() {
        let list: Vec<Value> = Registry::product().iter().map(listed).collect();
        let size = serde_json::to_string(&list).unwrap().len();
        assert!(size < 40_000, "{size} bytes");
    }
}

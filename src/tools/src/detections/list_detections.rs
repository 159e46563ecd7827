//! `list_detections`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use margay_domain::{
    alert::Severity,
    detection::{Detection, DetectionKind},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detection_object::DetectionObject;
use crate::{
    arguments, cursor,
    page::{self, After},
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists detections by type.
pub(crate) struct ListDetections;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Default rules.
    #[schemars(extend("enum" = ["rules", "simple_rules", "scheduled_rules", "correlation_rules", "policies"]))]
    detection_types: Option<Vec<String>>,
    /// Part of the id or of the display name, in any case.
    contains: Option<String>,
    /// Default: both.
    #[schemars(extend("enum" = ["enabled", "disabled"]))]
    state: Option<String>,
    /// Any of these. Default: all.
    #[schemars(extend("enum" = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]))]
    severities: Option<Vec<String>>,
    /// Any of these tags, in any case.
    tags: Option<Vec<String>>,
    /// Any of these. Only for rules, simple_rules, correlation_rules.
    log_types: Option<Vec<String>>,
    /// Any of these. Only for policies.
    resource_types: Option<Vec<String>>,
    /// User id.
    created_by: Option<String>,
    /// User id.
    last_modified_by: Option<String>,
    /// Per type; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    /// next_cursor of the last answer; only with one type.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Under the name of each requested type: its detections.
    #[serde(flatten)]
    detections: BTreeMap<&'static str, Vec<DetectionObject>>,
    pages: Vec<KindPage>,
    /// Of all types and pages.
    total_all_detections: usize,
    has_next_page: bool,
    /// With one requested type only.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Of each type, without filters.
    available: BTreeMap<&'static str, Available>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct KindPage {
    detection_type: &'static str,
    /// On all pages.
    total: usize,
    returned: usize,
    has_next_page: bool,
}

#[derive(Default, Serialize, JsonSchema)]
struct Available {
    enabled: usize,
    disabled: usize,
}

/// What was asked, in one fixed form; a cursor is bound to it.
#[derive(Serialize)]
struct Filter {
    kinds: Vec<DetectionKind>,
    contains: Option<String>,
    enabled: Option<bool>,
    severities: Vec<Severity>,
    tags: Vec<String>,
    log_types: Vec<String>,
    resource_types: Vec<String>,
    created_by: Option<String>,
    last_modified_by: Option<String>,
}

#[async_trait]
impl TypedTool for ListDetections {
    const NAME: &'static str = "list_detections";
    const TITLE: &'static str = "List detections";
    const DESCRIPTION: &'static str = "Lists detections without their source, by id, 100 per type. Policies need View Policies, the others View Rules. `available` counts all that this connection may read. Next: get_detection for source and tests.";
    const REQUIRES: Requirement = super::EITHER;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let effective = context.principal.effective();
        let limit = usize::from(arguments::number("limit", input.limit, 100, 1..=1000)?);
        let readable = super::readable(effective);
        // Rules come first in the catalogue; somebody who may read policies only gets those.
        let kinds = super::requested(effective, input.detection_types)?
            .unwrap_or_else(|| readable.first().copied().into_iter().collect());
        let cursor = arguments::optional(input.cursor);
        if cursor.is_some() && kinds.len() > 1 {
            return Err(ToolError::invalid_argument(
                "Cursor pagination is not supported when querying multiple detection types. Please query one type at a time for pagination.",
            ));
        }
        let filter = Filter {
            contains: arguments::optional(input.contains).map(|part| part.to_lowercase()),
            enabled: enabled(arguments::optional(input.state))?,
            severities: arguments::words("severities", input.severities, Severity::ALL, Severity::as_str)?,
            tags: arguments::list(input.tags),
            log_types: arguments::list(input.log_types),
            resource_types: arguments::list(input.resource_types),
            created_by: arguments::optional(input.created_by),
            last_modified_by: arguments::optional(input.last_modified_by),
            kinds,
        };
        filter.check()?;
        let after = cursor.map(|cursor| cursor::open::<After>(context, Self::NAME, &filter, &cursor)).transpose()?;
        let mut all = context.ports.detections.list().await?;
        // Promise 1: what is not readable is neither listed nor counted.
        all.retain(|detection| readable.contains(&detection.kind));
        let available = count(&readable, &all);
        all.retain(|detection| filter.matches(detection));

        let budget = context.ports.row_bytes() / filter.kinds.len().max(1);
        let mut detections = BTreeMap::new();
        let mut pages = Vec::new();
        for kind in &filter.kinds {
            let (page, items) = page_of(*kind, &all, after.as_ref(), limit, budget);
            pages.push(page);
            detections.insert(kind.as_str(), items);
        }
        let has_next_page = pages.iter().any(|page| page.has_next_page);
        let next_cursor = match (filter.kinds.as_slice(), detections.values().next().and_then(|items| items.last())) {
            ([_], Some(last)) if has_next_page => {
                let after = After { after: last.id().to_owned() };
                Some(cursor::seal(context, Self::NAME, &filter, &after)?)
            }
            _ => None,
        };
        Ok(Output {
            total_all_detections: pages.iter().map(|page| page.total).sum(),
            hint: hint(&pages),
            detections,
            pages,
            has_next_page,
            next_cursor,
            available,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.pages.iter().map(|page| page.returned).sum::<usize>()).ok()
    }
}

impl Filter {
    fn check(&self) -> Result<(), ToolError> {
        let reads_logs = |kind: &DetectionKind| {
            matches!(kind, DetectionKind::Rule | DetectionKind::SimpleRule | DetectionKind::CorrelationRule)
        };
        if !self.log_types.is_empty() && !self.kinds.iter().all(reads_logs) {
            return Err(ToolError::invalid_argument(
                "log_types is only valid for 'rules', 'simple_rules' and 'correlation_rules' detection types.",
            ));
        }
        if !self.resource_types.is_empty() && self.kinds.iter().any(|kind| *kind != DetectionKind::Policy) {
            return Err(ToolError::invalid_argument("resource_types is only valid for 'policies' detection type."));
        }
        Ok(())
    }

    fn matches(&self, detection: &Detection) -> bool {
        self.kinds.contains(&detection.kind)
            && self.enabled.is_none_or(|enabled| detection.enabled == enabled)
            && (self.severities.is_empty() || self.severities.contains(&detection.severity))
            && any(&self.tags, &detection.tags)
            && any(&self.log_types, &detection.log_types)
            && any(&self.resource_types, &detection.resource_types)
            && (self.created_by.is_none() || self.created_by == detection.created_by)
            && (self.last_modified_by.is_none() || self.last_modified_by == detection.last_modified_by)
            && self.contains.as_ref().is_none_or(|part| {
                detection.id.to_lowercase().contains(part) || detection.display_name.to_lowercase().contains(part)
            })
    }
}

/// Whether one of `wanted` is among `has`, ignoring case; nothing wanted is no condition.
fn any(wanted: &[String], has: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| has.iter().any(|has| has.eq_ignore_ascii_case(wanted)))
}

fn enabled(state: Option<String>) -> Result<Option<bool>, ToolError> {
    let Some(state) = state else { return Ok(None) };
    Ok(Some(arguments::word("state", &state, &["enabled", "disabled"], |word| word)? == "enabled"))
}

fn count(readable: &[DetectionKind], all: &[Detection]) -> BTreeMap<&'static str, Available> {
    let mut counts: BTreeMap<&'static str, Available> =
        readable.iter().map(|kind| (kind.as_str(), Available::default())).collect();
    for detection in all {
        let count = counts.entry(detection.kind.as_str()).or_default();
        if detection.enabled {
            count.enabled += 1;
        } else {
            count.disabled += 1;
        }
    }
    counts
}

/// The page of one kind.
fn page_of(
    kind: DetectionKind,
    all: &[Detection],
    after: Option<&After>,
    limit: usize,
    bytes: usize,
) -> (KindPage, Vec<DetectionObject>) {
    let matching: Vec<DetectionObject> =
        all.iter().filter(|detection| detection.kind == kind).map(DetectionObject::new).collect();
    let total = matching.len();
    let (items, has_next_page) = page::page_of(matching, DetectionObject::id, after, limit, bytes);
    (KindPage { detection_type: kind.as_str(), total, returned: items.len(), has_next_page }, items)
}

fn hint(pages: &[KindPage]) -> Option<String> {
    let cut: Vec<&str> = pages.iter().filter(|page| page.has_next_page).map(|page| page.detection_type).collect();
    if cut.is_empty() {
        return None;
    }
    let how = if pages.len() > 1 { "ask for one type at a time to page" } else { "go on with next_cursor" };
    Some(format!("There are more {}: {how}, or narrow with contains, severities, tags or state.", cut.join(", ")))
}

#[cfg(test)]
mod tests {
    use margay_domain::rules::Permission;
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        let mut world = World::new();
        world.detections = vec![
            Detection {
                log_types: vec!["AWS.CloudTrail".to_owned()],
                tags: vec!["IAM".to_owned()],
                ..fakes::detection("AWS.Root.Login", DetectionKind::Rule)
            },
            Detection {
                enabled: false,
                severity: Severity::Low,
                created_by: Some("usr_ana".to_owned()),
                last_modified_by: Some("usr_bo".to_owned()),
                ..fakes::detection("Okta.Admin.Granted", DetectionKind::Rule)
            },
            fakes::detection("Simple.One", DetectionKind::SimpleRule),
            fakes::detection("Story.One", DetectionKind::CorrelationRule),
            Detection {
                resource_types: vec!["AWS.S3.Bucket".to_owned()],
                ..fakes::detection("AWS.S3.Public", DetectionKind::Policy)
            },
        ];
        world
    }

    fn only(permission: Permission) -> World {
        World { granted: [permission].into_iter().collect(), ..world() }
    }

    async fn ids(key: &str, arguments: Value) -> Vec<String> {
        let answer = fakes::call(ListDetections, &world().context(), arguments).await.unwrap();
        fakes::texts(&answer[key], "id")
    }

    #[tokio::test]
    async fn rules_are_the_default_and_other_types_are_counted() {
        let answer = fakes::call(ListDetections, &world().context(), json!({})).await.unwrap();
        assert_eq!(fakes::texts(&answer["rules"], "id"), ["AWS.Root.Login", "Okta.Admin.Granted"]);
        assert!(answer["rules"][0].get("body").is_none());
        assert!(answer.get("policies").is_none());
        assert_eq!(answer["available"]["rules"], json!({ "enabled": 1, "disabled": 1 }));
        assert_eq!(answer["available"]["policies"], json!({ "enabled": 1, "disabled": 0 }));
        assert_eq!(answer["total_all_detections"], 2);
    }

    #[tokio::test]
    async fn filters_narrow() {
        assert_eq!(ids("rules", json!({ "contains": "root" })).await, ["AWS.Root.Login"]);
        assert_eq!(ids("rules", json!({ "contains": "NAME OF OKTA" })).await, ["Okta.Admin.Granted"]);
        assert_eq!(ids("rules", json!({ "state": "Disabled" })).await, ["Okta.Admin.Granted"]);
        assert_eq!(ids("rules", json!({ "severities": ["high"] })).await, ["AWS.Root.Login"]);
        assert_eq!(ids("rules", json!({ "tags": ["iam"] })).await, ["AWS.Root.Login"]);
        assert_eq!(ids("rules", json!({ "log_types": ["AWS.CloudTrail"] })).await, ["AWS.Root.Login"]);
        assert_eq!(ids("rules", json!({ "created_by": "usr_ana" })).await, ["Okta.Admin.Granted"]);
        assert_eq!(ids("rules", json!({ "last_modified_by": "usr_bo" })).await, ["Okta.Admin.Granted"]);
        assert!(ids("rules", json!({ "last_modified_by": "usr_ana" })).await.is_empty());
        let policies = json!({ "detection_types": ["policies"], "resource_types": ["AWS.S3.Bucket"] });
        assert_eq!(ids("policies", policies).await, ["AWS.S3.Public"]);
        let correlation = json!({ "detection_types": ["correlation_rules", "simple_rules"] });
        assert_eq!(ids("correlation_rules", correlation).await, ["Story.One"]);
    }

    #[tokio::test]
    async fn only_kinds_in_effect_are_shown() {
        let context = only(Permission::PolicyRead).context();
        let answer = fakes::call(ListDetections, &context, json!({})).await.unwrap();
        assert_eq!(fakes::texts(&answer["policies"], "id"), ["AWS.S3.Public"]);
        assert_eq!(answer["available"].as_object().unwrap().len(), 1);
        let error = fakes::refused(ListDetections, &context, json!({ "detection_types": ["rules"] })).await;
        assert_eq!(error.code, "permission_denied");
        assert!(error.message.contains("View Rules (RuleRead)") && error.message.contains("policies"));

        let context = only(Permission::RuleRead).context();
        let asked = json!({ "detection_types": ["rules", "policies"] });
        assert_eq!(fakes::refused(ListDetections, &context, asked).await.code, "permission_denied");
    }

    #[tokio::test]
    async fn one_type_can_be_paged() {
        let context = world().context();
        let first = fakes::call(ListDetections, &context, json!({ "limit": 1 })).await.unwrap();
        assert_eq!(fakes::texts(&first["rules"], "id"), ["AWS.Root.Login"]);
        assert_eq!(
            first["pages"],
            json!([{ "detection_type": "rules", "total": 2, "returned": 1, "has_next_page": true }])
        );
        let next = json!({ "limit": 1, "cursor": first["next_cursor"] });
        let second = fakes::call(ListDetections, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["rules"], "id"), ["Okta.Admin.Granted"]);
        assert_eq!(second["has_next_page"], false);
        assert_eq!(second["rules"][0]["createdBy"], "usr_ana");
        assert!(first["rules"][0].get("createdBy").is_none());
        for other in ["created_by", "last_modified_by"] {
            let foreign = json!({ "limit": 1, "cursor": first["next_cursor"], other: "usr_ana" });
            assert_eq!(fakes::refused(ListDetections, &context, foreign).await.code, "invalid_argument");
        }

        let several = json!({ "detection_types": ["rules", "policies"], "limit": 1 });
        let several = fakes::call(ListDetections, &context, several).await.unwrap();
        assert!(several.get("next_cursor").is_none());
        assert!(several["hint"].as_str().unwrap().contains("one type at a time"));
    }

    #[tokio::test]
    async fn bad_arguments_say_what_is_valid() {
        let context = world().context();
        for (arguments, message) in [
            (json!({ "detection_types": [] }), "detection_types must hold at least one type, or be left out."),
            (
                json!({ "detection_types": ["rule"] }),
                "Invalid detection_types 'rule'. Must be one of: correlation_rules, policies, rules, scheduled_rules, simple_rules",
            ),
            (json!({ "state": "on" }), "Invalid state 'on'. Must be one of: disabled, enabled"),
            (
                json!({ "resource_types": ["AWS.S3.Bucket"] }),
                "resource_types is only valid for 'policies' detection type.",
            ),
            (
                json!({ "detection_types": ["policies"], "log_types": ["AWS.CloudTrail"] }),
                "log_types is only valid for 'rules', 'simple_rules' and 'correlation_rules' detection types.",
            ),
            (json!({ "limit": 0 }), "limit must be a whole number from 1 to 1000; you sent the number 0."),
            (
                json!({ "detection_types": ["rules", "policies"], "cursor": "x" }),
                "Cursor pagination is not supported when querying multiple detection types. Please query one type at a time for pagination.",
            ),
        ] {
            let error = fakes::refused(ListDetections, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), ("invalid_argument", message));
        }
    }
}

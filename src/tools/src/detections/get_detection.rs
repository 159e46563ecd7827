//! `get_detection`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{body, detection_object::DetectionDetails};
use crate::{
    arguments, size,
    tool::{JsonObject, Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows one detection with its source.
pub(crate) struct GetDetection;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// For example AWS.Root.Login.
    #[schemars(length(min = 1))]
    detection_id: String,
    /// Default: whatever type it is.
    #[schemars(extend("enum" = ["rules", "simple_rules", "scheduled_rules", "correlation_rules", "policies"]))]
    detection_types: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Under its type in the singular: as in list_detections, with runbook, reference, body and tests.
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, JsonObject>")]
    detection: BTreeMap<&'static str, DetectionDetails>,
    detection_type: &'static str,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[async_trait]
impl TypedTool for GetDetection {
    const NAME: &'static str = "get_detection";
    const TITLE: &'static str = "Get a detection";
    const DESCRIPTION: &'static str = "Shows one detection with source (body), runbook and unit tests, under rule, simple_rule, scheduled_rule, correlation_rule or policy. Policies need View Policies, the others View Rules. list_detections finds ids.";
    const REQUIRES: Requirement = super::EITHER;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let effective = context.principal.effective();
        let id = arguments::required("detection_id", &input.detection_id)?;
        let kinds = super::requested(effective, input.detection_types)?.unwrap_or_else(|| super::readable(effective));
        // Promise 1: one of a kind that may not be read is as good as none, so that nothing tells that it exists.
        let detection = context
            .ports
            .detections
            .get(id)
            .await?
            .filter(|detection| kinds.contains(&detection.kind))
            .ok_or_else(|| {
                ToolError::not_found(format!(
                    "No detection found with ID {} in any of the specified types: [{}]. list_detections with contains finds ids.",
                    arguments::shown(id),
                    super::names(&kinds)
                ))
            })?;
        let half = context.ports.row_bytes() / 2;
        let (body, cut_body) = body::shortened(&detection.body, half);
        let tests = size::fitting(&detection.tests, half).max(1).min(detection.tests.len());
        let cut_tests = (tests < detection.tests.len())
            .then(|| format!("tests holds the first {tests} of {}.", detection.tests.len()));
        let hints: Vec<String> = cut_body.into_iter().chain(cut_tests).collect();
        Ok(Output {
            detection: BTreeMap::from([(detection.kind.singular(), DetectionDetails::new(&detection, body, tests))]),
            detection_type: detection.kind.as_str(),
            truncated: !hints.is_empty(),
            hint: (!hints.is_empty()).then(|| hints.join(" ")),
        })
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        detection::DetectionKind,
        rules::{Permission, PermissionSet},
    };
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn world(permissions: PermissionSet) -> ToolContext {
        World {
            granted: permissions,
            detections: vec![fakes::detection("R", DetectionKind::Rule), fakes::detection("P", DetectionKind::Policy)],
            ..World::new()
        }
        .context()
    }

    #[tokio::test]
    async fn what_is_too_large_is_cut_and_says_so() {
        let mut world = World::new();
        let mut large = fakes::detection("R", DetectionKind::Rule);
        large.body = "x".repeat(fakes::MAX_RESULT_BYTES);
        large.tests = vec![json!({ "Log": "y".repeat(fakes::MAX_RESULT_BYTES / 3) }); 3];
        world.detections = vec![large];
        let answer = fakes::call(GetDetection, &world.context(), json!({ "detection_id": "R" })).await.unwrap();
        assert_eq!(answer["rule"]["body"].as_str().unwrap().len(), fakes::MAX_RESULT_BYTES / 16 * 7);
        assert_eq!(answer["rule"]["tests"].as_array().unwrap().len(), 1);
        assert_eq!(answer["truncated"], true);
        let hint = answer["hint"].as_str().unwrap();
        assert!(
            hint.contains("the first 32256 of 73728 bytes") && hint.ends_with("tests holds the first 1 of 3."),
            "{hint}"
        );
    }

    #[tokio::test]
    async fn it_finds_a_detection_of_any_type_with_source_and_tests() {
        let context = world(PermissionSet::all());
        let rule = fakes::call(GetDetection, &context, json!({ "detection_id": "R" })).await.unwrap();
        assert!(rule["rule"]["body"].as_str().unwrap().contains("def rule"));
        assert_eq!(rule["rule"]["tests"].as_array().unwrap().len(), 1);
        assert_eq!(rule["rule"]["dedupPeriodMinutes"], 60);
        let policy = fakes::call(GetDetection, &context, json!({ "detection_id": "P" })).await.unwrap();
        assert_eq!(policy["detection_type"], "policies");
        assert!(policy["policy"].get("threshold").is_none());
    }

    #[tokio::test]
    async fn what_may_not_be_read_is_not_found() {
        let context = world([Permission::RuleRead].into_iter().collect());
        let hidden = fakes::refused(GetDetection, &context, json!({ "detection_id": "P" })).await;
        let unknown = fakes::refused(GetDetection, &context, json!({ "detection_id": "Q" })).await;
        assert_eq!(hidden.code, "not_found");
        assert_eq!(hidden.message.replace(" P ", " Q "), unknown.message);
        let asked = json!({ "detection_id": "P", "detection_types": ["policies"] });
        let denied = fakes::refused(GetDetection, &context, asked).await;
        assert_eq!(denied.code, "permission_denied");
        assert!(denied.message.contains("View Policies (PolicyRead)"));
    }

    #[tokio::test]
    async fn the_type_limits_the_search() {
        let context = world(PermissionSet::all());
        let asked = json!({ "detection_id": "R", "detection_types": ["policies"] });
        assert_eq!(fakes::refused(GetDetection, &context, asked).await.code, "not_found");
        let bad = json!({ "detection_id": "R", "detection_types": ["nope"] });
        assert_eq!(fakes::refused(GetDetection, &context, bad).await.code, "invalid_argument");
    }
}

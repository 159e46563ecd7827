//! What enabling and disabling a detection have in common.

use margay_domain::{
    detection::DetectionKind,
    rules::{Permission, PermissionSet},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detection_object::DetectionObject;
use crate::{
    arguments,
    tool::{JsonObject, Requirement, ToolContext, ToolError},
};

/// One of the two is enough to see the tools; what they change depends on which.
pub(crate) const EITHER: Requirement = Requirement::Any(&[Permission::RuleModify, Permission::PolicyModify]);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An id from list_detections.
    #[schemars(length(min = 1))]
    detection_id: String,
    /// Default: whatever type it is.
    #[schemars(extend("enum" = ["rules", "simple_rules", "scheduled_rules", "correlation_rules", "policies"]))]
    detection_type: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    detection_id: String,
    enabled: bool,
    /// false: it was so already.
    changed: bool,
    /// As in list_detections, for those who may view it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "JsonObject")]
    detection: Option<DetectionObject>,
}

/// Enables or disables the detection that `input` names.
pub(crate) async fn switch(context: &ToolContext, input: Input, enabled: bool) -> Result<Output, ToolError> {
    let effective = context.principal.effective();
    let id = arguments::required("detection_id", &input.detection_id)?;
    let asked = arguments::optional(input.detection_type)
        .map(|text| arguments::word("detection_type", &text, DetectionKind::ALL, DetectionKind::as_str))
        .transpose()?;
    let kinds = asked.map_or_else(|| known(effective), |kind| vec![kind]);
    let missing = || {
        ToolError::not_found(format!(
            "No detection found with ID {} in any of the specified types: [{}]. list_detections with contains finds ids.",
            arguments::shown(id),
            super::names(&kinds)
        ))
    };
    let detections = &context.ports.detections;
    let kind = match asked {
        Some(kind) => kind,
        // Promise 1: one of a kind that may be neither changed nor read is as good as none, so that nothing tells that
        // it exists.
        None => {
            detections.get(id).await?.map(|found| found.kind).filter(|kind| kinds.contains(kind)).ok_or_else(missing)?
        }
    };
    check(effective, kind)?;
    let now = context.ports.clock.now();
    // Only one of the kind that was checked is changed, whatever has happened since.
    let (detection, changed) =
        detections.set_enabled(id, kind, enabled, &context.principal.user.id, now).await?.ok_or_else(missing)?;
    // Promise 1: who may change a detection but not read it learns no more than what was done.
    let readable = effective.contains(kind.read_permission());
    Ok(Output {
        enabled,
        changed,
        detection: readable.then(|| DetectionObject::new(&detection)),
        detection_id: detection.id,
    })
}

/// Promise 1: a kind whose permission is not in effect is refused.
fn check(effective: PermissionSet, kind: DetectionKind) -> Result<(), ToolError> {
    let needed = kind.modify_permission();
    if effective.contains(needed) {
        return Ok(());
    }
    let allowed = kinds(|kind| effective.contains(kind.modify_permission()));
    Err(super::denied("Enabling or disabling", kind, needed, "enable and disable", &allowed))
}

/// The kinds whose detections the caller may know of.
fn known(effective: PermissionSet) -> Vec<DetectionKind> {
    kinds(|kind| effective.contains(kind.modify_permission()) || effective.contains(kind.read_permission()))
}

fn kinds(wanted: impl Fn(DetectionKind) -> bool) -> Vec<DetectionKind> {
    DetectionKind::ALL.iter().copied().filter(|kind| wanted(*kind)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use margay_domain::detection::Detection;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        detections::{DisableDetection, EnableDetection},
        fakes::{self, World},
    };

    fn world(permissions: &[Permission]) -> Arc<World> {
        let detection = |id: &str, kind| Detection { enabled: false, ..fakes::detection(id, kind) };
        Arc::new(World {
            granted: permissions.iter().copied().collect(),
            detections: vec![detection("R", DetectionKind::Rule), detection("P", DetectionKind::Policy)],
            ..World::new()
        })
    }

    async fn enable(permissions: &[Permission], arguments: Value) -> Result<Value, ToolError> {
        fakes::call(EnableDetection, &World::context_of(&world(permissions)), arguments).await
    }

    #[tokio::test]
    async fn each_kind_needs_its_own_permission() {
        let rules = [Permission::RuleRead, Permission::RuleModify];
        assert_eq!(enable(&rules, json!({ "detection_id": "R" })).await.unwrap()["changed"], true);
        let policies = [Permission::PolicyRead, Permission::PolicyModify];
        assert_eq!(enable(&policies, json!({ "detection_id": "P" })).await.unwrap()["changed"], true);
    }

    #[tokio::test]
    async fn what_may_only_be_read_is_refused_and_stays_as_it_is() {
        let world = world(&[Permission::RuleModify, Permission::PolicyRead]);
        let context = World::context_of(&world);
        for arguments in [
            json!({ "detection_id": "P" }),
            json!({ "detection_id": "P", "detection_type": "policies" }),
            json!({ "detection_id": "gone", "detection_type": "policies" }),
        ] {
            let denied = fakes::refused(EnableDetection, &context, arguments).await;
            assert_eq!(denied.code, "permission_denied");
            assert!(denied.message.starts_with(
                "Enabling or disabling policies needs the permission Manage Policies (PolicyModify), which this connection does not have now. It may enable and disable: rules, simple_rules, scheduled_rules, correlation_rules."
            ));
        }
        assert!(!context.ports.detections.get("P").await.unwrap().unwrap().enabled);
    }

    #[tokio::test]
    async fn what_may_be_neither_read_nor_changed_is_not_found() {
        let context = World::context_of(&world(&[Permission::RuleRead, Permission::RuleModify]));
        let hidden = fakes::refused(DisableDetection, &context, json!({ "detection_id": "P" })).await;
        let unknown = fakes::refused(DisableDetection, &context, json!({ "detection_id": "Q" })).await;
        assert_eq!(hidden.code, "not_found");
        assert_eq!(hidden.message.replace(" P ", " Q "), unknown.message);
        assert!(!hidden.message.contains("policies"));
        // With the type, what is there gets the same answer as what is not.
        let typed = |id: &str| json!({ "detection_id": id, "detection_type": "policies" });
        let hidden = fakes::refused(DisableDetection, &context, typed("P")).await;
        assert_eq!(hidden, fakes::refused(DisableDetection, &context, typed("Q")).await);
    }

    #[tokio::test]
    async fn changing_without_reading_tells_only_what_was_done() {
        let answer = enable(&[Permission::RuleModify], json!({ "detection_id": "R" })).await.unwrap();
        assert_eq!(answer, json!({ "detection_id": "R", "enabled": true, "changed": true }));
    }

    #[tokio::test]
    async fn the_type_limits_the_search() {
        let all = [Permission::RuleModify, Permission::PolicyModify];
        let right = json!({ "detection_id": "P", "detection_type": "Policies" });
        assert_eq!(enable(&all, right).await.unwrap()["enabled"], true);
        let wrong = enable(&all, json!({ "detection_id": "P", "detection_type": "rules" })).await.unwrap_err();
        assert_eq!(wrong.code, "not_found");
        let bad = enable(&all, json!({ "detection_id": "P", "detection_type": "nope" })).await.unwrap_err();
        assert!(bad.message.starts_with("Invalid detection_type 'nope'. Must be one of: correlation_rules, policies"));
    }
}

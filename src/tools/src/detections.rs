//! Tools about detections. Each kind needs only its own permission.

mod detection_object;
mod get_detection;
mod list_detections;

pub(crate) use get_detection::GetDetection;
pub(crate) use list_detections::ListDetections;

use margay_domain::{
    detection::DetectionKind,
    rules::{Permission, PermissionSet},
};

use crate::{
    arguments,
    tool::{Requirement, ToolError},
};

/// One of the two is enough to see the tools; what they show depends on which.
const EITHER: Requirement = Requirement::Any(&[Permission::RuleRead, Permission::PolicyRead]);

/// The kinds that may be read now.
fn readable(effective: PermissionSet) -> Vec<DetectionKind> {
    DetectionKind::ALL.iter().copied().filter(|kind| effective.contains(kind.read_permission())).collect()
}

/// The kinds that were asked for, in catalogue order; `None` if nothing was said.
/// Promise 1: a kind whose permission is not in effect is refused.
fn requested(
    effective: PermissionSet,
    given: Option<Vec<String>>,
    argument: &str,
) -> Result<Option<Vec<DetectionKind>>, ToolError> {
    let Some(given) = given else { return Ok(None) };
    let kinds = arguments::words(argument, Some(given), DetectionKind::ALL, DetectionKind::as_str)?;
    if kinds.is_empty() {
        return Err(ToolError::invalid_argument("At least one detection type must be specified."));
    }
    if let Some(kind) = kinds.iter().find(|kind| !effective.contains(kind.read_permission())) {
        let permission = kind.read_permission();
        let allowed = names(&readable(effective));
        return Err(ToolError {
            code: "permission_denied",
            message: format!(
                "Reading {kind} needs the permission {} ({permission}), which this connection does not have now. It may read: {allowed}. For more the person has to connect again and grant it, or get it in their role first.",
                permission.title()
            ),
        });
    }
    Ok(Some(kinds))
}

/// The words of kinds, for a sentence.
fn names(kinds: &[DetectionKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

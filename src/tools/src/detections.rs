//! Tools about detections and what they share. Each kind of detection needs only its own permission.

mod body;
mod data_model_object;
mod detection_object;
mod disable_detection;
mod enable_detection;
mod get_data_model;
mod get_detection;
mod get_global_helper;
mod global_helper_object;
mod list_data_models;
mod list_detections;
mod list_global_helpers;
mod switch;

pub(crate) use disable_detection::DisableDetection;
pub(crate) use enable_detection::EnableDetection;
pub(crate) use get_data_model::GetDataModel;
pub(crate) use get_detection::GetDetection;
pub(crate) use get_global_helper::GetGlobalHelper;
pub(crate) use list_data_models::ListDataModels;
pub(crate) use list_detections::ListDetections;
pub(crate) use list_global_helpers::ListGlobalHelpers;

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
fn requested(effective: PermissionSet, given: Option<Vec<String>>) -> Result<Option<Vec<DetectionKind>>, ToolError> {
    let Some(given) = given else { return Ok(None) };
    let kinds = arguments::words("detection_types", Some(given), DetectionKind::ALL, DetectionKind::as_str)?;
    if kinds.is_empty() {
        return Err(ToolError::invalid_argument("detection_types must hold at least one type, or be left out."));
    }
    if let Some(kind) = kinds.iter().find(|kind| !effective.contains(kind.read_permission())) {
        return Err(denied("Reading", *kind, kind.read_permission(), "read", &readable(effective)));
    }
    Ok(Some(kinds))
}

/// The refusal of what needs a permission that is not in effect. `doing` begins the sentence; `verb` is its plain form.
fn denied(doing: &str, kind: DetectionKind, needed: Permission, verb: &str, allowed: &[DetectionKind]) -> ToolError {
    ToolError {
        code: "permission_denied",
        message: format!(
            "{doing} {kind} needs the permission {} ({needed}), which this connection does not have now. It may {verb}: {}. For more the person has to connect again and grant it, or get it in their role first.",
            needed.title(),
            names(allowed)
        ),
    }
}

/// The words of kinds, for a sentence.
fn names(kinds: &[DetectionKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// A cursor that may be missing; the text `null` is none, for clients that write it so.
fn given_cursor(given: Option<String>) -> Option<String> {
    arguments::optional(given).filter(|cursor| cursor != "null")
}

//! `disable_detection`.

use async_trait::async_trait;

use super::switch::{self, Input, Output};
use crate::tool::{Hints, Requirement, ToolContext, ToolError, TypedTool};

/// Disables a detection.
pub(crate) struct DisableDetection;

#[async_trait]
impl TypedTool for DisableDetection {
    const NAME: &'static str = "disable_detection";
    const TITLE: &'static str = "Disable a detection";
    const DESCRIPTION: &'static str = "Disables a detection: it raises no alerts until enable_detection or an import enables it again. Policies need Manage Policies, the others Manage Rules. list_detections finds ids.";
    const REQUIRES: Requirement = switch::EITHER;
    const HINTS: Hints = Hints::SET;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        switch::switch(context, input, false).await
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::detection::{Detection, DetectionKind};
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    #[tokio::test]
    async fn it_disables_and_notes_who_did_so() {
        let mut world = World::new();
        world.detections = vec![Detection { enabled: true, ..fakes::detection("R", DetectionKind::Rule) }];
        let context = world.context();
        let arguments = || json!({ "detection_id": " R " });
        let first = fakes::call(DisableDetection, &context, arguments()).await.unwrap();
        assert_eq!((&first["enabled"], &first["changed"]), (&json!(false), &json!(true)));
        assert_eq!(first["detection"]["enabled"], false);
        assert_eq!(first["detection"]["lastModifiedBy"], "usr_ana");
        assert!(first["detection"].get("body").is_none());
        let stored = context.ports.detections.get("R").await.unwrap().unwrap();
        assert!(!stored.enabled);
        let second = fakes::call(DisableDetection, &context, arguments()).await.unwrap();
        assert_eq!((&second["enabled"], &second["changed"]), (&json!(false), &json!(false)));
        assert_eq!(context.ports.detections.get("R").await.unwrap().unwrap(), stored);
    }

    #[tokio::test]
    async fn an_unknown_one_is_not_found() {
        let context = World::new().context();
        let error = fakes::refused(DisableDetection, &context, json!({ "detection_id": "R" })).await;
        assert_eq!(error.code, "not_found");
        let error = fakes::refused(DisableDetection, &context, json!({ "detection_id": " " })).await;
        assert_eq!(error.message, "detection_id must not be empty.");
    }
}

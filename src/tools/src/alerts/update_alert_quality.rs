//! `update_alert_quality`.

use async_trait::async_trait;
use margay_domain::{
    alert::{AlertChange, AlertQuality},
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    clears,
    targets::{self, Receipt},
};
use crate::{
    arguments,
    tool::{Hints, Requirement, ToolContext, ToolError, TypedTool},
};

/// Says whether alerts were worth a person's time.
pub(crate) struct UpdateAlertQuality;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    #[schemars(length(min = 1, max = 100))]
    alert_ids: Vec<String>,
    /// none takes the rating back.
    #[schemars(extend("enum" = ["NOISE", "USEFUL", "none"], "x-clears" = true))]
    quality: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    #[serde(flatten)]
    receipt: Receipt,
    quality: Option<&'static str>,
}

#[async_trait]
impl TypedTool for UpdateAlertQuality {
    const NAME: &'static str = "update_alert_quality";
    const TITLE: &'static str = "Rate alerts";
    const DESCRIPTION: &'static str =
        "Rates 1 to 100 alerts as noise or as useful, or clears the rating. All or nothing.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertModify]);
    const HINTS: Hints = Hints::SET;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let ids = targets::read(&input.alert_ids, targets::MAX_ALERTS, "update")?;
        let quality = if clears(&input.quality) {
            None
        } else {
            Some(arguments::word("quality", &input.quality, AlertQuality::ALL, AlertQuality::as_str)?)
        };
        let change = AlertChange { quality: Some(quality), ..AlertChange::default() };
        Ok(Output {
            receipt: targets::change(context, &ids, &change).await?,
            quality: quality.map(AlertQuality::as_str),
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        output.receipt.rows()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::id::AlertId;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};
    use margay_domain::role::LogTypeAccess;

    fn context() -> ToolContext {
        let mut world = World::new();
        world.alerts = vec![fakes::alert("a1", 1)];
        world.context()
    }

    async fn quality(context: &ToolContext) -> Option<AlertQuality> {
        context.ports.alerts.get(&AlertId::new("a1"), &LogTypeAccess::AllowAll).await.unwrap().unwrap().quality
    }

    #[tokio::test]
    async fn a_rating_is_set_and_cleared() {
        let context = context();
        for clear in [json!("none"), json!("None"), json!(null), json!("")] {
            let arguments = json!({ "alert_ids": ["a1"], "quality": "noise" });
            let answer = fakes::call(UpdateAlertQuality, &context, arguments).await.unwrap();
            assert_eq!((&answer["quality"], &answer["changed"]), (&json!("NOISE"), &json!(1)));
            assert_eq!(quality(&context).await, Some(AlertQuality::Noise));
            let arguments = json!({ "alert_ids": ["a1"], "quality": clear });
            let answer = fakes::call(UpdateAlertQuality, &context, arguments).await.unwrap();
            assert_eq!(answer.get("quality"), None);
            assert_eq!(quality(&context).await, None);
        }
    }

    #[tokio::test]
    async fn bad_calls_are_refused() {
        let context = context();
        let word = fakes::refused(UpdateAlertQuality, &context, json!({ "alert_ids": ["a1"], "quality": "X" })).await;
        assert_eq!(word.message, "Invalid quality 'X'. Must be one of: NOISE, USEFUL");
        let forgotten = fakes::refused(UpdateAlertQuality, &context, json!({ "alert_ids": ["a1"] })).await;
        assert!(forgotten.message.contains("quality"));
        let arguments = json!({ "alert_ids": ["a1", "x"], "quality": "USEFUL" });
        assert_eq!(fakes::refused(UpdateAlertQuality, &context, arguments).await.code, "not_found");
        assert_eq!(quality(&context).await, None);
    }
}

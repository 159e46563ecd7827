//! Investigation of an indicator.

use margay_domain::rules::Permission;

use super::{CARE, Prompt, PromptArgument, PromptError, quoted};
use crate::tool::Requirement;

pub(super) const PROMPT: Prompt = Prompt {
    name: "investigate-indicator",
    title: "Investigate an indicator",
    description: "Finds out where an address, domain, hash, name or id appears in the logs, what it did, and which alerts it belongs to.",
    arguments: &[
        PromptArgument {
            name: "indicator",
            description: "An IP address, domain, hash, e-mail address, user name, ARN or id.",
            required: true,
        },
        PromptArgument {
            name: "days",
            description: "How many days to look back, from 1 to 31. Default: 7.",
            required: false,
        },
    ],
    requires: Requirement::All(&[Permission::DataAnalyticsRead]),
    text: |given, now| {
        let indicator = quoted(given.required("indicator")?);
        let days: u64 = given
            .get("days")
            .unwrap_or("7")
            .parse()
            .ok()
            .filter(|days| (1..=31).contains(days))
            .ok_or_else(|| PromptError("days must be from 1 to 31.".to_owned()))?;
        let from = now.minus(std::time::Duration::from_hours(24 * days)).to_rfc3339();
        let until = now.to_rfc3339();
        Ok(format!(
            "Investigate one indicator from {from} until {until}.\n\
             Indicator: {indicator}\n\
             1. Call search_indicators with it and these dates. If it finds nothing, say so, and try a longer time or another spelling once.\n\
             2. For every log type that has matches, read the columns with get_table_schema, then use query_data_lake to find out what the indicator did: first and last event, actions, results, and the people, addresses and resources beside it. Aggregate before you list events.\n\
             3. Look it up with lookup_enrichment in the tables that list_enrichments shows.\n\
             4. Call list_alerts for the same time and check with get_alert and get_alert_events whether alerts are about it. Skip a tool that you do not have.\n\
             5. Search once more for the two or three indicators that appear beside it and matter.\n\
             6. Answer with: what it is, a timeline with times and event ids, who and what was affected, related alerts, how sure you are that it is hostile and why, what is still unknown, and what to do next.\n\
             {CARE}"
        ))
    },
};

//! Triage of open alerts.

use margay_domain::rules::Permission;

use super::{CARE, Prompt, span};
use crate::tool::Requirement;

pub(super) const PROMPT: Prompt = Prompt {
    name: "prioritize-open-alerts",
    title: "Triage open alerts",
    description: "Groups the open alerts by who or what they are about, and says which to look at first. Default: the last 7 days.",
    arguments: &super::SPAN,
    requires: Requirement::All(&[Permission::AlertRead]),
    text: |given, now| {
        let (from, until) = span(given, now, 7)?;
        Ok(format!(
            "Triage the open alerts created from {from} until {until}.\n\
             1. Call list_alerts with statuses OPEN and TRIAGED, start_date and end_date as above, and limit 50. Follow next_cursor until there are no more; say so if you stop earlier.\n\
             2. For alerts of severity HIGH and CRITICAL, and for every group of alerts that look related, call get_alert, and get_alert_events for the ones whose context does not say who acted on what.\n\
             3. Group the alerts by actor (person, role, key or address) and by what was touched. One group is one story, however many alerts it has.\n\
             4. For the addresses, names and hosts of the three gravest groups, look around with search_indicators, and with lookup_enrichment in the tables that list_enrichments shows. Skip a tool that you do not have.\n\
             5. Answer with a table: group, alerts (ids, severities), what happened in one sentence, evidence (event times and ids), how sure you are, and what to do next. Order it by harm and certainty. Then name the alerts that look like noise, and why.\n\
             {CARE}"
        ))
    },
};

//! Investigation of an actor.

use margay_domain::rules::Permission;

use super::{CARE, Prompt, PromptArgument, quoted};
use crate::tool::Requirement;

pub(super) const PROMPT: Prompt = Prompt {
    name: "investigate-actor-activity",
    title: "Investigate an actor",
    description: "Reconstructs what a person, role or machine account did in all logs, and what of it is unusual.",
    arguments: &[PromptArgument {
        name: "actor",
        description: "A user name, e-mail address, ARN or actor id.",
        required: true,
    }],
    requires: Requirement::All(&[Permission::DataAnalyticsRead]),
    text: |given, now| {
        let actor = quoted(given.required("actor")?);
        let until = now.to_rfc3339();
        let from = now.minus(std::time::Duration::from_hours(24 * 7)).to_rfc3339();
        Ok(format!(
            "Investigate what one actor did from {from} until {until}.\n\
             Actor: {actor}\n\
             1. Call search_indicators with the actor and these dates to see in which log types it appears and under which names. Collect its other names (e-mail address, user name, ARN, id) and search for those too.\n\
             2. If the actor is a person of this organisation, list_users and get_user may say who it is.\n\
             3. For every log type with matches, read the columns with get_table_schema, then use query_data_lake: actions by count, hours of the day, addresses and countries, user agents, failed actions, and the first time each action was seen. Compare the last day with the days before.\n\
             4. Call list_alerts for the same time and find those about the actor with get_alert. Use lookup_enrichment for its addresses. Skip a tool that you do not have.\n\
             5. Follow what the actor created or changed: new keys, roles, tokens, policies, members, rules. Look for what was done with them afterwards.\n\
             6. Answer with: who the actor is, a timeline of what matters with times and event ids, what is usual for it and what is not, related alerts, how sure you are that the account is misused and why, what is still unknown, and what to do next.\n\
             {CARE}"
        ))
    },
};

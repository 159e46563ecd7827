//! The correlation rule: the same remote address in alerts of several rules, in order.

use std::time::Duration;

use serde_json::json;

use super::raise::Finding;

/// The id of the detection.
pub(super) const ID: &str = "Identity.TakeoverToDataTheft";

/// The rules of the sequence, in order; the same as in the detection.
pub(super) const STEPS: [&str; 5] = [
    "Okta.MFA.PushFatigue",
    "Okta.Admin.RoleGranted",
    "GitHub.PrivateRepositories.MassClone",
    "AWS.IAM.AdministratorAccessAttached",
    "AWS.VPC.LargeOutboundTransfer",
];

/// From one step to the next, as in the detection.
const WITHIN: Duration = Duration::from_hours(4);

/// What the rule finds among the findings of other rules, each with the id of its rule.
pub(super) fn findings(others: &[(&str, Finding)]) -> Vec<Finding> {
    let of = |rule: &'static str| others.iter().filter(move |(id, _)| *id == rule).map(|(_, finding)| finding);
    let [first_step, later_steps @ ..] = STEPS;
    of(first_step)
        .filter_map(|start| {
            let address = start.remote_address()?;
            let mut chain = vec![start];
            for step in later_steps {
                let previous = chain.last()?.first?;
                let next = of(step).find(|finding| {
                    finding.remote_address() == Some(address)
                        && finding.first.is_some_and(|first| previous <= first && first <= previous.plus(WITHIN))
                })?;
                chain.push(next);
            }
            let last = chain.last()?;
            Some(Finding {
                title: format!("From a stolen sign-in to stolen data: {address}"),
                context: json!({
                    "remote_ip": address,
                    "steps": chain.iter().map(|finding| finding.title.as_str()).collect::<Vec<_>>(),
                }),
                matches: chain.iter().flat_map(|finding| finding.matches.iter().cloned()).collect(),
                first: start.first,
                last: chain.iter().filter_map(|finding| finding.last).max(),
                raised: last.raised.plus(Duration::from_mins(10)),
            })
        })
        .collect()
}

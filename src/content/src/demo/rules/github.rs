//! Rules over the GitHub audit log.

use serde_json::{Value, json};

use super::{Rule, at, is, is_in, word};
use crate::demo::{
    company::COMPANY_ADDRESSES,
    logs::{Event, GITHUB},
};

pub(super) static RULES: [Rule; 4] = [
    Rule {
        id: "GitHub.Token.GrantedOutsideCompany",
        log_type: GITHUB,
        matches: |event| {
            is(event, &["action"], "personal_access_token.access_granted")
                && !is_in(event, &["actor_ip"], &COMPANY_ADDRESSES)
        },
        title: |event| {
            format!("GitHub: {} created a personal access token outside the company network", word(event, &["actor"]))
        },
        context: |event| {
            json!({
                "actor": word(event, &["actor"]),
                "remote_ip": word(event, &["actor_ip"]),
                "token": word(event, &["user_programmatic_access_name"]),
            })
        },
    },
    Rule {
        id: "GitHub.PrivateRepositories.MassClone",
        log_type: GITHUB,
        matches: |event| {
            is(event, &["action"], "git.clone")
                && at(event, &["repository_public"]) == Some(&Value::Bool(false))
                && !word(event, &["actor"]).ends_with("[bot]")
        },
        title: |event| format!("GitHub: {} cloned many private repositories", word(event, &["actor"])),
        context: repository,
    },
    Rule {
        id: "GitHub.DeployKey.WriteAccess",
        log_type: GITHUB,
        matches: |event| is(event, &["action"], "public_key.create") && is(event, &["read_only"], "false"),
        title: |event| {
            format!(
                "GitHub: {} added a deploy key with write access to {}",
                word(event, &["actor"]),
                word(event, &["repo"])
            )
        },
        context: repository,
    },
    Rule {
        id: "GitHub.Branch.ProtectionWeakened",
        log_type: GITHUB,
        matches: |event| is_in(event, &["action"], &["protected_branch.destroy", "protected_branch.policy_override"]),
        title: |event| {
            format!("GitHub: {} weakened the branch protection of {}", word(event, &["actor"]), word(event, &["repo"]))
        },
        context: repository,
    },
];

fn repository(event: &Event) -> Value {
    json!({
        "actor": word(event, &["actor"]),
        "remote_ip": word(event, &["actor_ip"]),
        "repo": word(event, &["repo"]),
    })
}

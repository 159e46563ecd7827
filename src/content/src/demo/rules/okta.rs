//! Rules over the Okta system log.

use serde_json::{Value, json};

use super::{Rule, at, is, is_in, text, word};
use crate::demo::{
    company::{COMPANY_ADDRESSES, HOME_COUNTRIES},
    logs::{Event, OKTA},
};

const ACTOR: [&str; 2] = ["actor", "alternateId"];
const ADDRESS: [&str; 2] = ["client", "ipAddress"];
const COUNTRY: [&str; 3] = ["client", "geographicalContext", "country"];
const RESULT: [&str; 2] = ["outcome", "result"];

pub(super) static RULES: [Rule; 5] = [
    Rule {
        id: "Okta.MFA.PushFatigue",
        log_type: OKTA,
        matches: |event| is(event, &["eventType"], "user.mfa.okta_verify.deny_push"),
        title: |event| format!("Okta: {} refused many sign-in pushes", word(event, &ACTOR)),
        context: place,
    },
    Rule {
        id: "Okta.Login.UnusualCountry",
        log_type: OKTA,
        matches: |event| {
            is(event, &["eventType"], "user.session.start")
                && is(event, &RESULT, "SUCCESS")
                && text(event, &COUNTRY).is_some_and(|country| !HOME_COUNTRIES.contains(&country))
        },
        title: |event| format!("Okta: {} signed in from {}", word(event, &ACTOR), word(event, &COUNTRY)),
        context: place,
    },
    Rule {
        id: "Okta.MFA.FactorEnrolledRemotely",
        log_type: OKTA,
        matches: |event| {
            is(event, &["eventType"], "user.mfa.factor.activate")
                && is(event, &RESULT, "SUCCESS")
                && !is_in(event, &ADDRESS, &COMPANY_ADDRESSES)
        },
        title: |event| format!("Okta: {} enrolled a new factor outside the company network", word(event, &ACTOR)),
        context: |event| {
            json!({
                "actor": word(event, &ACTOR),
                "remote_ip": word(event, &ADDRESS),
                "factor": word(event, &["debugContext", "debugData", "factor"]),
            })
        },
    },
    Rule {
        id: "Okta.Admin.RoleGranted",
        log_type: OKTA,
        matches: |event| {
            is_in(event, &["eventType"], &["user.account.privilege.grant", "group.privilege.grant"])
                && is(event, &RESULT, "SUCCESS")
        },
        title: |event| format!("Okta: {} gave an administrator role to {}", word(event, &ACTOR), receiver(event)),
        context: |event| {
            json!({
                "actor": word(event, &ACTOR),
                "remote_ip": word(event, &ADDRESS),
                "receiver": receiver(event),
                "role": word(event, &["debugContext", "debugData", "privilegeGranted"]),
            })
        },
    },
    Rule {
        id: "Okta.Login.FailedBurst",
        log_type: OKTA,
        matches: |event| {
            is(event, &["eventType"], "user.session.start")
                && is(event, &RESULT, "FAILURE")
                && is(event, &["outcome", "reason"], "INVALID_CREDENTIALS")
        },
        title: |event| format!("Okta: repeated wrong passwords of {}", word(event, &ACTOR)),
        context: |event| json!({ "actor": word(event, &ACTOR), "remote_ip": word(event, &ADDRESS) }),
    },
];

fn place(event: &Event) -> Value {
    json!({
        "actor": word(event, &ACTOR),
        "remote_ip": word(event, &ADDRESS),
        "country": word(event, &COUNTRY),
    })
}

fn receiver(event: &Event) -> &str {
    at(event, &["target"])
        .and_then(|targets| targets.get(0))
        .and_then(|target| target.get("alternateId"))
        .and_then(Value::as_str)
        .unwrap_or("unknown")
}

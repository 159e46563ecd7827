//! Rules over CloudTrail.

use serde_json::{Value, json};

use super::{Rule, at, is, is_in, text, word};
use crate::demo::{
    company::CUSTOMER_BUCKET,
    logs::{CLOUDTRAIL, Event},
};

const NAME: [&str; 1] = ["eventName"];
const ARN: [&str; 2] = ["userIdentity", "arn"];
const ADDRESS: [&str; 1] = ["sourceIPAddress"];

pub(super) static RULES: [Rule; 6] = [
    Rule {
        id: "AWS.Console.LoginWithoutMFA",
        log_type: CLOUDTRAIL,
        matches: |event| {
            is(event, &NAME, "ConsoleLogin")
                && is(event, &["userIdentity", "type"], "IAMUser")
                && is(event, &["responseElements", "ConsoleLogin"], "Success")
                && !is(event, &["additionalEventData", "MFAUsed"], "Yes")
        },
        title: |event| {
            format!("AWS: {} signed in to the console without MFA", word(event, &["userIdentity", "userName"]))
        },
        context: |event| {
            json!({
                "user": word(event, &["userIdentity", "userName"]),
                "remote_ip": word(event, &ADDRESS),
                "user_agent": word(event, &["userAgent"]),
            })
        },
    },
    Rule {
        id: "AWS.IAM.AdministratorAccessAttached",
        log_type: CLOUDTRAIL,
        matches: |event| {
            is_in(event, &NAME, &["AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy"])
                && worked(event)
                && text(event, &["requestParameters", "policyArn"])
                    .is_some_and(|policy| policy.ends_with("/AdministratorAccess"))
        },
        title: |event| format!("AWS: AdministratorAccess attached to {}", receiver(event)),
        context: |event| {
            json!({
                "actor": word(event, &ARN),
                "remote_ip": word(event, &ADDRESS),
                "receiver": receiver(event),
            })
        },
    },
    Rule {
        id: "AWS.CloudTrail.LoggingStopped",
        log_type: CLOUDTRAIL,
        matches: |event| {
            is(event, &["eventSource"], "cloudtrail.amazonaws.com")
                && is_in(event, &NAME, &["StopLogging", "DeleteTrail"])
                && worked(event)
        },
        title: |event| format!("AWS: the audit trail {} was switched off", word(event, &["requestParameters", "name"])),
        context: |event| {
            json!({
                "actor": word(event, &ARN),
                "remote_ip": word(event, &ADDRESS),
                "trail": word(event, &["requestParameters", "name"]),
            })
        },
    },
    Rule {
        id: "AWS.IAM.AccessKeyCreated",
        log_type: CLOUDTRAIL,
        matches: |event| is(event, &NAME, "CreateAccessKey") && worked(event),
        title: |event| format!("AWS: new access key for {}", word(event, &["requestParameters", "userName"])),
        context: |event| {
            json!({
                "actor": word(event, &ARN),
                "remote_ip": word(event, &ADDRESS),
                "user": word(event, &["requestParameters", "userName"]),
            })
        },
    },
    Rule {
        id: "AWS.S3.CustomerDataBulkRead",
        log_type: CLOUDTRAIL,
        matches: |event| {
            is(event, &NAME, "GetObject")
                && is(event, &["requestParameters", "bucketName"], CUSTOMER_BUCKET)
                && worked(event)
                && !is_in(
                    event,
                    &["userIdentity", "sessionContext", "sessionIssuer", "userName"],
                    &["etl-worker", "customer-api"],
                )
        },
        title: |event| format!("AWS: {} read many customer files", word(event, &ARN)),
        context: |event| {
            json!({
                "actor": word(event, &ARN),
                "remote_ip": word(event, &ADDRESS),
                "bucket": word(event, &["requestParameters", "bucketName"]),
            })
        },
    },
    Rule {
        id: "AWS.Access.DeniedBurst",
        log_type: CLOUDTRAIL,
        matches: |event| {
            is_in(event, &["errorCode"], &["AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation"])
        },
        title: |event| format!("AWS: many refused calls of {}", word(event, &ARN)),
        context: |event| {
            json!({
                "actor": word(event, &ARN),
                "remote_ip": word(event, &ADDRESS),
                "first_call": word(event, &NAME),
            })
        },
    },
];

fn worked(event: &Event) -> bool {
    at(event, &["errorCode"]).and_then(Value::as_str).is_none_or(str::is_empty)
}

fn receiver(event: &Event) -> &str {
    ["userName", "roleName", "groupName"]
        .into_iter()
        .find_map(|key| text(event, &["requestParameters", key]))
        .unwrap_or("unknown")
}

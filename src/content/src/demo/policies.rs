//! The policies: the resources of the company as the daily scan sees them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{company::CUSTOMER_BUCKET, raise::Finding, week::Week};

/// The id of the policy for users.
pub(super) const USERS_ID: &str = "AWS.IAM.User.ConsoleNeedsMFA";
/// The id of the policy for buckets.
pub(super) const BUCKETS_ID: &str = "AWS.S3.Bucket.PublicAccessBlocked";

/// IAM users with a password or keys.
fn users() -> [Value; 4] {
    let user = |name: &str, password: bool, mfa: bool| {
        json!({
            "ResourceType": "AWS.IAM.User",
            "UserName": name,
            "PasswordEnabled": password,
            "MfaActive": mfa,
        })
    };
    [
        user("break-glass", true, true),
        user("deploy-legacy", true, false),
        user("svc-backup", false, false),
        user("svc-reporting", false, false),
    ]
}

fn buckets() -> [Value; 4] {
    let bucket = |name: &str, closed: bool| {
        json!({
            "ResourceType": "AWS.S3.Bucket",
            "Name": name,
            "PublicAccessBlock": {
                "BlockPublicAcls": true,
                "BlockPublicPolicy": closed,
                "IgnorePublicAcls": true,
                "RestrictPublicBuckets": closed,
            },
        })
    };
    [
        bucket(CUSTOMER_BUCKET, true),
        bucket("fennwick-analytics", true),
        bucket("fennwick-logs", true),
        bucket("fennwick-marketing-site", false),
    ]
}

/// Whether a user conforms.
pub(super) fn user_conforms(user: &Value) -> bool {
    !is_true(user.get("PasswordEnabled")) || is_true(user.get("MfaActive"))
}

/// Whether a bucket conforms.
pub(super) fn bucket_conforms(bucket: &Value) -> bool {
    let block = bucket.get("PublicAccessBlock");
    ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]
        .into_iter()
        .all(|setting| is_true(block.and_then(|block| block.get(setting))))
}

fn is_true(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool) == Some(true)
}

/// What the policies find, each with the id of its policy. A policy has no events.
pub(super) fn findings(week: &Week) -> Vec<(&'static str, Finding)> {
    let text = |resource: &Value, key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let finding = |title: String, context: Value, hours: u64| Finding {
        title,
        context,
        matches: Vec::new(),
        first: None,
        last: None,
        raised: week.start().plus(Duration::from_hours(hours)),
    };
    let users = users().into_iter().filter(|user| !user_conforms(user)).map(|user| {
        let title = format!("IAM user {} has a password but no MFA", text(&user, "UserName"));
        (USERS_ID, finding(title, user, 11))
    });
    let buckets = buckets().into_iter().filter(|bucket| !bucket_conforms(bucket)).map(|bucket| {
        let title = format!("Bucket {} does not block public access", text(&bucket, "Name"));
        (BUCKETS_ID, finding(title, bucket, 35))
    });
    users.chain(buckets).collect()
}

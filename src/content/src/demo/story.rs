//! The attack, in all four logs.
//!
//! At night somebody who knows the password of an IT engineer sends him sign-in pushes until one is accepted
//! (Okta), enrols a factor and makes a service account an administrator, creates a GitHub token and clones the
//! private repositories. One of them holds the key of an old IAM user. With it the intruder signs in to AWS, gives
//! full rights to another user, switches one audit trail off, reads customer data in bulk, and sends them out from
//! a machine in the VPC. All of it is over long before now.

use std::time::Duration;

use margay_domain::clock::Timestamp;
use serde_json::{Value, json};

use super::{
    cloudtrail::{Call, Who, object_request, object_resources, transfer},
    company::{AMSTERDAM, ATTACKER, ATTACKER_STAGING, BROWSER, CUSTOMER_BUCKET, VICTIM, employee, host_named},
    dice::Dice,
    github,
    logs::Logs,
    okta::{self, LINUX, Outcome, Place},
    vpc_flow::{Flow, STORAGE},
    week::Week,
};

const LEAKED_USER: &str = "deploy-legacy";
const SECOND_USER: &str = "svc-reporting";
const SERVICE_ACCOUNT: &str = "svc-directory-sync@example.com";
const TOOL: &str = "Boto3/1.38.0 md/Botocore#1.38.0 ua/2.1 os/linux#6.12.25 md/arch#x86_64 lang/python#3.13.2";
const INSTANCE_TOOL: &str = "aws-cli/2.27.22 md/awscrt#0.26.1 ua/2.1 os/linux#6.1.141 md/arch#x86_64";

/// Adds the attack.
pub(super) fn tell(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    let night = week.night();
    let after = |seconds: u64| night.plus(Duration::from_secs(seconds));
    identity(dice, logs, after);
    source_code(dice, logs, after);
    cloud(dice, logs, after);
    network(dice, logs, after);
}

fn identity(dice: &mut Dice, logs: &mut Logs, after: impl Fn(u64) -> Timestamp) {
    let place = Place { address: ATTACKER, city: AMSTERDAM, agent: LINUX, session: "intrusion" };
    let log = &mut logs.okta;
    for offset in [0, 41] {
        let mut entry = okta::Entry::new(after(offset), "user.session.start", "User login to Okta", VICTIM, place);
        entry.outcome = Outcome::Failure("INVALID_CREDENTIALS");
        log.push(entry.into_event(dice));
    }
    let push = |seconds: u64| {
        let message = "Send factor verify push notification";
        let mut entry = okta::Entry::new(after(seconds), "system.push.send_factor_verify_push", message, VICTIM, place);
        entry.targets.push(okta::user(VICTIM));
        entry
    };
    for round in 0..11 {
        let sent = 100 + round * 70 + dice.below(15);
        log.push(push(sent).into_event(dice));
        let message = "User rejected Okta push verify";
        let refused = after(sent + dice.between(9, 26));
        let mut entry = okta::Entry::new(refused, "user.mfa.okta_verify.deny_push", message, VICTIM, place);
        entry.outcome = Outcome::Failure("USER_REJECTED_OKTA_VERIFY_PUSH");
        entry.debug.push(("factor", "OKTA_VERIFY_PUSH".into()));
        entry.targets.push(okta::user(VICTIM));
        log.push(entry.into_event(dice));
    }
    log.push(push(902).into_event(dice));
    let mut add = |offset: u64, kind, message, targets: Vec<Value>, debug: Vec<(&'static str, Value)>| {
        let mut entry = okta::Entry::new(after(offset), kind, message, VICTIM, place);
        entry.targets = targets;
        entry.debug = debug;
        log.push(entry.into_event(dice));
    };
    let factor = |name: &'static str| vec![("factor", Value::from(name))];
    let sso = ("user.authentication.sso", "User single sign on to app");
    let victim = okta::user(VICTIM);
    let enrolled = json!({
        "id": "ost7c1e0f4a92b6d3ZK5d7",
        "type": "AuthenticatorEnrollment",
        "alternateId": "unknown",
        "displayName": "Google Authenticator",
        "detailEntry": null,
    });
    let mfa = ("user.authentication.auth_via_mfa", "Authentication of user via MFA");
    add(914, mfa.0, mfa.1, vec![victim.clone()], factor("OKTA_VERIFY_PUSH"));
    add(915, "user.session.start", "User login to Okta", Vec::new(), Vec::new());
    add(1012, sso.0, sso.1, vec![okta::application("Okta Admin Console")], Vec::new());
    let activate = ("user.mfa.factor.activate", "Activate factor or authenticator enrollment method for user");
    add(1130, activate.0, activate.1, vec![victim, enrolled], factor("GOOGLE_OTP"));
    let role = vec![("privilegeGranted", Value::from("Super administrator"))];
    add(1304, "user.account.privilege.grant", "Grant user privilege", vec![okta::user(SERVICE_ACCOUNT)], role);
    add(1421, sso.0, sso.1, vec![okta::application("GitHub")], Vec::new());
    add(2710, sso.0, sso.1, vec![okta::application("Notion")], Vec::new());
}

fn source_code(dice: &mut Dice, logs: &mut Logs, after: impl Fn(u64) -> Timestamp) {
    let actor = employee(VICTIM).map_or("unknown", |victim| victim.github);
    let entry = |offset: u64, action: &'static str, operation: &'static str| github::Entry {
        at: after(offset),
        action,
        operation,
        actor,
        address: ATTACKER,
        country: "NL",
        agent: BROWSER,
        repository: None,
        more: Vec::new(),
    };
    let mut token = entry(1483, "personal_access_token.access_granted", "create");
    token.more = vec![
        ("user_programmatic_access_name", "ci-sync".into()),
        ("programmatic_access_type", "Fine-grained personal access token".into()),
        ("repository_selection", "all".into()),
    ];
    logs.github.push(token.into_event(dice));
    // All private repositories but one.
    for (repository, number) in github::REPOSITORIES.iter().filter(|repository| !repository.public).zip(0..9) {
        let mut clone = entry(1506 + number * 52 + dice.below(20), "git.clone", "access");
        clone.agent = github::GIT;
        clone.repository = Some(*repository);
        clone.more = vec![
            ("transport_protocol_name", "http".into()),
            ("transport_protocol", 1.into()),
            ("programmatic_access_type", "Fine-grained personal access token".into()),
        ];
        logs.github.push(clone.into_event(dice));
    }
    let mut key = entry(2306, "public_key.create", "create");
    key.repository = github::REPOSITORIES.first().copied();
    key.more = vec![("title", "ci-sync".into()), ("read_only", "false".into())];
    logs.github.push(key.into_event(dice));
}

fn cloud(dice: &mut Dice, logs: &mut Logs, after: impl Fn(u64) -> Timestamp) {
    let leaked = Who::User(LEAKED_USER);
    let call = |offset: u64, service: &'static str, action: &'static str| {
        let mut call = Call::new(after(offset), leaked, service, action, ATTACKER, TOOL);
        if service == "iam" || service == "sts" {
            call.region = "us-east-1";
        }
        call
    };
    let mut calls = Vec::new();
    let mut first = call(4102, "sts", "GetCallerIdentity");
    first.address = ATTACKER_STAGING;
    calls.push(first);
    let mut policies = call(4177, "iam", "ListAttachedUserPolicies");
    policies.request = json!({ "userName": LEAKED_USER });
    calls.push(policies);
    let mut secrets = call(4243, "secretsmanager", "ListSecrets");
    secrets.error = Some("AccessDeniedException");
    calls.push(secrets);
    let mut password = call(4409, "iam", "UpdateLoginProfile");
    password.writes = true;
    password.request = json!({ "userName": LEAKED_USER, "passwordResetRequired": false });
    calls.push(password);
    let mut console = call(4521, "signin", "ConsoleLogin");
    console.agent = BROWSER;
    console.writes = true;
    console.response = json!({ "ConsoleLogin": "Success" });
    console.extra =
        json!({ "MobileVersion": "No", "MFAUsed": "No", "LoginTo": "https://console.aws.amazon.com/s3/home" });
    calls.push(console);
    calls.push(call(4613, "s3", "ListBuckets"));
    for (offset, action) in [(4641, "GetBucketLocation"), (4655, "GetBucketPolicy"), (4672, "GetBucketVersioning")] {
        let mut look = call(offset, "s3", action);
        look.request = json!({ "bucketName": CUSTOMER_BUCKET });
        calls.push(look);
    }
    let mut new_key = call(4907, "iam", "CreateAccessKey");
    new_key.writes = true;
    new_key.request = json!({ "userName": SECOND_USER });
    new_key.response = json!({ "accessKey": {
        "userName": SECOND_USER,
        "accessKeyId": "AKIAQ7M2XKP4REXAMPLE",
        "status": "Active",
    } });
    calls.push(new_key);
    let mut full_rights = call(5054, "iam", "AttachUserPolicy");
    full_rights.writes = true;
    full_rights.request =
        json!({ "userName": SECOND_USER, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess" });
    calls.push(full_rights);
    let mut stop = call(5311, "cloudtrail", "StopLogging");
    stop.writes = true;
    stop.who = Who::User(SECOND_USER);
    stop.request = json!({ "name": "fennwick-audit" });
    calls.push(stop);
    for call in calls {
        logs.cloudtrail.push(call.into_event(dice));
    }
    reading(dice, logs, after);
}

/// The customer data: first straight to the attacker, then onto a machine in the VPC.
fn reading(dice: &mut Dice, logs: &mut Logs, after: impl Fn(u64) -> Timestamp) {
    let worker = host_named("etl-worker-2");
    let who = Who::User(SECOND_USER);
    let mut session = Call::new(after(7020), who, "ssm", "StartSession", ATTACKER, TOOL);
    session.writes = true;
    session.request = json!({ "target": worker.instance });
    session.response = json!({ "sessionId": format!("{SECOND_USER}-{}", dice.hex()) });
    logs.cloudtrail.push(session.into_event(dice));
    for number in 0..190 {
        let (at, address, agent) = if number < 44 {
            (5520 + number * 31, ATTACKER, TOOL)
        } else {
            (7140 + (number - 44) * 12, worker.address, INSTANCE_TOOL)
        };
        let key = format!("exports/customers-{number:04}.parquet");
        let mut read = Call::new(after(at + dice.below(9)), who, "s3", "GetObject", address, agent);
        read.data = true;
        read.request = object_request(CUSTOMER_BUCKET, &key);
        read.extra = transfer(dice.between(21_000_000, 29_000_000), 0);
        read.resources = object_resources(CUSTOMER_BUCKET, &key);
        logs.cloudtrail.push(read.into_event(dice));
    }
}

fn network(dice: &mut Dice, logs: &mut Logs, after: impl Fn(u64) -> Timestamp) {
    let host = host_named("etl-worker-2");
    let mut flow = |at: Timestamp, out: bool, peer: &str, service: u64, bytes: u64, dice: &mut Dice| {
        let port = dice.between(32_768, 60_999);
        let flow = Flow { at, host, out, peer, port, peer_port: service, bytes, accepted: true };
        logs.vpc_flow.push(flow.into_event());
    };
    // What the machine gets from storage.
    for (number, endpoint) in (0..30).zip(STORAGE.iter().cycle()) {
        flow(after(7150 + number * 60), false, endpoint, 443, dice.between(110_000_000, 150_000_000), dice);
    }
    // What leaves it.
    for number in 0..16 {
        let at = after(9304 + number * 172 + dice.below(40));
        flow(at, true, ATTACKER, 443, dice.between(180_000_000, 290_000_000), dice);
        flow(at, false, ATTACKER, 443, dice.between(900_000, 2_000_000), dice);
    }
    for number in 0..3 {
        flow(after(11_400 + number * 240), true, ATTACKER_STAGING, 8443, dice.between(61_000_000, 88_000_000), dice);
    }
}

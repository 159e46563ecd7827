//! What raises alerts in an ordinary week: forgotten passwords, trips, new telephones, urgent fixes, mistakes.

use std::time::Duration;

use margay_domain::clock::Timestamp;
use serde_json::{Value, json};

use super::{
    cloudtrail::{Call, Who, object_request, object_resources, transfer},
    company::{
        AMSTERDAM, BROWSER, CUSTOMER_BUCKET, City, EMPLOYEES, Employee, PARTNER, STOCKHOLM, employee, host_named,
    },
    dice::Dice,
    github,
    logs::Logs,
    okta::{self, MAC, Outcome, PHONE, Place, WINDOWS},
    vpc_flow::Flow,
    week::Week,
};

const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 terraform-provider-aws/6.2.0";
const CLI: &str = "aws-cli/2.27.50 md/awscrt#0.26.1 ua/2.1 os/macos#24.5.0 md/arch#arm64 lang/python#3.13.4";
const TASK: &str = "aws-sdk-go-v2/1.36.5 ua/2.1 os/linux lang/go#1.24.4";

/// Adds all of it.
pub(super) fn add(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    forgotten_passwords(week, dice, logs);
    trips(week, dice, logs);
    devices_and_roles(week, dice, logs);
    single_refusals(week, dice, logs);
    github_habits(week, dice, logs);
    new_laptop(week, dice, logs);
    refused_calls(week, dice, logs);
    planned_changes(week, dice, logs);
    backfill(week, dice, logs);
    transfers_and_doors(week, dice, logs);
}

fn later(at: Timestamp, seconds: u64) -> Timestamp {
    at.plus(Duration::from_secs(seconds))
}

/// A person by e-mail address; the first one if there is no such person.
fn person(email: &str) -> &'static Employee {
    employee(email).unwrap_or(&EMPLOYEES[0])
}

fn forgotten_passwords(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    for (email, days, minute) in [
        ("felix.wagner@example.com", 6, 532),
        ("grace.osei@example.com", 4, 845),
        ("marta.kowalska@example.com", 2, 550),
        ("samuel.pinto@example.com", 1, 820),
    ] {
        let start = week.workday(days, minute);
        let address = person(email).home_address();
        let place = Place { address: &address, city: person(email).city, agent: WINDOWS, session: email };
        let tries = dice.between(5, 8);
        for number in 0..=tries {
            let at = later(start, number * 24 + dice.below(11));
            let mut entry = okta::Entry::new(at, "user.session.start", "User login to Okta", email, place);
            if number < tries {
                entry.outcome = Outcome::Failure("INVALID_CREDENTIALS");
            }
            logs.okta.push(entry.into_event(dice));
        }
    }
}

fn trips(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    let trips: [(&str, City, &str, u64, u64); 3] = [
        ("oscar.nwosu@example.com", STOCKHOLM, "192.0.2.188", 5, 511),
        ("oscar.nwosu@example.com", STOCKHOLM, "192.0.2.188", 3, 497),
        ("emily.carter@example.com", AMSTERDAM, "192.0.2.189", 6, 560),
    ];
    for (email, city, address, days, minute) in trips {
        let place = Place { address, city, agent: MAC, session: email };
        let at = week.workday(days, minute);
        for (offset, kind, message) in [
            (0, "system.push.send_factor_verify_push", "Send factor verify push notification"),
            (8, "user.authentication.auth_via_mfa", "Authentication of user via MFA"),
            (9, "user.session.start", "User login to Okta"),
        ] {
            let mut entry = okta::Entry::new(later(at, offset), kind, message, email, place);
            entry.targets.push(okta::user(email));
            logs.okta.push(entry.into_event(dice));
        }
        let mut entry =
            okta::Entry::new(later(at, 40), "user.authentication.sso", "User single sign on to app", email, place);
        entry.targets.push(okta::application("Google Workspace"));
        logs.okta.push(entry.into_event(dice));
    }
}

fn devices_and_roles(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    const ACTIVATE: &str = "user.mfa.factor.activate";
    const MESSAGE: &str = "Activate factor or authenticator enrollment method for user";
    for (email, days, minute, in_office) in [
        ("yuki.tanabe@example.com", 6, 1110, false),
        ("pedro.almeida@example.com", 3, 1172, false),
        ("ines.carvalho@example.com", 4, 640, true),
    ] {
        let home = person(email).home_address();
        let address = if in_office { person(email).office_address() } else { home.as_str() };
        let place = Place { address, city: person(email).city, agent: PHONE, session: email };
        let mut entry = okta::Entry::new(week.workday(days, minute), ACTIVATE, MESSAGE, email, place);
        entry.debug.push(("factor", "OKTA_VERIFY_PUSH".into()));
        entry.targets.push(okta::user(email));
        logs.okta.push(entry.into_event(dice));
    }
    let administrator = "maya.lindqvist@example.com";
    let place = Place {
        address: person(administrator).office_address(),
        city: person(administrator).city,
        agent: MAC,
        session: "administration",
    };
    let at = week.workday(5, 905);
    let mut entry = okta::Entry::new(at, "user.account.privilege.grant", "Grant user privilege", administrator, place);
    entry.targets.push(okta::user("jonas.becker@example.com"));
    entry.debug.push(("privilegeGranted", "Help desk administrator".into()));
    logs.okta.push(entry.into_event(dice));
}

/// A push that a person did not want; far from enough in an hour to raise an alert.
fn single_refusals(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    for (email, days, minute) in [("rui.tavares@example.com", 5, 700), ("aoife.nolan@example.com", 2, 990)] {
        let address = person(email).home_address();
        let place = Place { address: &address, city: person(email).city, agent: MAC, session: email };
        let at = week.workday(days, minute);
        let mut entry =
            okta::Entry::new(at, "user.mfa.okta_verify.deny_push", "User rejected Okta push verify", email, place);
        entry.outcome = Outcome::Failure("USER_REJECTED_OKTA_VERIFY_PUSH");
        entry.targets.push(okta::user(email));
        logs.okta.push(entry.into_event(dice));
    }
}

fn repository(name: &str) -> Option<github::Repository> {
    github::REPOSITORIES.iter().find(|repository| repository.name == name).copied()
}

/// Something on GitHub that deserves a look.
struct Deed {
    email: &'static str,
    /// Days before now, and the minute of the day.
    when: (u64, u64),
    action: &'static str,
    repository: &'static str,
    in_office: bool,
    more: Vec<(&'static str, Value)>,
}

fn deed(email: &'static str, when: (u64, u64), action: &'static str, repository: &'static str) -> Deed {
    Deed { email, when, action, repository, in_office: true, more: Vec::new() }
}

fn github_habits(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    const TOKEN: &str = "personal_access_token.access_granted";
    const OVERRIDE: &str = "protected_branch.policy_override";
    const KEY: &str = "public_key.create";
    let key = |read_only: &'static str| vec![("title", Value::from("deploy")), ("read_only", Value::from(read_only))];
    let token = |name: &'static str| vec![("user_programmatic_access_name", Value::from(name))];
    let deeds = [
        Deed {
            in_office: false,
            more: token("local-scripts"),
            ..deed("hugo.duarte@example.com", (5, 1205), TOKEN, "")
        },
        Deed { more: token("release-notes"), ..deed("daniel.okafor@example.com", (3, 655), TOKEN, "") },
        Deed { more: key("false"), ..deed("jonas.becker@example.com", (4, 875), KEY, "infra-live") },
        Deed { more: key("true"), ..deed("ravi.menon@example.com", (2, 690), KEY, "etl-pipelines") },
        deed("ana.ribeiro@example.com", (6, 951), OVERRIDE, "orders-api"),
        deed("chiara.conti@example.com", (4, 1004), OVERRIDE, "storefront"),
        deed("chiara.conti@example.com", (4, 1019), OVERRIDE, "storefront"),
        deed("noah.byrne@example.com", (1, 880), "protected_branch.destroy", "mobile-app"),
    ];
    for Deed { email, when, action, repository: name, in_office, more } in deeds {
        let who = person(email);
        let home = who.home_address();
        let entry = github::Entry {
            at: week.workday(when.0, when.1),
            action,
            operation: if action.starts_with("protected_branch.") { "modify" } else { "create" },
            actor: who.github,
            address: if in_office { who.office_address() } else { home.as_str() },
            country: github::country_code(who.city.country),
            agent: BROWSER,
            repository: repository(name),
            more,
        };
        logs.github.push(entry.into_event(dice));
    }
}

/// A new laptop gets all repositories of the team.
fn new_laptop(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    let who = person("clara.jensen@example.com");
    let start = week.workday(6, 622);
    let names =
        ["orders-api", "customer-api", "storefront", "data-models", "internal-tools", "infra-live", "etl-pipelines"];
    for (name, offset) in names.into_iter().zip((0_u64..).step_by(95)) {
        let entry = github::Entry {
            at: later(start, offset + dice.below(30)),
            action: "git.clone",
            operation: "access",
            actor: who.github,
            address: who.office_address(),
            country: github::country_code(who.city.country),
            agent: github::GIT,
            repository: repository(name),
            more: vec![("transport_protocol_name", "ssh".into()), ("transport_protocol", 2.into())],
        };
        logs.github.push(entry.into_event(dice));
    }
}

fn refused_calls(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    let curious: [(&str, u64, u64, u64); 2] =
        [("ravi.menon@example.com", 5, 672, 11), ("hugo.duarte@example.com", 1, 741, 9)];
    let doors = [
        ("iam", "ListUsers"),
        ("kms", "ListKeys"),
        ("organizations", "DescribeOrganization"),
        ("rds", "DescribeDBSnapshots"),
        ("secretsmanager", "ListSecrets"),
    ];
    for (email, days, minute, count) in curious {
        let who = person(email);
        let start = week.workday(days, minute);
        for (number, (service, action)) in (0..count).zip(doors.into_iter().cycle()) {
            let at = later(start, number * 47);
            let mut call = Call::new(at, Who::Person(who), service, action, who.office_address(), CLI);
            call.error = Some("AccessDenied");
            logs.cloudtrail.push(call.into_event(dice));
        }
    }
    // A release whose role lacks a right on the key.
    let start = week.workday(3, 878);
    let role = Who::Role { name: "orders-api", session: "task-5c1e" };
    for number in 0..34 {
        let at = later(start, number * 38 + dice.below(12));
        let mut call = Call::new(at, role, "kms", "Decrypt", "192.0.2.30", TASK);
        call.error = Some("AccessDenied");
        logs.cloudtrail.push(call.into_event(dice));
    }
}

fn planned_changes(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    let maya = person("maya.lindqvist@example.com");
    let mut rotation =
        Call::new(week.workday(4, 618), Who::Person(maya), "iam", "CreateAccessKey", maya.office_address(), CLI);
    rotation.region = "us-east-1";
    rotation.writes = true;
    rotation.request = json!({ "userName": "svc-backup" });
    rotation.response =
        json!({ "accessKey": { "userName": "svc-backup", "accessKeyId": "AKIAR4T9WLB6VEXAMPLE", "status": "Active" } });
    logs.cloudtrail.push(rotation.into_event(dice));

    let jonas = person("jonas.becker@example.com");
    let mut attach = Call::new(
        week.workday(5, 571),
        Who::Person(jonas),
        "iam",
        "AttachRolePolicy",
        jonas.office_address(),
        TERRAFORM,
    );
    attach.region = "us-east-1";
    attach.writes = true;
    attach.request =
        json!({ "roleName": "migration-2-temporary", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess" });
    logs.cloudtrail.push(attach.into_event(dice));

    // The yearly test of the emergency user, with its second factor.
    let mut drill = Call::new(
        week.workday(6, 655),
        Who::User("break-glass"),
        "signin",
        "ConsoleLogin",
        jonas.office_address(),
        BROWSER,
    );
    drill.writes = true;
    drill.response = json!({ "ConsoleLogin": "Success" });
    drill.extra = json!({ "MobileVersion": "No", "MFAUsed": "Yes", "LoginTo": "https://console.aws.amazon.com/" });
    logs.cloudtrail.push(drill.into_event(dice));
}

/// A data engineer reads customer files by hand, as agreed.
fn backfill(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    let hannah = person("hannah.schmidt@example.com");
    let start = week.workday(3, 605);
    for number in 0..62 {
        let key = format!("events/part-{:05}.parquet", number * 7);
        let at = later(start, number * 19 + dice.below(10));
        let mut read = Call::new(at, Who::Person(hannah), "s3", "GetObject", hannah.office_address(), CLI);
        read.data = true;
        read.request = object_request(CUSTOMER_BUCKET, &key);
        read.extra = transfer(dice.between(400_000, 5_000_000), 0);
        read.resources = object_resources(CUSTOMER_BUCKET, &key);
        logs.cloudtrail.push(read.into_event(dice));
    }
}

fn transfers_and_doors(week: &Week, dice: &mut Dice, logs: &mut Logs) {
    // The weekly file for a partner.
    let start = week.workday(6, 184);
    for number in 0..4 {
        let flow = Flow {
            at: later(start, number * 60),
            host: host_named("etl-worker-1"),
            out: true,
            peer: PARTNER,
            port: 49_210,
            peer_port: 22,
            bytes: dice.between(58_000_000, 94_000_000),
            accepted: true,
        };
        logs.vpc_flow.push(flow.into_event());
    }
    // A security group that was open for an hour.
    let start = week.workday(2, 793);
    for (offset, scanner) in [(0, "198.51.100.167"), (640, "198.51.100.167"), (1510, "198.51.100.201")] {
        let flow = Flow {
            at: later(start, offset),
            host: host_named("web-2"),
            out: false,
            peer: scanner,
            port: 22,
            peer_port: dice.between(40_000, 65_000),
            bytes: dice.between(1400, 3900),
            accepted: true,
        };
        logs.vpc_flow.push(flow.into_event());
    }
}

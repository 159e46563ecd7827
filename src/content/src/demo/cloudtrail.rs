//! CloudTrail: how an event looks, and an ordinary week of them.

use std::time::Duration;

use margay_domain::clock::Timestamp;
use serde_json::{Value, json};

use super::{
    company::{ACCOUNT, BROWSER, CUSTOMER_BUCKET, DEV_ACCOUNT, EMPLOYEES, Employee, REGION, host_named},
    dice::{Dice, spell},
    logs::{Event, fields, seconds_text, whole_seconds},
    week::{Rhythm, Week, is_weekend},
};

/// The address of the VPC's gateway to the internet.
const GATEWAY: &str = "192.0.2.30";
const CLI: &str = "aws-cli/2.27.50 md/awscrt#0.26.1 ua/2.1 os/macos#24.5.0 md/arch#arm64 lang/python#3.13.4";
const CONSOLE: &str = "AWS Internal";
const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 terraform-provider-aws/6.2.0";
const BOTO: &str = "Boto3/1.39.4 md/Botocore#1.39.4 ua/2.1 os/linux#6.1.141 md/arch#x86_64 lang/python#3.12.11";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who<'a> {
    /// A person through single sign-on.
    Person(&'a Employee),
    /// A role of a program.
    Role { name: &'a str, session: &'a str },
    /// An IAM user with a key or a password.
    User(&'a str),
    /// A service of AWS itself.
    Service(&'a str),
}

impl Who<'_> {
    /// The ARN; empty for services.
    fn arn(&self, account: &str) -> String {
        match self {
            Who::Person(employee) => {
                format!("arn:aws:sts::{account}:assumed-role/{}/{}", sso_role(employee.aws_role), employee.email())
            }
            Who::Role { name, session } => format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
            Who::User(name) => user_arn(account, name),
            Who::Service(_) => String::new(),
        }
    }

    fn identity(&self, account: &str, time: &str) -> Value {
        match self {
            Who::Person(employee) => {
                let role = sso_role(employee.aws_role);
                let role_arn = format!("arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/{REGION}/{role}");
                assumed(&self.arn(account), &role, &role_arn, &employee.email(), account, time)
            }
            Who::Role { name, session } => {
                let role_arn = format!("arn:aws:iam::{account}:role/{name}");
                assumed(&self.arn(account), name, &role_arn, session, account, time)
            }
            Who::User(name) => json!({
                "type": "IAMUser",
                "principalId": format!("AIDA{}EXAMPLE", spell(name, CAPITALS, 10)),
                "arn": user_arn(account, name),
                "accountId": account,
                "accessKeyId": format!("AKIA{}EXAMPLE", spell(name, CAPITALS, 9)),
                "userName": name,
            }),
            Who::Service(name) => json!({ "type": "AWSService", "invokedBy": name }),
        }
    }
}

/// The ARN of an IAM user.
pub(super) fn user_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:user/{name}")
}

fn sso_role(permission_set: &str) -> String {
    format!("AWSReservedSSO_{permission_set}_{}", spell(permission_set, b"0123456789abcdef", 16))
}

fn assumed(arn: &str, role: &str, role_arn: &str, session: &str, account: &str, time: &str) -> Value {
    let id = format!("AROA{}EXAMPLE", spell(role, CAPITALS, 10));
    // A session begins with the hour of the call, at the latest.
    let hour = time.get(..13).unwrap_or(time);
    json!({
        "type": "AssumedRole",
        "principalId": format!("{id}:{session}"),
        "arn": arn,
        "accountId": account,
        "accessKeyId": format!("ASIA{}EXAMPLE", spell(&format!("{session}{hour}"), CAPITALS, 9)),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": id,
                "arn": role_arn,
                "accountId": account,
                "userName": role,
            },
            "attributes": { "creationDate": format!("{hour}:00:00Z"), "mfaAuthenticated": "false" },
        },
    })
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) at: Timestamp,
    pub(super) who: Who<'a>,
    /// Without `.amazonaws.com`.
    pub(super) service: &'a str,
    pub(super) action: &'a str,
    pub(super) address: &'a str,
    pub(super) agent: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    /// Whether it changes something.
    pub(super) writes: bool,
    /// Whether it is a data event such as reading an object.
    pub(super) data: bool,
    pub(super) request: Value,
    pub(super) response: Value,
    pub(super) error: Option<&'a str>,
    pub(super) extra: Value,
    pub(super) resources: Value,
}

impl<'a> Call<'a> {
    /// A call that only reads.
    pub(super) const fn new(
        at: Timestamp,
        who: Who<'a>,
        service: &'a str,
        action: &'a str,
        address: &'a str,
        agent: &'a str,
    ) -> Self {
        Self {
            at,
            who,
            service,
            action,
            address,
            agent,
            region: REGION,
            account: ACCOUNT,
            writes: false,
            data: false,
            request: Value::Null,
            response: Value::Null,
            error: None,
            extra: Value::Null,
            resources: Value::Null,
        }
    }

    /// The event.
    pub(super) fn into_event(self, dice: &mut Dice) -> (Timestamp, Event) {
        let at = whole_seconds(self.at);
        let time = seconds_text(at);
        let is_sign_in = self.service == "signin";
        let source = format!("{}.amazonaws.com", self.service);
        let mut event = fields([
            ("eventVersion", "1.11".into()),
            ("userIdentity", self.who.identity(self.account, &time)),
            ("eventTime", time.into()),
            ("eventSource", source.into()),
            ("eventName", self.action.into()),
            ("awsRegion", self.region.into()),
            ("sourceIPAddress", self.address.into()),
            ("userAgent", self.agent.into()),
        ]);
        let mut put = |name: &str, value: Value| event.insert(name.to_owned(), value);
        if let Some(code) = self.error {
            let what = format!("{}:{}", self.service, self.action);
            let who = self.who.arn(self.account);
            let message =
                format!("User: {who} is not authorized to perform: {what}: no policy allows the {what} action");
            put("errorCode", code.into());
            put("errorMessage", message.into());
        }
        put("requestParameters", self.request);
        put("responseElements", self.response);
        if !self.extra.is_null() {
            put("additionalEventData", self.extra);
        }
        if !is_sign_in {
            put("requestID", dice.uuid().into());
        }
        put("eventID", dice.uuid().into());
        put("readOnly", (!self.writes).into());
        if !self.resources.is_null() {
            put("resources", self.resources);
        }
        put("eventType", if is_sign_in { "AwsConsoleSignIn" } else { "AwsApiCall" }.into());
        put("managementEvent", (!self.data).into());
        put("recipientAccountId", self.account.into());
        put("eventCategory", if self.data { "Data" } else { "Management" }.into());
        if !matches!(self.who, Who::Service(_)) {
            put("tlsDetails", tls(self.service, self.region));
        }
        (at, event)
    }
}

fn tls(service: &str, region: &str) -> Value {
    json!({
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": format!("{service}.{region}.amazonaws.com"),
    })
}

/// A person's sign-in through Okta: the role, then the console.
fn sign_in(at: Timestamp, employee: &Employee, address: &str, dice: &mut Dice) -> [(Timestamp, Event); 2] {
    let role = sso_role(employee.aws_role);
    let mut assume = Call::new(
        at,
        Who::Service("sso.amazonaws.com"),
        "sts",
        "AssumeRoleWithSAML",
        "sso.amazonaws.com",
        "sso.amazonaws.com",
    );
    assume.region = "us-east-1";
    assume.request = json!({
        "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{REGION}/{role}"),
        "roleSessionName": employee.email(),
        "durationSeconds": 28800,
    });
    let mut console =
        Call::new(at.plus(Duration::from_secs(2)), Who::Person(employee), "signin", "ConsoleLogin", address, BROWSER);
    console.writes = true;
    console.response = json!({ "ConsoleLogin": "Success" });
    console.extra = json!({ "MobileVersion": "No", "MFAUsed": "No", "LoginTo": "https://console.aws.amazon.com/" });
    [assume.into_event(dice), console.into_event(dice)]
}

/// What a person calls: weight, then service, action, whether it writes.
const CALLS_OF_PEOPLE: [(u64, (&str, &str, bool)); 24] = [
    (16, ("ec2", "DescribeInstances", false)),
    (8, ("ec2", "DescribeSecurityGroups", false)),
    (4, ("ec2", "DescribeVolumes", false)),
    (2, ("ec2", "CreateTags", true)),
    (12, ("logs", "FilterLogEvents", false)),
    (8, ("logs", "DescribeLogGroups", false)),
    (9, ("monitoring", "DescribeAlarms", false)),
    (7, ("monitoring", "GetMetricData", false)),
    (8, ("sts", "GetCallerIdentity", false)),
    (7, ("s3", "ListBuckets", false)),
    (5, ("s3", "GetBucketLocation", false)),
    (4, ("s3", "GetBucketPolicy", false)),
    (6, ("lambda", "ListFunctions20150331", false)),
    (4, ("lambda", "GetFunction20150331v2", false)),
    (5, ("rds", "DescribeDBInstances", false)),
    (6, ("ecs", "DescribeServices", false)),
    (3, ("ecs", "UpdateService", true)),
    (5, ("cloudformation", "DescribeStacks", false)),
    (4, ("iam", "ListRoles", false)),
    (3, ("iam", "ListUsers", false)),
    (3, ("iam", "GetRole", false)),
    (3, ("secretsmanager", "GetSecretValue", false)),
    (3, ("kms", "DescribeKey", false)),
    (2, ("ssm", "StartSession", true)),
];

const BUCKETS: [&str; 4] =
    ["fennwick-analytics", "fennwick-build-artifacts", "fennwick-logs", "fennwick-marketing-site"];
const SERVICES: [&str; 5] = ["orders-api", "customer-api", "storefront", "telemetry", "mailer"];

/// Request and response of a person's call.
fn details(action: &str, dice: &mut Dice) -> (Value, Value) {
    let service = *dice.pick(&SERVICES);
    let request = match action {
        "DescribeInstances" | "DescribeVolumes" => json!({ "maxResults": 100, "filterSet": {} }),
        "DescribeSecurityGroups" => json!({ "securityGroupSet": {}, "filterSet": {} }),
        "CreateTags" => json!({
            "resourcesSet": { "items": [{ "resourceId": host_named("api-1").instance }] },
            "tagSet": { "items": [{ "key": "service", "value": service }] },
        }),
        "FilterLogEvents" => json!({ "logGroupName": format!("/ecs/{service}"), "limit": 100 }),
        "DescribeAlarms" => json!({ "alarmNamePrefix": service }),
        "GetMetricData" => json!({ "metricDataQueries": [{ "id": "m1", "label": service }] }),
        "GetBucketLocation" | "GetBucketPolicy" => {
            json!({ "bucketName": dice.pick(&BUCKETS), "Host": "s3.eu-west-1.amazonaws.com" })
        }
        "GetFunction20150331v2" => json!({ "functionName": format!("{service}-worker") }),
        "DescribeServices" | "UpdateService" => json!({ "cluster": "production", "service": service }),
        "DescribeStacks" => json!({ "stackName": format!("fennwick-{service}") }),
        "GetRole" => json!({ "roleName": service }),
        "GetSecretValue" => json!({ "secretId": format!("production/{service}/settings") }),
        "DescribeKey" => json!({ "keyId": "alias/fennwick-data" }),
        "StartSession" => json!({ "target": host_named("api-2").instance }),
        _ => Value::Null,
    };
    let response = match action {
        "CreateTags" => json!({ "_return": true }),
        "UpdateService" => json!({ "service": { "serviceName": service, "status": "ACTIVE", "desiredCount": 3 } }),
        "StartSession" => json!({ "sessionId": format!("session-{}", dice.hex()) }),
        _ => Value::Null,
    };
    (request, response)
}

/// An ordinary week.
pub(super) fn background(week: &Week, dice: &mut Dice) -> Vec<(Timestamp, Event)> {
    let mut log = Vec::with_capacity(6200);
    people(week, dice, &mut log);
    deployments(week, dice, &mut log);
    data_jobs(week, dice, &mut log);
    monitoring(week, dice, &mut log);
    services(week, dice, &mut log);
    log
}

fn people(week: &Week, dice: &mut Dice, log: &mut Vec<(Timestamp, Event)>) {
    let engineers: Vec<&Employee> = EMPLOYEES.iter().filter(|employee| !employee.aws_role.is_empty()).collect();
    for midnight in week.midnights().into_iter().filter(|midnight| !is_weekend(*midnight)) {
        for employee in &engineers {
            let at = midnight.plus(Duration::from_secs(dice.between(7 * 3600 + 1800, 10 * 3600)));
            if week.contains(at) {
                log.extend(sign_in(at, employee, employee.office_address(), dice));
            }
        }
    }
    for _ in 0..2250 {
        let employee = *dice.pick(&engineers);
        let home = employee.home_address();
        let (service, action, writes) = *dice.weighted(&CALLS_OF_PEOPLE);
        let at = week.pick(dice, Rhythm::Office);
        let address = if dice.chance(62) { employee.office_address() } else { home.as_str() };
        let agent = match (employee.team, dice.below(10)) {
            ("Platform", 0..=3) => TERRAFORM,
            (_, 0..=5) => CLI,
            _ => CONSOLE,
        };
        let mut call = Call::new(at, Who::Person(employee), service, action, address, agent);
        (call.request, call.response) = details(action, dice);
        call.writes = writes;
        if service == "iam" || service == "sts" {
            call.region = "us-east-1";
        }
        // Now and then somebody lacks a right; far from enough in an hour to raise an alert.
        if !writes && dice.chance(1) {
            call.error = Some("AccessDenied");
            call.response = Value::Null;
        }
        log.push(call.into_event(dice));
    }
}

fn deployments(week: &Week, dice: &mut Dice, log: &mut Vec<(Timestamp, Event)>) {
    let deployer = Who::Role { name: "github-actions-deploy", session: "GitHubActions" };
    for _ in 0..115 {
        let start = week.pick(dice, Rhythm::Office);
        let account = if dice.chance(60) { DEV_ACCOUNT } else { ACCOUNT };
        let service = *dice.pick(&SERVICES);
        let image = dice.hex();
        let steps: [(&str, &str, bool, Value, Value); 6] = [
            (
                "sts",
                "AssumeRoleWithWebIdentity",
                false,
                json!({
                    "roleArn": format!("arn:aws:iam::{account}:role/github-actions-deploy"),
                    "roleSessionName": "GitHubActions",
                    "durationSeconds": 3600,
                }),
                json!({ "subjectFromWebIdentityToken": format!("repo:fennwick/{service}:ref:refs/heads/main") }),
            ),
            ("ecr", "GetAuthorizationToken", false, Value::Null, Value::Null),
            (
                "ecr",
                "PutImage",
                true,
                json!({ "repositoryName": service, "imageTag": image }),
                json!({ "image": { "repositoryName": service, "imageId": { "imageTag": image } } }),
            ),
            (
                "ecs",
                "RegisterTaskDefinition",
                true,
                json!({ "family": service }),
                json!({ "taskDefinition": { "family": service, "status": "ACTIVE" } }),
            ),
            (
                "ecs",
                "UpdateService",
                true,
                json!({ "cluster": "production", "service": service, "forceNewDeployment": false }),
                json!({ "service": { "serviceName": service, "status": "ACTIVE" } }),
            ),
            ("ecs", "DescribeServices", false, json!({ "cluster": "production", "services": [service] }), Value::Null),
        ];
        for (offset, (api, action, writes, request, response)) in (0_u64..).step_by(9).zip(steps) {
            let at = start.plus(Duration::from_secs(offset));
            let mut call = Call::new(at, deployer, api, action, GATEWAY, BOTO);
            call.account = account;
            call.writes = writes;
            call.request = request;
            call.response = response;
            log.push(call.into_event(dice));
        }
    }
}

/// What a data event about an object carries besides.
pub(super) fn transfer(bytes_out: u64, bytes_in: u64) -> Value {
    json!({
        "SignatureVersion": "SigV4",
        "CipherSuite": "TLS_AES_128_GCM_SHA256",
        "bytesTransferredIn": bytes_in,
        "AuthenticationMethod": "AuthHeader",
        "bytesTransferredOut": bytes_out,
    })
}

/// The request of a call about an object.
pub(super) fn object_request(bucket: &str, key: &str) -> Value {
    json!({ "bucketName": bucket, "key": key, "Host": format!("{bucket}.s3.{REGION}.amazonaws.com") })
}

/// The `resources` of a data event about an object.
pub(super) fn object_resources(bucket: &str, key: &str) -> Value {
    json!([
        { "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{key}") },
        { "accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}") },
    ])
}

fn data_jobs(week: &Week, dice: &mut Dice, log: &mut Vec<(Timestamp, Event)>) {
    let workers = [host_named("etl-worker-1"), host_named("etl-worker-2")];
    for _ in 0..1350 {
        let at = week.pick(dice, Rhythm::Steady);
        let worker = *dice.pick(&workers);
        let api = host_named(dice.pick(&["api-1", "api-2", "api-3"]));
        let part = dice.below(4096);
        let (role, host, action, bucket, key) = match dice.below(20) {
            0..=6 => ("etl-worker", worker, "GetObject", CUSTOMER_BUCKET, format!("events/part-{part:05}.parquet")),
            7..=10 => {
                ("etl-worker", worker, "PutObject", "fennwick-analytics", format!("daily/part-{part:05}.parquet"))
            }
            11..=14 => ("customer-api", api, "GetObject", CUSTOMER_BUCKET, format!("profiles/{part:05}.json")),
            15..=17 => ("etl-worker", worker, "Decrypt", "", String::new()),
            _ => ("etl-worker", worker, "GenerateDataKey", "", String::new()),
        };
        let who = Who::Role { name: role, session: host.instance };
        let is_object = !bucket.is_empty();
        let service = if is_object { "s3" } else { "kms" };
        let mut call = Call::new(at, who, service, action, host.address, BOTO);
        if is_object {
            let bytes = if role == "etl-worker" { dice.between(200_000, 6_000_000) } else { dice.between(900, 60_000) };
            let reads = action == "GetObject";
            call.request = object_request(bucket, &key);
            call.extra = transfer(if reads { bytes } else { 0 }, if reads { 0 } else { bytes });
            call.resources = object_resources(bucket, &key);
            call.writes = !reads;
            call.data = true;
        } else {
            let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/7f1d2c3b-4a5e-4f60-8b71-92c3d4e5f607");
            call.request = json!({ "encryptionContext": { "aws:s3:arn": format!("arn:aws:s3:::{CUSTOMER_BUCKET}") } });
            call.resources = json!([{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn }]);
        }
        log.push(call.into_event(dice));
    }
}

fn monitoring(week: &Week, dice: &mut Dice, log: &mut Vec<(Timestamp, Event)>) {
    const CALLS: [(u64, (&str, &str)); 5] = [
        (10, ("monitoring", "GetMetricData")),
        (6, ("ec2", "DescribeInstances")),
        (3, ("rds", "DescribeDBInstances")),
        (3, ("tagging", "GetResources")),
        (2, ("health", "DescribeEvents")),
    ];
    let host = host_named("monitor-1");
    for _ in 0..820 {
        let at = week.pick(dice, Rhythm::Steady);
        let (service, action) = *dice.weighted(&CALLS);
        let who = Who::Role { name: "monitoring-reader", session: host.instance };
        let mut call = Call::new(at, who, service, action, GATEWAY, BOTO);
        call.request = json!({ "maxResults": 500 });
        log.push(call.into_event(dice));
    }
}

fn services(week: &Week, dice: &mut Dice, log: &mut Vec<(Timestamp, Event)>) {
    const CALLERS: [(&str, &str); 4] = [
        ("ecs-tasks.amazonaws.com", "orders-api"),
        ("ecs-tasks.amazonaws.com", "customer-api"),
        ("lambda.amazonaws.com", "mailer-worker"),
        ("ec2.amazonaws.com", "etl-worker"),
    ];
    for _ in 0..520 {
        let at = week.pick(dice, Rhythm::Steady);
        let (caller, role) = *dice.pick(&CALLERS);
        let mut call = Call::new(at, Who::Service(caller), "sts", "AssumeRole", caller, caller);
        call.request = json!({
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
            "roleSessionName": dice.hex(),
            "durationSeconds": 21600,
        });
        call.response =
            json!({ "credentials": { "accessKeyId": format!("ASIA{}EXAMPLE", spell(&dice.hex(), CAPITALS, 9)) } });
        log.push(call.into_event(dice));
    }
}

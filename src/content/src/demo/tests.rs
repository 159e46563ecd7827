//! The demo week as a whole.

use std::{collections::BTreeSet, net::Ipv4Addr, path::Path};

use ipnet::Ipv4Net;
use margay_domain::{
    alert::{AlertQuality, AlertStatus, AlertType, MAX_CONTEXT_TAGS, Severity, is_context_tag},
    detection::DetectionKind,
    enrichment::MatchKind,
};

use super::*;

/// A Wednesday, 14:23:45.678 UTC.
const NOW: Timestamp = Timestamp::from_micros(1_784_125_425_678_901);
const SEED: u64 = 7;
const DAY: Duration = Duration::from_hours(24);

/// Moments that stress the rhythm: each day of a week, each at another hour, one right after midnight.
fn moments() -> Vec<Timestamp> {
    let hours = [0, 3, 7, 9, 12, 18, 23];
    (0_u64..7)
        .zip(hours)
        .map(|(day, hour)| {
            let midnight = NOW.as_seconds() - NOW.as_seconds().rem_euclid(86_400);
            Timestamp::from_seconds(midnight).plus(Duration::from_secs(day * 86_400 + hour * 3600 + 61))
        })
        .collect()
}

/// The time of an event as its source writes it.
fn time_of(log_type: &str, event: &Map<String, Value>) -> Timestamp {
    let key = match log_type {
        logs::CLOUDTRAIL => "eventTime",
        logs::OKTA => "published",
        logs::GITHUB => "@timestamp",
        _ => "start",
    };
    match event.get(key) {
        Some(Value::String(text)) => Timestamp::parse(text).unwrap(),
        Some(Value::Number(millis)) => Timestamp::from_micros(millis.as_i64().unwrap() * 1000),
        other => panic!("{log_type} without a time: {other:?}"),
    }
}

fn log<'a>(week: &'a DemoWeek, log_type: &str) -> &'a [Map<String, Value>] {
    week.events.iter().find(|(name, _)| name == log_type).map(|(_, events)| events.as_slice()).unwrap()
}

fn alerts_of<'a>(week: &'a DemoWeek, detection: &str) -> Vec<&'a DemoAlert> {
    week.alerts.iter().filter(|it| it.alert.detection_id.as_deref() == Some(detection)).collect()
}

#[test]
fn the_same_seed_gives_the_same_week() {
    let (one, two, other) = (generate(NOW, SEED), generate(NOW, SEED), generate(NOW, SEED + 1));
    assert_eq!(one.events, two.events);
    assert_eq!(one.alerts, two.alerts);
    assert_eq!(one.detections, two.detections);
    assert_eq!((one.global_helpers, one.data_models), (two.global_helpers, two.data_models));
    assert_eq!(one.log_sources, two.log_sources);
    assert_eq!(one.enrichments, two.enrichments);
    assert_ne!(one.events, other.events);
}

#[test]
fn the_content_is_valid_and_complete() {
    let imported = content(NOW);
    assert!(imported.problems.is_empty(), "{:#?}", imported.problems);
    assert!(imported.skipped.is_empty());
    assert_eq!(imported.without_source, 0);
    let count = |kind| imported.detections.iter().filter(|detection| detection.kind == kind).count();
    assert_eq!(count(DetectionKind::Rule), 15);
    assert_eq!(count(DetectionKind::SimpleRule), 2);
    assert_eq!(count(DetectionKind::ScheduledRule), 1);
    assert_eq!(count(DetectionKind::CorrelationRule), 1);
    assert_eq!(count(DetectionKind::Policy), 2);
    for detection in &imported.detections {
        assert!(!detection.body.is_empty() && detection.tests.len() >= 2, "{}", detection.id);
        assert!(!detection.runbook.is_empty() && !detection.description.is_empty(), "{}", detection.id);
    }
    let helpers: Vec<_> = imported.global_helpers.iter().map(|helper| helper.id.as_str()).collect();
    assert_eq!(helpers, ["fennwick_context_helpers", "fennwick_helpers"]);
    let models: Vec<_> = imported.data_models.iter().flat_map(|model| &model.log_types).collect();
    assert_eq!(models, [logs::CLOUDTRAIL, logs::GITHUB, logs::OKTA]);
    let tables: Vec<_> =
        imported.enrichments.iter().map(|(table, _)| (table.name.as_str(), table.match_kind)).collect();
    assert_eq!(tables, [("asset_inventory", MatchKind::Exact), ("known_bad_networks", MatchKind::Cidr)]);
}

#[test]
fn every_file_of_the_demo_folder_is_compiled_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
    let mut on_disk = BTreeSet::new();
    for folder in ["data_models", "detections", "enrichments", "global_helpers"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            if !name.starts_with("__") {
                on_disk.insert(format!("{folder}/{name}"));
            }
        }
    }
    let compiled: BTreeSet<String> = files::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(compiled, on_disk);
}

/// The names that a line of Python imports from a module: `from module import a, b`.
fn imported_names<'a>(body: &'a str, module: &str) -> Vec<&'a str> {
    let names = |line: &'a str| line.strip_prefix("from ")?.strip_prefix(module)?.strip_prefix(" import ");
    body.lines().filter_map(names).flat_map(|names| names.split(", ")).collect()
}

#[test]
fn rules_use_the_helpers_and_the_data_models() {
    let imported = content(NOW);
    for helper in &imported.global_helpers {
        assert!(!helper.body.is_empty() && !helper.description.is_empty() && !helper.tags.is_empty(), "{}", helper.id);
        let mut users = 0;
        for detection in &imported.detections {
            let names = imported_names(&detection.body, &helper.id);
            users += usize::from(!names.is_empty());
            for name in names {
                assert!(helper.body.contains(&format!("\ndef {name}(")), "{} needs {name}", detection.id);
                // Once in the import, and once where it is used.
                assert!(detection.body.matches(name).count() >= 2, "{} does not use {name}", detection.id);
            }
        }
        assert!(users >= 2, "{} is used {users} times", helper.id);
    }
    for model in &imported.data_models {
        assert!(model.enabled && !model.description.is_empty(), "{}", model.id);
        for mapping in &model.mappings {
            let Some(method) = &mapping.method else { continue };
            assert!(model.body.contains(&format!("def {method}(event):")), "{} lacks {method}", model.id);
        }
    }
    // Whatever code asks a data model for is in the one of its log type.
    let helpers: String = imported.global_helpers.iter().map(|helper| helper.body.as_str()).collect();
    let mut asked = 0;
    for detection in imported.detections.iter().filter(|it| it.kind == DetectionKind::Rule) {
        let through_helper = !imported_names(&detection.body, "fennwick_context_helpers").is_empty();
        let code = if through_helper { format!("{}{helpers}", detection.body) } else { detection.body.clone() };
        for part in code.split(".udm(").skip(1) {
            let name: String = part.chars().skip(1).take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let known = imported.data_models.iter().any(|model| {
                model.log_types == detection.log_types && model.mappings.iter().any(|mapping| mapping.name == name)
            });
            assert!(known, "{} asks for {name}", detection.id);
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked}");
}

#[test]
fn conditions_agree_with_the_tests_of_their_detections() {
    let imported = content(NOW);
    let mut checked = 0;
    for rule in rules::all() {
        let detection = imported.detections.iter().find(|detection| detection.id == rule.id).expect(rule.id);
        assert_eq!(detection.log_types, [rule.log_type]);
        for test in &detection.tests {
            let log = test.get("Log").and_then(Value::as_object).unwrap();
            let expected = test.get("ExpectedResult").and_then(Value::as_bool).unwrap();
            assert_eq!((rule.matches)(log), expected, "{}: {test}", rule.id);
            checked += 1;
        }
    }
    type Check = fn(&Value) -> bool;
    for (id, conforms) in [
        (policies::USERS_ID, policies::user_conforms as Check),
        (policies::BUCKETS_ID, policies::bucket_conforms as Check),
    ] {
        let policy = imported.detections.iter().find(|detection| detection.id == id).expect(id);
        for test in &policy.tests {
            let expected = test.get("ExpectedResult").and_then(Value::as_bool).unwrap();
            assert_eq!(conforms(test.get("Resource").unwrap()), expected, "{id}: {test}");
            checked += 1;
        }
    }
    assert!(checked >= 45, "{checked}");
}

#[test]
fn the_correlation_is_the_one_of_the_detection() {
    let imported = content(NOW);
    let detection = imported.detections.iter().find(|detection| detection.id == correlation::ID).unwrap();
    let places: Vec<_> =
        correlation::STEPS.iter().map(|step| detection.body.find(&format!("RuleID: {step}"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert_eq!(detection.log_types, [logs::OKTA, logs::GITHUB, logs::CLOUDTRAIL, logs::VPC_FLOW]);
    assert_eq!(detection.body.matches("WithinTimeFrameMinutes: 240").count(), correlation::STEPS.len() - 1);
}

#[test]
fn the_week_holds_at_any_moment() {
    for now in moments().into_iter().chain([NOW]) {
        let week = generate(now, SEED);
        everything_happens_within_the_week_and_in_order(&week, now);
        there_is_about_as_much_as_promised(&week);
        the_story_is_in_all_four_logs_and_in_the_alerts(&week, now);
        every_log_has_a_healthy_source(&week, now);
    }
}

fn every_log_has_a_healthy_source(week: &DemoWeek, now: Timestamp) {
    assert_eq!(week.log_sources.len(), week.events.len());
    let labels: BTreeSet<_> = week.log_sources.iter().map(|source| source.label.as_str()).collect();
    let methods: BTreeSet<_> = week.log_sources.iter().map(|source| source.auth_method).collect();
    assert_eq!((labels.len(), methods.len()), (week.events.len(), week.events.len()));
    for (log_type, events) in &week.events {
        let of_type: Vec<_> =
            week.log_sources.iter().filter(|source| source.log_types == [log_type.as_str()]).collect();
        let [source] = of_type.as_slice() else { panic!("{log_type}: {of_type:?}") };
        let last = events.last().map(|event| time_of(log_type, event));
        assert_eq!((source.last_received_at, source.last_processed_at), (last, last), "{log_type}");
        assert!(source.is_editable && source.quiet_after_minutes.is_some(), "{log_type}");
        assert_eq!(source.problem(now), None, "{log_type} at {now}");
        assert!(source.created_at <= source.last_modified && source.last_modified <= now);
    }
}

fn everything_happens_within_the_week_and_in_order(week: &DemoWeek, now: Timestamp) {
    let (first, last) = (now.minus(DAY * 7), now);
    for (log_type, events) in &week.events {
        let times: Vec<_> = events.iter().map(|event| time_of(log_type, event)).collect();
        assert!(times.is_sorted(), "{log_type}");
        assert!(times.iter().all(|time| first <= *time && *time <= last), "{log_type}");
    }
    for detection in &week.detections {
        assert!(first <= detection.created_at && detection.created_at <= detection.last_modified);
        assert!(detection.last_modified <= last);
    }
    for (table, _) in &week.enrichments {
        assert!(first <= table.created_at && table.created_at <= table.updated_at && table.updated_at <= last);
    }
    for DemoAlert { alert, comments, .. } in &week.alerts {
        assert!(first <= alert.created_at && alert.created_at <= alert.updated_at, "{}", alert.title);
        assert!(alert.updated_at <= last, "{}", alert.title);
        for (_, _, at) in comments {
            assert!(alert.created_at <= *at && *at <= last, "{}", alert.title);
        }
    }
}

fn there_is_about_as_much_as_promised(week: &DemoWeek) {
    let count = |log_type| log(week, log_type).len();
    assert!((5600..=6600).contains(&count(logs::CLOUDTRAIL)), "{}", count(logs::CLOUDTRAIL));
    assert!((1900..=3000).contains(&count(logs::OKTA)), "{}", count(logs::OKTA));
    assert!((1050..=1400).contains(&count(logs::GITHUB)), "{}", count(logs::GITHUB));
    assert!((5700..=6400).contains(&count(logs::VPC_FLOW)), "{}", count(logs::VPC_FLOW));
    assert!((32..=55).contains(&week.alerts.len()), "{} alerts", week.alerts.len());
    let statuses: BTreeSet<_> = week.alerts.iter().map(|it| it.alert.status).collect();
    assert!(statuses.len() >= 3, "{statuses:?}");
    assert!(week.alerts.iter().filter(|it| !it.comments.is_empty()).count() >= 5);
}

#[test]
fn every_alert_points_at_the_events_that_matched() {
    for seed in [SEED, 1, 2] {
        let week = generate(NOW, seed);
        let rules: BTreeMap<&str, &rules::Rule> = rules::all().map(|rule| (rule.id, rule)).collect();
        let mut ids = BTreeSet::new();
        for DemoAlert { alert, matches, .. } in &week.alerts {
            let id = alert.detection_id.as_deref().unwrap();
            let detection = week.detections.iter().find(|detection| detection.id == id).expect(id);
            assert!(ids.insert(alert.id.clone()), "{}", alert.title);
            assert!(alert.id.as_str().len() == 32 && alert.id.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert_eq!(alert.severity, detection.severity);
            assert_eq!(alert.event_count, i64::try_from(matches.len()).unwrap());
            assert!(alert.events.is_empty() && alert.assignee_id.is_none() && alert.updated_by.is_none());
            let events: Vec<_> = matches
                .iter()
                .map(|(log_type, place)| (log_type.as_str(), log(&week, log_type).get(*place).expect("it exists")))
                .collect();
            let times: Vec<_> = events.iter().map(|(log_type, event)| time_of(log_type, event)).collect();
            assert_eq!(alert.first_event_at, times.iter().min().copied(), "{}", alert.title);
            assert_eq!(alert.last_event_at, times.iter().max().copied(), "{}", alert.title);
            let log_types: BTreeSet<_> = events.iter().map(|(log_type, _)| (*log_type).to_owned()).collect();
            assert_eq!(alert.log_types, log_types.into_iter().collect::<Vec<_>>());
            let brought = |source: &&LogSource| source.log_types.iter().any(|it| alert.log_types.contains(it));
            let sources: Vec<_> = week.log_sources.iter().filter(brought).map(|source| source.id.as_str()).collect();
            assert_eq!(alert.log_source_ids, sources, "{}", alert.title);
            assert_eq!(alert.log_source_ids.len(), alert.log_types.len(), "{}", alert.title);
            assert_eq!(alert.resource_types, detection.resource_types, "{}", alert.title);
            match alert.kind {
                AlertType::Rule => {
                    let rule = rules.get(id).expect(id);
                    assert!(matches.len() >= usize::try_from(detection.threshold).unwrap(), "{}", alert.title);
                    for (log_type, event) in &events {
                        assert_eq!(*log_type, rule.log_type);
                        assert!((rule.matches)(event), "{}", alert.title);
                        assert_eq!((rule.title)(event), alert.title);
                    }
                    let first = events.first().map(|(_, event)| (rule.context)(event)).unwrap();
                    assert_eq!(alert.context, first);
                }
                AlertType::ScheduledRule => assert!(events.iter().all(|(_, event)| scheduled::counts(event))),
                AlertType::CorrelationRule => {
                    let steps: Vec<_> = correlation::STEPS.iter().filter_map(|step| rules.get(step)).collect();
                    assert_eq!(steps.len(), correlation::STEPS.len());
                    for (log_type, event) in &events {
                        assert!(steps.iter().any(|rule| rule.log_type == *log_type && (rule.matches)(event)));
                    }
                }
                AlertType::Policy => assert!(matches.is_empty()),
                other => panic!("unexpected {other}"),
            }
        }
    }
}

#[test]
fn people_judge_and_label_what_they_work_on() {
    for seed in [SEED, 1, 2] {
        let week = generate(NOW, seed);
        let mut qualities: BTreeMap<AlertQuality, usize> = BTreeMap::new();
        let mut labelled = 0;
        for DemoAlert { alert, assignee_email, .. } in &week.alerts {
            let touched = alert.status != AlertStatus::Open;
            assert_eq!(assignee_email.is_some(), touched, "{}", alert.title);
            assert!(touched || (alert.quality.is_none() && alert.context_tags.is_empty()), "{}", alert.title);
            assert!(!touched || alert.updated_at > alert.created_at, "{}", alert.title);
            assert!(alert.context_tags.len() <= MAX_CONTEXT_TAGS);
            assert!(alert.context_tags.iter().all(|tag| is_context_tag(tag)), "{:?}", alert.context_tags);
            labelled += usize::from(!alert.context_tags.is_empty());
            if let Some(quality) = alert.quality {
                *qualities.entry(quality).or_default() += 1;
            }
        }
        assert!(labelled >= 5, "{labelled}");
        assert_eq!(qualities.len(), AlertQuality::ALL.len(), "{qualities:?}");
    }
}

#[test]
fn no_match_is_left_without_an_alert() {
    let week = generate(NOW, SEED);
    // These rules raise an alert for a single event, so every match has to be in one.
    for rule in rules::all() {
        let detection = week.detections.iter().find(|detection| detection.id == rule.id).expect(rule.id);
        if detection.threshold > 1 {
            continue;
        }
        let matching = log(&week, rule.log_type).iter().filter(|event| (rule.matches)(event)).count();
        let in_alerts: usize = alerts_of(&week, rule.id).iter().map(|it| it.matches.len()).sum();
        assert_eq!(matching, in_alerts, "{}", rule.id);
        assert!(matching > 0, "{} never matches", rule.id);
    }
}

fn the_story_is_in_all_four_logs_and_in_the_alerts(week: &DemoWeek, now: Timestamp) {
    let from_attacker = |log_type: &str, outer: &str, inner: Option<&str>| {
        let address = |event: &Map<String, Value>| {
            let value = event.get(outer)?;
            inner.map_or(Some(value), |key| value.get(key)).and_then(Value::as_str).map(str::to_owned)
        };
        log(week, log_type).iter().filter(|event| address(event).as_deref() == Some(company::ATTACKER)).count()
    };
    assert!(from_attacker(logs::OKTA, "client", Some("ipAddress")) >= 25);
    assert!(from_attacker(logs::GITHUB, "actor_ip", None) >= 11);
    assert!(from_attacker(logs::CLOUDTRAIL, "sourceIPAddress", None) >= 50);
    assert!(from_attacker(logs::VPC_FLOW, "dstAddr", None) >= 16);
    let about_attack = |id: &str| {
        alerts_of(week, id)
            .into_iter()
            .filter(|it| it.alert.context.get("remote_ip").and_then(Value::as_str) == Some(company::ATTACKER))
            .count()
    };
    for id in [
        "Okta.MFA.PushFatigue",
        "Okta.Login.UnusualCountry",
        "Okta.MFA.FactorEnrolledRemotely",
        "Okta.Admin.RoleGranted",
        "GitHub.Token.GrantedOutsideCompany",
        "GitHub.PrivateRepositories.MassClone",
        "GitHub.DeployKey.WriteAccess",
        "AWS.Console.LoginWithoutMFA",
        "AWS.IAM.AccessKeyCreated",
        "AWS.IAM.AdministratorAccessAttached",
        "AWS.CloudTrail.LoggingStopped",
        "AWS.S3.CustomerDataBulkRead",
        "AWS.VPC.LargeOutboundTransfer",
        correlation::ID,
    ] {
        assert_eq!(about_attack(id), 1, "{id} at {now}");
    }
    assert_eq!(alerts_of(week, scheduled::ID).len(), 1);
    let correlated = alerts_of(week, correlation::ID);
    let [theft] = correlated.as_slice() else { panic!("{correlated:?}") };
    assert_eq!((theft.alert.severity, theft.alert.status), (Severity::Critical, AlertStatus::Open));
    assert_eq!(theft.alert.log_types.len(), 4);
    assert!(now.since(theft.alert.created_at) > DAY / 4, "it is over long before now");
}

#[test]
fn addresses_are_reserved_ones() {
    let networks: Vec<Ipv4Net> = ["10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
        .into_iter()
        .map(|network| network.parse().unwrap())
        .collect();
    let week = generate(NOW, SEED);
    let mut seen = BTreeSet::new();
    for (_, events) in &week.events {
        for event in events {
            for key in ["sourceIPAddress", "actor_ip", "srcAddr", "dstAddr"] {
                seen.extend(event.get(key).and_then(Value::as_str));
            }
            seen.extend(event.get("client").and_then(|client| client.get("ipAddress")).and_then(Value::as_str));
        }
    }
    for address in &seen {
        // Services of AWS stand there with their name.
        let Ok(address) = address.parse::<Ipv4Addr>() else {
            assert!(address.ends_with(".amazonaws.com"), "{address}");
            continue;
        };
        assert!(networks.iter().any(|network| network.contains(&address)), "{address}");
    }
    let (inventory, bad) = {
        let mut tables = week.enrichments.iter();
        (tables.next().unwrap(), tables.next().unwrap())
    };
    for host in &company::HOSTS {
        assert!(inventory.1.iter().any(|row| row.key == host.address), "{}", host.address);
    }
    for attacker in [company::ATTACKER, company::ATTACKER_STAGING] {
        let address: Ipv4Addr = attacker.parse().unwrap();
        assert!(bad.1.iter().any(|row| row.key.parse::<Ipv4Net>().unwrap().contains(&address)), "{attacker}");
    }
}

#[test]
fn the_people_of_the_demo() {
    let week = generate(NOW, SEED);
    let people: Vec<_> = week.users.iter().map(|user| (user.email.as_str(), user.role.as_str())).collect();
    assert_eq!(
        people,
        [("admin@example.com", "Admin"), ("analyst@example.com", "Analyst"), ("viewer@example.com", "AnalystReadOnly")]
    );
    let known: BTreeSet<&str> = people.iter().map(|(email, _)| *email).collect();
    for it in &week.alerts {
        let authors = it.comments.iter().map(|(author, _, _)| author.as_str());
        assert!(authors.chain(it.assignee_email.as_deref()).all(|email| known.contains(email)));
    }
}

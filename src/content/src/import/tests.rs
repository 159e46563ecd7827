//! The importer as a whole.

use std::fs;

use margay_domain::{alert::Severity, detection::DetectionKind, enrichment::MatchKind};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const RULE: &str = "
AnalysisType: rule
RuleID: Custom.Rule
DisplayName: A rule
Enabled: true
Severity: high
Filename: custom_rule.py
LogTypes: [AWS.CloudTrail]
DedupPeriodMinutes: 30
Threshold: 5
Reports:
  CIS: [3.10]
SomethingNew: ignored
Tests:
  - Name: it matches
    ExpectedResult: true
    Log: {eventName: ConsoleLogin}
";

fn one_problem(text: &str) -> String {
    let imported = read_files(&[("a/x.yml", text), ("a/custom_rule.py", "def rule(event):\n    return True\n")], NOW);
    assert!(imported.detections.is_empty() && imported.enrichments.is_empty(), "{imported:?}");
    assert!(imported.global_helpers.is_empty() && imported.data_models.is_empty(), "{imported:?}");
    let [problem] = imported.problems.as_slice() else { panic!("{:?}", imported.problems) };
    problem.to_string()
}

#[test]
fn a_python_rule_with_its_source() {
    let python = "def rule(event):\n    return True\n";
    let imported = read_files(&[("a/x.yml", RULE), ("a/custom_rule.py", python)], NOW);
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    let [rule] = imported.detections.as_slice() else { panic!("{imported:?}") };
    assert_eq!((rule.id.as_str(), rule.kind), ("Custom.Rule", DetectionKind::Rule));
    assert_eq!((rule.severity, rule.threshold, rule.dedup_period_minutes), (Severity::High, 5, 30));
    assert_eq!(rule.body, python);
    assert_eq!(rule.reports.get("CIS").map(Vec::as_slice), Some(["3.10".to_owned()].as_slice()));
    assert_eq!(rule.tests.len(), 1);
    assert_eq!(imported.without_source, 0);
}

#[test]
fn a_missing_python_file_is_counted_and_nothing_else() {
    let imported = read_files(&[("x.yml", RULE)], NOW);
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    assert_eq!(imported.without_source, 1);
    assert_eq!(imported.detections.first().map(|rule| rule.body.as_str()), Some(""));
}

#[test]
fn every_kind() {
    let text = "
AnalysisType: rule
RuleID: Simple
Enabled: true
Severity: Low
LogTypes: [GitHub.Audit]
AlertTitle: 'Repository {repo}'
Detection:
  - Key: action
    Condition: Equals
    Value: repo.archived
---
AnalysisType: correlation_rule
RuleID: Both
Enabled: true
Severity: Critical
Detection:
  - Sequence:
      - {ID: first, RuleID: Simple}
      - {ID: second, RuleID: Unknown}
---
AnalysisType: policy
PolicyID: Bucket
Enabled: false
Severity: Info
Filename: ./bucket.py
ResourceTypes: [AWS.S3.Bucket]
---
AnalysisType: scheduled_rule
RuleID: Rows
Enabled: true
Severity: Medium
Filename: rows.py
ScheduledQueries: [My query]
---
AnalysisType: rule
RuleID: Simple.Louder
BaseDetection: Simple
Severity: High
---
AnalysisType: saved_query
QueryName: sign_ins
Query: SELECT 1
";
    let imported = read_files(&[("d/all.yml", text), ("d/bucket.py", "def policy(resource):\n    return True\n")], NOW);
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    let kinds: Vec<_> = imported.detections.iter().map(|it| (it.id.as_str(), it.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("Simple", DetectionKind::SimpleRule),
            ("Both", DetectionKind::CorrelationRule),
            ("Bucket", DetectionKind::Policy),
            ("Rows", DetectionKind::ScheduledRule),
            ("Simple.Louder", DetectionKind::SimpleRule),
        ]
    );
    let [simple, both, bucket, rows, louder] = imported.detections.as_slice() else { panic!("{imported:?}") };
    for part in ["Detection:", "AlertTitle:", "Repository {repo}"] {
        assert!(simple.body.contains(part), "{}", simple.body);
    }
    assert_eq!(both.log_types, ["GitHub.Audit"]);
    assert!(both.body.contains("RuleID: Unknown"));
    assert!(bucket.body.starts_with("def policy"));
    assert_eq!(rows.scheduled_queries, ["My query"]);
    assert_eq!((louder.severity, louder.body.as_str()), (Severity::High, simple.body.as_str()));
    assert_eq!(louder.log_types, simple.log_types);
    assert_eq!(imported.without_source, 1);
    assert_eq!(imported.skipped, [(PathBuf::from("d/all.yml"), AnalysisType::SavedQuery)]);
}

const SHARED: &str = "
AnalysisType: global
GlobalID: office_helpers
Filename: office_helpers.py
Description: >
  What rules know
  about the office.
Tags: [Office]
---
AnalysisType: datamodel
DataModelID: Office.Door
DisplayName: The door
Enabled: true
LogTypes: [Custom.Door]
Filename: door_model.py
Mappings:
  - Name: actor_user
    Path: $.badge.owner
  - Name: event_type
    Method: get_event_type
---
AnalysisType: datamodel
DataModelID: Office.Lift
Enabled: false
LogTypes: [Custom.Lift]
Mappings:
  - {Name: actor_user, Path: who}
";

const MODEL: &str = "
AnalysisType: datamodel
DataModelID: M
Enabled: true
LogTypes: [A.B]
Mappings: [{Name: user, Path: who}]
";

#[test]
fn what_detections_share() {
    let (helpers, model) =
        ("def is_office(address):\n    return True\n", "def get_event_type(event):\n    return None\n");
    let files = [("s/all.yml", SHARED), ("s/office_helpers.py", helpers), ("s/door_model.py", model)];
    let imported = read_files(&files, NOW);
    assert!(imported.problems.is_empty() && imported.skipped.is_empty(), "{imported:?}");
    assert_eq!(imported.without_source, 0);
    let [helper] = imported.global_helpers.as_slice() else { panic!("{imported:?}") };
    assert_eq!((helper.id.as_str(), helper.body.as_str()), ("office_helpers", helpers));
    assert_eq!(helper.description, "What rules know about the office.");
    assert_eq!((helper.tags.as_slice(), helper.created_at), (["Office".to_owned()].as_slice(), NOW));
    let [door, lift] = imported.data_models.as_slice() else { panic!("{imported:?}") };
    assert_eq!((door.id.as_str(), door.display_name.as_str(), door.enabled), ("Office.Door", "The door", true));
    assert_eq!((door.log_types.as_slice(), door.body.as_str()), (["Custom.Door".to_owned()].as_slice(), model));
    let found: Vec<_> =
        door.mappings.iter().map(|it| (it.name.as_str(), it.path.as_deref(), it.method.as_deref())).collect();
    assert_eq!(found, [("actor_user", Some("$.badge.owner"), None), ("event_type", None, Some("get_event_type"))]);
    // Without a name it has its id, and without a function it needs no file.
    assert_eq!((lift.display_name.as_str(), lift.enabled, lift.body.as_str()), ("Office.Lift", false, ""));
}

#[test]
fn shared_code_whose_file_is_missing_is_counted_and_nothing_else() {
    let imported = read_files(&[("s/all.yml", SHARED)], NOW);
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    assert_eq!(imported.without_source, 2);
    assert_eq!(imported.global_helpers.first().map(|helper| helper.body.as_str()), Some(""));
    assert_eq!(imported.data_models.len(), 2);
}

#[test]
fn what_detections_share_has_ids_of_its_own() {
    let rule = RULE.replace("Custom.Rule", "office_helpers");
    let imported = read_files(&[("a.yml", SHARED), ("b.yml", SHARED), ("c.yml", rule.as_str())], NOW);
    assert_eq!((imported.global_helpers.len(), imported.data_models.len(), imported.detections.len()), (1, 2, 1));
    let messages: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "b.yml, line 2: the id \"office_helpers\" is used in a.yml already; every global helper needs its own",
            "b.yml, document 2, line 10: the id \"Office.Door\" is used in a.yml already; every data model needs its own",
            "b.yml, document 3, line 22: the id \"Office.Lift\" is used in a.yml already; every data model needs its own",
        ]
    );
}

#[test]
fn bad_input_names_key_and_expectation() {
    let without = |key: &str| RULE.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
    let with = |from: &str, to: &str| RULE.replace(from, to);
    let model = |from: &str, to: &str| MODEL.replace(from, to);
    let cases = [
        (without("AnalysisType"), "`AnalysisType` is missing; expected one of rule, scheduled_rule"),
        (with("AnalysisType: rule", "AnalysisType: rules"), "`AnalysisType`: expected one of rule"),
        (without("RuleID"), "`RuleID` is missing"),
        (with("Custom.Rule", "'a<b'"), "`RuleID`: expected text without any of"),
        (with("A rule", "50% of it"), "`DisplayName`: expected text without any of"),
        (without("Enabled"), "`Enabled` is missing; expected true or false"),
        (with("Enabled: true", "Enabled: yes"), "`Enabled`: expected true or false; found \"yes\""),
        (without("Severity"), "`Severity` is missing; expected one of Info"),
        (with("Severity: high", "Severity: urgent"), "`Severity`: expected one of Info, Low, Medium, High, Critical"),
        (without("Filename"), "expected exactly one of `Filename` and `Detection`; found none"),
        (with("SomethingNew: ignored", "Detection: []"), "`Filename` and `Detection` are both given"),
        (without("LogTypes"), "expected exactly one of `LogTypes` and `ScheduledQueries`"),
        (with("[AWS.CloudTrail]", "[]"), "`LogTypes`: expected a list with at least one entry"),
        (with("[AWS.CloudTrail]", "AWS.CloudTrail"), "`LogTypes`: expected a list of texts; found \"AWS.CloudTrail\""),
        (with("Threshold: 5", "Threshold: 0"), "`Threshold`: expected a whole number of at least 1; found 0"),
        (with("DedupPeriodMinutes: 30", "DedupPeriodMinutes: 1.5"), "`DedupPeriodMinutes`: expected a whole number"),
        (with("Reports:\n  CIS: [3.10]", "Reports: [CIS]"), "`Reports`: expected a mapping; found a list"),
        (with("  - Name: it matches\n", "  - {}\n  - Name: it\n"), "`Tests[0].Name` is missing"),
        (with("ExpectedResult: true", "ExpectedResult: maybe"), "`Tests[0].ExpectedResult`: expected true or false"),
        (with("    Log: {eventName: ConsoleLogin}\n", ""), "`Tests[0].Log` is missing"),
        (with("custom_rule.py", "../custom_rule.py"), "`Filename`: expected a file in the same folder"),
        (with("custom_rule.py", "/etc/passwd"), "`Filename`: expected a file in the same folder"),
        (with("custom_rule.py", "a/../../x.py"), "`Filename`: expected a file in the same folder"),
        (with("custom_rule.py", "'..\\x.py'"), "`Filename`: expected a file in the same folder"),
        ("- a list".to_owned(), "expected a mapping of keys"),
        ("a: [".to_owned(), "not valid YAML"),
        (
            "AnalysisType: rule\nRuleID: D\nBaseDetection: Nowhere\n".to_owned(),
            "`BaseDetection`: there is no rule \"Nowhere\"",
        ),
        (
            "AnalysisType: correlation_rule\nRuleID: C\nEnabled: true\nSeverity: Low\nDetection: {}\n".to_owned(),
            "`Detection`: expected a list",
        ),
        (
            "AnalysisType: correlation_rule\nRuleID: C\nEnabled: true\nSeverity: Low\nDetection: [{Group: [{ID: a}]}]\n"
                .to_owned(),
            "`Detection[0].Group[0].RuleID` is missing",
        ),
        (
            "AnalysisType: policy\nPolicyID: P\nEnabled: true\nSeverity: Low\n".to_owned(),
            "`Filename` is missing; expected the name of a Python file",
        ),
        ("AnalysisType: global\nFilename: custom_rule.py\n".to_owned(), "`GlobalID` is missing"),
        (
            "AnalysisType: global\nGlobalID: helpers\n".to_owned(),
            "`Filename` is missing; expected the name of a Python file",
        ),
        (model("DataModelID: M", ""), "`DataModelID` is missing"),
        (model("Enabled: true", ""), "`Enabled` is missing; expected true or false"),
        (model("[A.B]", "[]"), "`LogTypes`: expected a list with at least one log type; found an empty"),
        (model("Mappings: [{Name: user, Path: who}]", ""), "`Mappings` is missing; expected a list with at least one"),
        (model("[{Name: user, Path: who}]", "[]"), "`Mappings`: expected a list with at least one mapping; found"),
        (model("{Name: user, Path: who}", "user"), "`Mappings[0]`: expected a mapping with `Name`"),
        (model("Name: user, ", ""), "`Mappings[0].Name` is missing"),
        (model(", Path: who", ""), "`Mappings[0]`: expected exactly one of `Path` and `Method`; found none"),
        (model("Path: who", "Path: who, Method: get"), "`Mappings[0]`: `Path` and `Method` are both given"),
        (model("Path: who", "Method: get_user"), "`Filename` is missing; expected the name of a Python file"),
        (
            "AnalysisType: lookup_table\nLookupName: t\nEnabled: true\nSchema: Custom.T\nFilename: t.csv\n".to_owned(),
            "`LogTypeMap` is missing",
        ),
        (
            "AnalysisType: lookup_table\nLookupName: t\nEnabled: true\nSchema: Custom.T\nFilename: t.csv\nLogTypeMap: {}\n"
                .to_owned(),
            "`LogTypeMap.PrimaryKey` is missing",
        ),
        (
            "AnalysisType: lookup_table\nLookupName: t\nEnabled: true\nSchema: Custom.T\nFilename: t.csv\nLogTypeMap: {PrimaryKey: ip}\n"
                .to_owned(),
            "`Filename`: there is no file \"t.csv\"",
        ),
    ];
    for (text, expected) in cases {
        let message = one_problem(&text);
        assert!(message.contains(expected), "{message}\nshould contain: {expected}\nfor:\n{text}");
        assert!(message.starts_with("a/x.yml"), "{message}");
    }
}

#[test]
fn one_bad_document_does_not_stop_the_rest() {
    let text =
        format!("{RULE}\n---\nAnalysisType: rule\nRuleID: Broken\n---\n{}", RULE.replace("Custom.Rule", "Other"));
    let imported = read_files(&[("bad.yml", "a: ["), ("x.yml", text.as_str()), ("y.yml", RULE)], NOW);
    let ids: Vec<_> = imported.detections.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["Custom.Rule", "Other"]);
    let places: Vec<_> = imported.problems.iter().map(|it| format!("{} {}", it.path.display(), it.document)).collect();
    assert_eq!(places, ["bad.yml 1", "x.yml 2", "y.yml 1"]);
    let last = imported.problems.last().map(ToString::to_string).unwrap();
    assert!(last.contains("is used in x.yml already"), "{last}");
}

#[test]
fn lookup_tables() {
    let table = |name: &str, key: &str, file: &str| {
        format!(
            "AnalysisType: lookup_table\nLookupName: {name}\nEnabled: true\nSchema: Custom.T\nFilename: {file}\n\
             LogTypeMap:\n  PrimaryKey: {key}\n  AssociatedLogTypes:\n    - LogType: AWS.VPCFlow\n      Selectors: [srcAddr]\n"
        )
    };
    let (networks, mixed, people) =
        (table("networks", "range", "n.csv"), table("mixed", "cidr", "m.csv"), table("people", "email", "p.jsonl"));
    let refreshed = networks.replace("Filename: n.csv", "Refresh: {ObjectPath: 's3://a/b'}").replace("networks", "far");
    let imported = read_files(
        &[
            ("n.yml", networks.as_str()),
            ("n.csv", "range,label\n10.0.0.0/8,inside\n2001:db8::/32,outside\n"),
            ("m.yml", mixed.as_str()),
            ("m.csv", "cidr\n198.51.100.7\n198.51.100.0/24\n"),
            ("p.yml", people.as_str()),
            ("p.jsonl", "{\"email\": \"ana@example.com\", \"floor\": 3}\n"),
            ("r.yml", refreshed.as_str()),
        ],
        NOW,
    );
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    let [(networks, rows), (mixed, mixed_rows), (people, _)] = imported.enrichments.as_slice() else {
        panic!("{imported:?}")
    };
    assert_eq!((networks.match_kind, networks.row_count, rows.len()), (MatchKind::Cidr, 2, 2));
    assert_eq!(
        (networks.columns.as_slice(), networks.log_types.as_slice()),
        (["range".to_owned(), "label".to_owned()].as_slice(), ["AWS.VPCFlow".to_owned()].as_slice())
    );
    assert_eq!(mixed.match_kind, MatchKind::Cidr);
    assert_eq!(mixed_rows.first().map(|row| row.key.as_str()), Some("198.51.100.7/32"));
    assert_eq!(people.match_kind, MatchKind::Exact);
    assert_eq!(imported.skipped, [(PathBuf::from("r.yml"), AnalysisType::LookupTable)]);
}

#[test]
fn a_folder_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("rules/deep")).unwrap();
    fs::create_dir_all(root.join(".hidden")).unwrap();
    fs::write(root.join("rules/deep/x.YAML"), RULE).unwrap();
    fs::write(root.join("rules/deep/custom_rule.py"), "def rule(event):\n    return False\n").unwrap();
    fs::write(root.join(".hidden/y.yml"), "not: content").unwrap();
    fs::write(root.join("rules/notes.txt"), "not content").unwrap();
    fs::write(root.join("rules/large.yml"), vec![b'#'; 2 * 1024 * 1024 + 1]).unwrap();
    fs::write(root.join("rules/latin.yml"), b"a: \xe9").unwrap();
    let imported = read_dir(root, NOW).unwrap();
    assert_eq!(imported.detections.len(), 1);
    assert_eq!(imported.detections.first().map(|rule| rule.body.contains("False")), Some(true));
    let messages: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        ["rules/large.yml: is larger than 2 MB and was left out", "rules/latin.yml: is not UTF-8 text"]
    );
}

#[test]
fn a_folder_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.yml");
    fs::write(&file, RULE).unwrap();
    assert!(matches!(read_dir(&file, NOW), Err(ImportError::NotAFolder { .. })));
    assert!(matches!(read_dir(&folder.path().join("none"), NOW), Err(ImportError::Unreadable { .. })));
}

#[cfg(unix)]
#[test]
fn links_neither_loop_nor_lead_out() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.py"), "secret").unwrap();
    fs::write(outside.path().join("x.yml"), RULE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("a")).unwrap();
    symlink(root, root.join("a/loop")).unwrap();
    symlink(root.join("self"), root.join("self")).unwrap();
    symlink(outside.path(), root.join("out")).unwrap();
    symlink(outside.path().join("x.yml"), root.join("a/out.yml")).unwrap();
    symlink(outside.path().join("secret.py"), root.join("a/custom_rule.py")).unwrap();
    fs::write(root.join("a/x.yml"), RULE).unwrap();
    let imported = read_dir(root, NOW).unwrap();
    assert!(imported.detections.is_empty());
    let messages: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "a/out.yml: is a link that leads out of the imported folder",
            "a/x.yml, line 7: `Filename`: custom_rule.py is a link that leads out of the imported folder",
        ]
    );
}

/// Real content of the field: set `MARGAY_REAL_CONTENT` to a folder of it.
#[test]
fn real_content() {
    let Some(folder) = std::env::var_os("MARGAY_REAL_CONTENT").map(PathBuf::from) else {
        eprintln!("skipped: set MARGAY_REAL_CONTENT to a folder with detection YAML to run this test");
        return;
    };
    let imported = read_dir(&folder, NOW).unwrap();
    let Documents { detections, helpers, models, tables, others } = documents_in(&folder);
    assert!(detections > 0, "no detections below {}", folder.display());
    // Only a table may have a problem, and only one: that its rows were not passed on.
    for problem in &imported.problems {
        let named =
            problem.message.strip_prefix("`Filename`: there is no file ").and_then(|rest| rest.split('"').nth(1));
        let named = named.unwrap_or_else(|| panic!("{problem}"));
        let file = folder.join(&problem.path);
        assert!(!file.parent().unwrap().join(named).exists(), "{problem}, but it is there");
        assert!(fs::read_to_string(&file).unwrap().contains("LookupName:"), "{problem}");
    }
    assert_eq!(imported.detections.len(), detections);
    assert_eq!((imported.global_helpers.len(), imported.data_models.len()), (helpers, models));
    let skipped_tables = imported.skipped.iter().filter(|(_, kind)| *kind == AnalysisType::LookupTable).count();
    assert_eq!(imported.enrichments.len() + skipped_tables + imported.problems.len(), tables);
    assert_eq!(imported.skipped.len() - skipped_tables, others);
    // A table is only left out if its rows are kept elsewhere.
    for (path, kind) in &imported.skipped {
        let text = fs::read_to_string(folder.join(path)).unwrap();
        assert!(
            *kind != AnalysisType::LookupTable || !text.lines().any(|line| line.starts_with("Filename:")),
            "{text}"
        );
    }
}

/// How many documents of each kind the YAML files of a folder hold.
#[derive(Default)]
struct Documents {
    detections: usize,
    helpers: usize,
    models: usize,
    tables: usize,
    others: usize,
}

/// Counts without the importer.
fn documents_in(folder: &Path) -> Documents {
    let mut found = Documents::default();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let inner = documents_in(&path);
            found.detections += inner.detections;
            found.helpers += inner.helpers;
            found.models += inner.models;
            found.tables += inner.tables;
            found.others += inner.others;
        } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let kinds = text.lines().filter_map(|line| line.strip_prefix("AnalysisType:"));
            for kind in kinds.map(|rest| rest.split('#').next().unwrap_or_default().trim()) {
                match kind {
                    "rule" | "scheduled_rule" | "correlation_rule" | "policy" => found.detections += 1,
                    "global" => found.helpers += 1,
                    "datamodel" => found.models += 1,
                    "lookup_table" => found.tables += 1,
                    _ => found.others += 1,
                }
            }
        }
    }
    found
}

//! The GitHub audit log: how an event looks, and an ordinary week of them.

use std::time::Duration;

use margay_domain::clock::Timestamp;
use serde_json::{Value, json};

use super::{
    company::{BROWSER, EMPLOYEES, Employee, GITHUB_ORG, GITHUB_ORG_ID},
    dice::{Dice, mark},
    logs::{Event, fields, whole_millis},
    week::{Rhythm, Week},
};

/// Git on a developer's machine.
pub(super) const GIT: &str = "git/2.49.0";

/// A repository.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repository {
    pub(super) name: &'static str,
    pub(super) public: bool,
}

const fn private(name: &'static str) -> Repository {
    Repository { name, public: false }
}

const fn public(name: &'static str) -> Repository {
    Repository { name, public: true }
}

/// All repositories; the private ones first.
pub(super) static REPOSITORIES: [Repository; 12] = [
    private("infra-legacy"),
    private("infra-live"),
    private("orders-api"),
    private("customer-api"),
    private("etl-pipelines"),
    private("data-models"),
    private("storefront"),
    private("mobile-app"),
    private("firmware"),
    private("internal-tools"),
    public("design-system"),
    public("docs"),
];

/// One entry of the log.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub(super) at: Timestamp,
    pub(super) action: &'a str,
    /// `create`, `modify`, `access`, `remove`.
    pub(super) operation: &'a str,
    pub(super) actor: &'a str,
    pub(super) address: &'a str,
    pub(super) country: &'a str,
    pub(super) agent: &'a str,
    pub(super) repository: Option<Repository>,
    pub(super) more: Vec<(&'a str, Value)>,
}

impl Entry<'_> {
    /// The event.
    pub(super) fn into_event(self, dice: &mut Dice) -> (Timestamp, Event) {
        let at = whole_millis(self.at);
        let millis = at.as_micros() / 1000;
        let mut event = fields([
            ("@timestamp", millis.into()),
            ("_document_id", format!("{}{:06x}", dice.hex(), dice.below(1 << 24)).into()),
            ("action", self.action.into()),
            ("actor", self.actor.into()),
            ("actor_id", (mark(self.actor) % 90_000_000 + 10_000_000).into()),
            ("actor_ip", self.address.into()),
            ("actor_is_bot", self.actor.ends_with("[bot]").into()),
            ("actor_location", json!({ "country_code": self.country })),
            ("created_at", millis.into()),
            ("operation_type", self.operation.into()),
            ("org", GITHUB_ORG.into()),
            ("org_id", GITHUB_ORG_ID.into()),
            ("user_agent", self.agent.into()),
        ]);
        if let Some(repository) = self.repository {
            let name = format!("{GITHUB_ORG}/{}", repository.name);
            event.insert("repo_id".to_owned(), (mark(repository.name) % 900_000_000 + 100_000_000).into());
            event.insert("repo".to_owned(), name.into());
            event.insert("repository_public".to_owned(), repository.public.into());
            event.insert("visibility".to_owned(), if repository.public { "public" } else { "private" }.into());
        }
        for (name, value) in self.more {
            event.insert(name.to_owned(), value);
        }
        (at, event)
    }
}

/// The two-letter code of an employee's country.
pub(super) fn country_code(country: &str) -> &'static str {
    match country {
        "Portugal" => "PT",
        "United Kingdom" => "GB",
        "Ireland" => "IE",
        "Germany" => "DE",
        _ => "XX",
    }
}

/// What developers do: weight, then action, operation, whether it goes through git.
const WORK: [(u64, (&str, &str, bool)); 14] = [
    (30, ("git.push", "modify", true)),
    (26, ("git.fetch", "access", true)),
    (2, ("git.clone", "access", true)),
    (14, ("pull_request.create", "create", false)),
    (15, ("pull_request_review.submit", "create", false)),
    (12, ("pull_request.merge", "modify", false)),
    (8, ("pull_request.close", "modify", false)),
    (6, ("pull_request_review_comment.create", "create", false)),
    (3, ("workflows.rerun_workflow_run", "modify", false)),
    (2, ("repo.update_actions_settings", "modify", false)),
    (2, ("team.add_member", "modify", false)),
    (1, ("hook.create", "create", false)),
    (1, ("protected_branch.create", "create", false)),
    (1, ("repo.create", "create", false)),
];

/// An ordinary week.
pub(super) fn background(week: &Week, dice: &mut Dice) -> Vec<(Timestamp, Event)> {
    let mut log = Vec::with_capacity(1300);
    let developers: Vec<&Employee> = EMPLOYEES.iter().filter(|employee| !employee.github.is_empty()).collect();
    for _ in 0..790 {
        let person = *dice.pick(&developers);
        let home = person.home_address();
        let (action, operation, through_git) = *dice.weighted(&WORK);
        let more: Vec<(&str, Value)> = if through_git {
            vec![("transport_protocol_name", "ssh".into()), ("transport_protocol", 2.into())]
        } else if action.starts_with("pull_request") {
            let number = dice.between(200, 980);
            vec![
                ("pull_request_id", (number + 1_700_000_000).into()),
                ("pull_request_title", format!("Change {number}").into()),
            ]
        } else {
            Vec::new()
        };
        let entry = Entry {
            at: week.pick(dice, Rhythm::Office),
            action,
            operation,
            actor: person.github,
            address: if dice.chance(60) { person.office_address() } else { home.as_str() },
            country: country_code(person.city.country),
            agent: if through_git { GIT } else { BROWSER },
            repository: (action != "team.add_member").then(|| *dice.pick(&REPOSITORIES)),
            more,
        };
        log.push(entry.into_event(dice));
    }
    for _ in 0..190 {
        workflow(week, dice, &mut log);
    }
    log
}

/// A workflow run of a bot or a person: it begins, and some minutes later it ends.
fn workflow(week: &Week, dice: &mut Dice, log: &mut Vec<(Timestamp, Event)>) {
    let start = week.pick(dice, Rhythm::Steady);
    let end = start.plus(Duration::from_secs(dice.between(70, 900)));
    let actor = *dice.pick(&["github-actions[bot]", "dependabot[bot]", "mlindqvist", "jbecker", "aribeiro"]);
    let repository = Some(*dice.pick(&REPOSITORIES));
    let run = dice.between(15_000_000_000, 15_900_000_000);
    let conclusion = if dice.chance(91) { "success" } else { "failure" };
    for (at, action, operation) in
        [(start, "workflows.created_workflow_run", "create"), (end, "workflows.completed_workflow_run", "modify")]
    {
        if !week.contains(at) {
            continue;
        }
        let mut more = vec![
            ("workflow_run_id", Value::from(run)),
            ("name", "build".into()),
            ("event", "push".into()),
            ("head_branch", "main".into()),
            ("head_sha", format!("{}{:024x}", dice.hex(), mark(actor)).into()),
        ];
        if action.ends_with("completed_workflow_run") {
            more.push(("conclusion", conclusion.into()));
        }
        let entry = Entry {
            at,
            action,
            operation,
            actor,
            address: "192.0.2.30",
            country: "IE",
            agent: "GitHub Actions",
            repository,
            more,
        };
        log.push(entry.into_event(dice));
    }
}

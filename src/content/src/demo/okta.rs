//! The Okta system log: how an event looks, and an ordinary week of them.

use std::time::Duration;

use margay_domain::clock::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    company::{BROWSER, City, EMPLOYEES, Employee, employee, okta_id},
    dice::{Dice, mark, spell},
    logs::{Event, fields, whole_millis},
    week::{Rhythm, Week, is_weekend},
};

const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A browser as Okta describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agent {
    raw: &'static str,
    os: &'static str,
    browser: &'static str,
    device: &'static str,
}

/// A browser on a Mac.
pub(super) const MAC: Agent =
    Agent { raw: BROWSER, os: "Mac OS 14.7.6 (Sonoma)", browser: "CHROME", device: "Computer" };
/// A browser on Windows.
pub(super) const WINDOWS: Agent = Agent {
    raw: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    os: "Windows 11",
    browser: "FIREFOX",
    device: "Computer",
};
/// A telephone.
pub(super) const PHONE: Agent = Agent {
    raw: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
          Version/18.5 Mobile/15E148 Safari/604.1",
    os: "iOS 18.5",
    browser: "SAFARI",
    device: "Mobile",
};
/// What the attacker uses.
pub(super) const LINUX: Agent = Agent {
    raw: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    os: "Linux",
    browser: "FIREFOX",
    device: "Computer",
};

/// How something ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Well.
    Success,
    /// Badly, with Okta's reason.
    Failure(&'static str),
}

/// One entry of the log.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub(super) at: Timestamp,
    pub(super) kind: &'a str,
    pub(super) message: &'a str,
    /// E-mail address of who did it.
    pub(super) actor: &'a str,
    pub(super) address: &'a str,
    pub(super) city: City,
    pub(super) agent: Agent,
    pub(super) outcome: Outcome,
    /// Names the session that it belongs to; anything.
    pub(super) session: &'a str,
    pub(super) targets: Vec<Value>,
    pub(super) debug: Vec<(&'a str, Value)>,
}

impl<'a> Entry<'a> {
    /// A success without targets.
    pub(super) const fn new(at: Timestamp, kind: &'a str, message: &'a str, actor: &'a str, place: Place<'a>) -> Self {
        Self {
            at,
            kind,
            message,
            actor,
            address: place.address,
            city: place.city,
            agent: place.agent,
            outcome: Outcome::Success,
            session: place.session,
            targets: Vec::new(),
            debug: Vec::new(),
        }
    }

    /// The event.
    pub(super) fn into_event(self, dice: &mut Dice) -> (Timestamp, Event) {
        let at = whole_millis(self.at);
        let city = json!({
            "city": self.city.name,
            "state": self.city.state,
            "country": self.city.country,
            "postalCode": self.city.postal_code,
            "geolocation": { "lat": self.city.lat, "lon": self.city.lon },
        });
        let (result, reason, severity) = match self.outcome {
            Outcome::Success => ("SUCCESS", Value::Null, "INFO"),
            Outcome::Failure(reason) => ("FAILURE", Value::from(reason), "WARN"),
        };
        let request = format!("a{}", dice.hex());
        let event = fields([
            ("uuid", dice.uuid().into()),
            ("published", at.to_rfc3339().into()),
            ("eventType", self.kind.into()),
            ("version", "0".into()),
            ("severity", severity.into()),
            ("displayMessage", self.message.into()),
            ("actor", user(self.actor)),
            ("client", client(self.agent, self.address, &city)),
            ("authenticationContext", authentication(self.session)),
            ("outcome", json!({ "result": result, "reason": reason })),
            ("securityContext", security(self.address)),
            ("debugContext", debug(&request, self.address, self.debug)),
            ("transaction", json!({ "type": "WEB", "id": request, "detail": {} })),
            ("request", json!({ "ipChain": [{ "ip": self.address, "geographicalContext": city, "version": "V4" }] })),
            ("target", if self.targets.is_empty() { Value::Null } else { self.targets.into() }),
        ]);
        (at, event)
    }
}

/// From where, with what and in which session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) address: &'a str,
    pub(super) city: City,
    pub(super) agent: Agent,
    pub(super) session: &'a str,
}

/// A person or an account, as actor or as target.
pub(super) fn user(email: &str) -> Value {
    let name = employee(email).map_or_else(|| email.to_owned(), Employee::name);
    json!({ "id": okta_id(email), "type": "User", "alternateId": email, "displayName": name, "detailEntry": null })
}

/// An application as target.
pub(super) fn application(name: &str) -> Value {
    json!({
        "id": format!("0oa{}", spell(name, LETTERS, 17)),
        "type": "AppInstance",
        "alternateId": name,
        "displayName": name,
        "detailEntry": { "signOnModeType": "SAML_2_0" },
    })
}

fn client(agent: Agent, address: &str, city: &Value) -> Value {
    json!({
        "userAgent": { "rawUserAgent": agent.raw, "os": agent.os, "browser": agent.browser },
        "zone": "null",
        "device": agent.device,
        "id": null,
        "ipAddress": address,
        "geographicalContext": city,
    })
}

fn authentication(session: &str) -> Value {
    json!({
        "authenticationProvider": null,
        "credentialProvider": null,
        "credentialType": null,
        "issuer": null,
        "interface": null,
        "authenticationStep": 0,
        "externalSessionId": format!("idx{}", spell(session, LETTERS, 20)),
    })
}

/// Autonomous system numbers are those reserved for documentation (RFC 5398).
fn security(address: &str) -> Value {
    let (number, name) = if address.starts_with("192.0.2.") {
        (64_496, "Example Access")
    } else if address.starts_with("203.0.113.") {
        (64_500, "Example Hosting")
    } else {
        (64_501, "Example Transit")
    };
    json!({ "asNumber": number, "asOrg": name, "isp": name, "domain": "example.net", "isProxy": false })
}

fn debug(request: &str, address: &str, more: Vec<(&str, Value)>) -> Value {
    let mut data = Map::new();
    data.insert("requestId".to_owned(), request.into());
    data.insert("requestUri".to_owned(), "/idp/idx/identify".into());
    data.insert("url".to_owned(), "/idp/idx/identify?".into());
    data.insert("deviceFingerprint".to_owned(), format!("{:016x}", mark(address)).into());
    data.insert("threatSuspected".to_owned(), "false".into());
    for (name, value) in more {
        data.insert(name.to_owned(), value);
    }
    json!({ "debugData": data })
}

const APPLICATIONS: [(u64, &str); 10] = [
    (20, "Google Workspace"),
    (18, "Slack"),
    (12, "GitHub"),
    (10, "AWS IAM Identity Center"),
    (9, "Jira"),
    (7, "Zoom"),
    (6, "Salesforce"),
    (5, "Notion"),
    (4, "Workday"),
    (3, "Figma"),
];

/// An ordinary week.
pub(super) fn background(week: &Week, dice: &mut Dice) -> Vec<(Timestamp, Event)> {
    let mut log = Vec::with_capacity(2800);
    for midnight in week.midnights() {
        for person in &EMPLOYEES {
            if !is_weekend(midnight) || dice.chance(7) {
                day(week, dice, person, midnight, &mut log);
            }
        }
    }
    directory(week, dice, &mut log);
    log
}

/// A person's day: sign-in with a push, applications, the end.
fn day(week: &Week, dice: &mut Dice, person: &Employee, midnight: Timestamp, log: &mut Vec<(Timestamp, Event)>) {
    let email = person.email();
    let home = person.home_address();
    let address = if dice.chance(65) { person.office_address() } else { home.as_str() };
    let agent = match dice.below(10) {
        0..=5 => MAC,
        6..=8 => WINDOWS,
        _ => PHONE,
    };
    let session = format!("{email}{}", midnight.as_seconds());
    let place = Place { address, city: person.city, agent, session: &session };
    let start = midnight.plus(Duration::from_secs(dice.between(7 * 3600 + 900, 9 * 3600 + 2700)));
    let mut add = |at: Timestamp, entry: Entry<'_>, dice: &mut Dice| {
        if week.contains(at) {
            log.push(entry.into_event(dice));
        }
    };
    for (offset, kind, message) in [
        (0, "policy.evaluate_sign_on", "Evaluation of sign-on policy"),
        (3, "system.push.send_factor_verify_push", "Send factor verify push notification"),
        (11, "user.authentication.auth_via_mfa", "Authentication of user via MFA"),
        (12, "user.session.start", "User login to Okta"),
    ] {
        let at = start.plus(Duration::from_secs(offset));
        let mut entry = Entry::new(at, kind, message, &email, place);
        if kind == "user.authentication.auth_via_mfa" {
            entry.debug.push(("factor", "OKTA_VERIFY_PUSH".into()));
        }
        entry.targets.push(user(&email));
        add(at, entry, dice);
    }
    let mut at = start;
    for _ in 0..dice.between(9, 16) {
        at = at.plus(Duration::from_micros(dice.between(90, 4200) * 1_000_000 + dice.below(1_000_000)));
        let mut entry = Entry::new(at, "user.authentication.sso", "User single sign on to app", &email, place);
        entry.targets.push(application(dice.weighted(&APPLICATIONS)));
        add(at, entry, dice);
    }
    if dice.chance(55) {
        let at = at.plus(Duration::from_secs(dice.between(1800, 7200)));
        add(at, Entry::new(at, "user.session.end", "User logout from Okta", &email, place), dice);
    }
    // A typing mistake before the real sign-in; never often enough to raise an alert.
    if dice.chance(8) {
        let at = start.minus(Duration::from_secs(25));
        let mut entry = Entry::new(at, "user.session.start", "User login to Okta", &email, place);
        entry.outcome = Outcome::Failure("INVALID_CREDENTIALS");
        add(at, entry, dice);
    }
}

/// What the IT team does in the directory.
fn directory(week: &Week, dice: &mut Dice, log: &mut Vec<(Timestamp, Event)>) {
    const CHANGES: [(u64, (&str, &str)); 6] = [
        (8, ("group.user_membership.add", "Add user to group membership")),
        (4, ("group.user_membership.remove", "Remove user from group membership")),
        (7, ("application.user_membership.add", "Add user to application membership")),
        (5, ("user.account.update_profile", "Update user profile for Okta")),
        (3, ("user.account.update_password", "User update password for Okta")),
        (2, ("user.account.unlock", "Unlock user account")),
    ];
    const ADMINISTRATORS: [&str; 2] = ["tomas.varga@example.com", "maya.lindqvist@example.com"];
    for _ in 0..95 {
        let at = week.pick(dice, Rhythm::Office);
        let actor = *dice.pick(&ADMINISTRATORS);
        let about = dice.pick(&EMPLOYEES);
        let (kind, message) = *dice.weighted(&CHANGES);
        let Some(administrator) = employee(actor) else { continue };
        let place = Place {
            address: administrator.office_address(),
            city: administrator.city,
            agent: MAC,
            session: "administration",
        };
        let mut entry = Entry::new(at, kind, message, actor, place);
        entry.targets.push(user(&about.email()));
        if kind.starts_with("group.") {
            let team = format!("team-{}", about.team.to_ascii_lowercase());
            entry.targets.push(json!({
                "id": format!("00g{}", spell(&team, LETTERS, 17)),
                "type": "UserGroup",
                "alternateId": null,
                "displayName": team,
                "detailEntry": null,
            }));
        } else if kind.starts_with("application.") {
            entry.targets.push(application(dice.weighted(&APPLICATIONS)));
        }
        log.push(entry.into_event(dice));
    }
}

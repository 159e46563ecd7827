//! Blocked redirects, gathered from the audit log: what an admin may want to allow.

use margay_rules::{Allowlist, CustomScheme, Decision, DomainPattern, Refusal, display, redirect};
use serde_json::Value;
use url::Url;

use crate::{audit::AuditEvent, clock::Timestamp};

/// At most so many groups are told apart.
pub const MAX_GROUPS: usize = 10;

/// At most so many people are named in a group.
const MAX_PEOPLE: usize = 5;
/// At most this many characters of a client's name; registration cuts them before.
const MAX_NAME: usize = 200;
/// What is shown of an address without a host, in characters.
const MAX_ADDRESS: usize = 200;
/// The rule in the event of an address that could never be redirected to.
const MALFORMED: &str = "malformed";

/// Refused redirects of clients with one name to one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedRedirects {
    /// What the client calls itself, for people; anybody can use any name.
    pub client_name: String,
    /// Where the code would have gone, see [`target`].
    pub target: String,
    /// How often.
    pub count: u32,
    /// The last time.
    pub last_at: Timestamp,
    /// Who tried, by e-mail address: the last one first, each once, the first five.
    pub people: Vec<String>,
    /// What an admin can do about it.
    pub remedy: Remedy,
}

/// What an admin can do about a blocked redirect, by the allowlist as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Add this domain.
    AddDomain(DomainPattern),
    /// Add this custom scheme.
    AddScheme(CustomScheme),
    /// Nothing more: this entry allows it by now.
    AllowedNow(String),
    /// Nothing: no setting can allow it.
    Never,
}

/// What people see of a redirect URI: the host of an `https` address, `http://host`, or `scheme://` for a custom scheme;
/// the beginning of the text itself if it is no address.
pub fn target(uri: &str) -> String {
    Url::parse(uri).map_or_else(|_| display::shown(uri, MAX_ADDRESS), |url| target_of(&url))
}

fn target_of(url: &Url) -> String {
    match (url.scheme(), url.host_str()) {
        ("https", Some(host)) => host.to_owned(),
        ("http", Some(host)) => format!("http://{host}"),
        (scheme, _) => format!("{scheme}://"),
    }
}

/// Groups by client name and place, newest first; `events` are sorted like that.
pub(super) fn gather(events: &[AuditEvent], allowlist: &Allowlist) -> Vec<BlockedRedirects> {
    let mut groups: Vec<BlockedRedirects> = Vec::new();
    for event in events {
        let Some(uri) = text(&event.action_params, "redirectUri") else { continue };
        let (target, remedy) = judge(uri, text(&event.action_details, "rule"), allowlist);
        let client_name = text(&event.action_details, "clientName").unwrap_or("An unnamed client");
        let client_name = display::one_line(client_name, MAX_NAME);
        let person = event.actor.email.as_deref().unwrap_or(&event.actor.name);
        let known = groups
            .iter_mut()
            .find(|group| group.client_name == client_name && group.target == target && group.remedy == remedy);
        if let Some(group) = known {
            group.add(person);
        } else if groups.len() < MAX_GROUPS {
            groups.push(BlockedRedirects {
                client_name,
                target,
                count: 1,
                last_at: event.timestamp,
                people: vec![person.to_owned()],
                remedy,
            });
        }
    }
    groups
}

impl BlockedRedirects {
    /// Counts an older one.
    fn add(&mut self, person: &str) {
        self.count = self.count.saturating_add(1);
        if self.people.len() < MAX_PEOPLE && !self.people.iter().any(|known| known == person) {
            self.people.push(person.to_owned());
        }
    }
}

/// The place, and what would allow it.
fn judge(uri: &str, rule: Option<&str>, allowlist: &Allowlist) -> (String, Remedy) {
    let Ok(url) = Url::parse(uri) else { return (target(uri), Remedy::Never) };
    if rule == Some(MALFORMED) {
        return (uri.chars().take(MAX_ADDRESS).collect(), Remedy::Never);
    }
    let remedy = match redirect::decide(allowlist, url.scheme(), url.host_str()) {
        Decision::Loopback => Remedy::AllowedNow("localhost".to_owned()),
        Decision::Listed(entry) => Remedy::AllowedNow(entry),
        Decision::Refused(Refusal::DomainNotListed) => domain(url.host_str().unwrap_or_default()),
        Decision::Refused(Refusal::SchemeNotListed) => {
            CustomScheme::parse(url.scheme()).map_or(Remedy::Never, Remedy::AddScheme)
        }
        Decision::Refused(_) => Remedy::Never,
    };
    (target_of(&url), remedy)
}

/// The host as an entry of the allowlist. A URL may have a star in its host: such a host would be a pattern that allows
/// many others, so it is never proposed.
fn domain(host: &str) -> Remedy {
    if host.contains('*') {
        return Remedy::Never;
    }
    DomainPattern::parse(host).map_or(Remedy::Never, Remedy::AddDomain)
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        audit::{ActionResult, Actor, ActorKind, MCP_REDIRECT_BLOCKED},
        id::AuditEventId,
    };

    fn blocked(second: i64, client: &str, uri: &str, rule: &str, email: &str) -> AuditEvent {
        AuditEvent {
            id: AuditEventId::new(format!("aud_{second}")),
            timestamp: Timestamp::from_seconds(second),
            action_name: MCP_REDIRECT_BLOCKED.to_owned(),
            action_description: String::new(),
            action_result: ActionResult::Failed,
            action_params: json!({ "redirectUri": uri }),
            action_details: json!({ "clientId": "mcp_1", "clientName": client, "rule": rule }),
            actor: Actor {
                id: "usr_1".to_owned(),
                kind: ActorKind::User,
                name: "Ana".to_owned(),
                email: Some(email.to_owned()),
                role: None,
            },
            errors: Vec::new(),
            source_ip: None,
            user_agent: None,
        }
    }

    fn remedy(uri: &str, rule: &str) -> Remedy {
        judge(uri, Some(rule), &Allowlist::default()).1
    }

    #[test]
    fn groups_by_client_and_place_newest_first() {
        let events = [
            blocked(9, "Claude", "https://claude.ai/cb?a", "domain_not_listed", "ana@example.com"),
            blocked(8, "Cursor", "cursor://x/cb", "scheme_not_listed", "ana@example.com"),
            blocked(7, "Claude", "https://claude.ai/cb?b", "domain_not_listed", "ben@example.com"),
            blocked(6, "Claude", "https://claude.ai/cb", "domain_not_listed", "ana@example.com"),
            blocked(5, "", "https://claude.ai/cb", "domain_not_listed", "ana@example.com"),
        ];
        let groups = gather(&events, &Allowlist::default());
        let seen: Vec<(&str, &str, u32, i64)> = groups
            .iter()
            .map(|group| (group.client_name.as_str(), group.target.as_str(), group.count, group.last_at.as_seconds()))
            .collect();
        assert_eq!(
            seen,
            [("Claude", "claude.ai", 3, 9), ("Cursor", "cursor://", 1, 8), ("An unnamed client", "claude.ai", 1, 5)]
        );
        assert_eq!(groups[0].people, ["ana@example.com", "ben@example.com"]);
    }

    #[test]
    fn there_are_at_most_ten_groups() {
        let events: Vec<AuditEvent> = (0..20)
            .map(|n| {
                blocked(100 - n, &format!("Client {n}"), "https://a.example/cb", "domain_not_listed", "a@b.example")
            })
            .chain([blocked(1, "Client 0", "https://a.example/cb", "domain_not_listed", "a@b.example")])
            .collect();
        let groups = gather(&events, &Allowlist::default());
        assert_eq!((groups.len(), groups[0].count), (MAX_GROUPS, 2));
        assert_eq!(groups[9].client_name, "Client 9");
    }

    #[test]
    fn says_what_would_allow_it() {
        let domain = |text| Remedy::AddDomain(DomainPattern::parse(text).unwrap());
        assert_eq!(remedy("https://Claude.ai:8443/cb", "domain_not_listed"), domain("claude.ai"));
        assert_eq!(
            remedy("cursor://x/cb", "scheme_not_listed"),
            Remedy::AddScheme(CustomScheme::parse("cursor").unwrap())
        );
        let list = Allowlist::from_entries(&["*.ai".to_owned()], &[]).unwrap();
        let now = judge("https://claude.ai/cb", Some("domain_not_listed"), &list).1;
        assert_eq!(now, Remedy::AllowedNow("*.ai".to_owned()));
    }

    #[test]
    fn no_setting_is_proposed_where_none_helps() {
        for (uri, rule) in [
            ("http://claude.ai/cb", "plain_http"),
            ("javascript:alert(1)", "reserved_scheme"),
            ("https://ana@claude.ai/cb", "malformed"),
            ("https://[2001:db8::1]/cb", "domain_not_listed"),
            ("not an address", "malformed"),
        ] {
            assert_eq!(remedy(uri, rule), Remedy::Never, "{uri}");
        }
    }

    #[test]
    fn a_star_in_a_host_never_becomes_a_pattern() {
        for uri in ["https://*.com/cb", "https://*/cb", "https://a.*.example/cb"] {
            assert_eq!(remedy(uri, "domain_not_listed"), Remedy::Never, "{uri}");
        }
    }

    #[test]
    fn events_that_name_no_address_are_left_out() {
        let mut event = blocked(1, "Claude", "https://claude.ai/cb", "domain_not_listed", "ana@example.com");
        event.action_params = json!({});
        assert!(gather(&[event], &Allowlist::default()).is_empty());
    }
}

//! The invariants of the domain's values and of the one permission predicate.

use margay_domain::{
    clock::Timestamp,
    grant::Grant,
    id::{ClientId, GrantId, RoleId, UserId},
    principal::effective,
    role::{BuiltInRole, LogTypeAccess, Role},
    rules::{Permission, PermissionSet},
    secret::{Secret, SecretKind},
    testing::SeededEntropy,
    user::{User, normalize_email},
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn user(role: &Role, enabled: bool) -> User {
    User {
        id: UserId::new("usr_1"),
        email: "ana@example.com".into(),
        given_name: "Ana".into(),
        family_name: String::new(),
        role_id: role.id.clone(),
        enabled,
        created_at: NOW,
        last_signed_in_at: None,
    }
}

fn grant(permissions: PermissionSet) -> Grant {
    Grant {
        id: GrantId::new("grt_1"),
        user_id: UserId::new("usr_1"),
        client_id: ClientId::new("mcp_1"),
        permissions,
        resource: "http://127.0.0.1/mcp".into(),
        redirect_uri: "http://127.0.0.1/callback".into(),
        created_at: NOW,
        activated_at: Some(NOW),
        expires_at: NOW.plus(std::time::Duration::from_hours(1)),
        last_used_at: None,
        narrowed_from: None,
        refreshed_from: None,
        revoked: None,
    }
}

fn sets() -> impl Strategy<Value = PermissionSet> {
    proptest::sample::subsequence(Permission::ALL, 0..=Permission::ALL.len())
        .prop_map(|list| list.into_iter().collect())
}

proptest! {
    /// Promise 1.
    #[test]
    fn effective_is_granted_and_role_now_and_never_more(granted in sets(), held in sets(), scope in proptest::option::of(sets())) {
        let role = Role { permissions: held, ..BuiltInRole::Analyst.role(NOW) };
        let result = effective(&user(&role, true), &role, &grant(granted), scope);
        prop_assert!(result.is_subset(granted));
        prop_assert!(result.is_subset(held));
        if let Some(scope) = scope {
            prop_assert!(result.is_subset(scope));
        } else {
            prop_assert_eq!(result, granted.intersection(held));
        }
    }

    #[test]
    fn disabled_or_mismatched_people_may_nothing(granted in sets()) {
        let role = BuiltInRole::Admin.role(NOW);
        prop_assert!(effective(&user(&role, false), &role, &grant(granted), None).is_empty());
        let other = Role { id: RoleId::new("other"), ..role.clone() };
        prop_assert!(effective(&user(&role, true), &other, &grant(granted), None).is_empty());
        let foreign = Grant { user_id: UserId::new("usr_2"), ..grant(granted) };
        prop_assert!(effective(&user(&role, true), &role, &foreign, None).is_empty());
    }

    #[test]
    fn times_survive_their_text(micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000) {
        let time = Timestamp::from_micros(micros);
        prop_assert_eq!(Timestamp::parse(&time.to_rfc3339()), Ok(time));
    }

    #[test]
    fn secrets_are_read_back_only_as_their_kind(seed: u64) {
        let secret = Secret::generate(SecretKind::Refresh, &SeededEntropy::new(seed));
        let read = Secret::parse(SecretKind::Refresh, secret.expose()).expect("its own text");
        prop_assert!(read.hash().constant_time_eq(&secret.hash()));
        prop_assert!(Secret::parse(SecretKind::Code, secret.expose()).is_none());
        let printed = format!("{secret:?}{:?}", secret.hash());
        prop_assert!(!printed.contains(&secret.expose()[4..12]));
    }
}

#[test]
fn ids_sort_by_time_and_say_what_they_are() {
    let entropy = SeededEntropy::new(1);
    let early = GrantId::generate(NOW, &entropy);
    let late = GrantId::generate(NOW.plus(std::time::Duration::from_millis(1)), &entropy);
    assert!(early < late);
    assert!(early.as_str().starts_with("grt_") && early.as_str().len() == 30);
}

#[test]
fn email_addresses_are_compared_in_one_form() {
    assert_eq!(normalize_email(" Ana@Example.COM "), Ok("ana@example.com".into()));
    for bad in [
        "",
        "ana",
        "@example.com",
        "ana@",
        "a na@example.com",
        "a@b@c",
        "a\u{3164}na@example.com",
        "ana@ex\u{200b}ample.com",
    ] {
        assert!(normalize_email(bad).is_err(), "{bad}");
    }
}

#[test]
fn log_type_access_says_no_to_the_unknown() {
    let list = vec!["AWS.CloudTrail".to_owned()];
    assert!(LogTypeAccess::Allow(list.clone()).allows("AWS.CloudTrail"));
    assert!(!LogTypeAccess::Allow(list.clone()).allows("Okta.SystemLog"));
    assert!(!LogTypeAccess::Deny(list.clone()).allows("AWS.CloudTrail"));
    assert!(LogTypeAccess::Deny(list).allows("Okta.SystemLog"));
    assert!(!LogTypeAccess::DenyAll.allows("AWS.CloudTrail"));
}

#[test]
fn built_in_roles_nest() {
    let [admin, analyst, viewer] = BuiltInRole::ALL.map(BuiltInRole::permissions);
    assert!(viewer.is_subset(analyst) && analyst.is_subset(admin));
    assert_eq!(admin, PermissionSet::all());
}

//! The rules as tables. Runs natively, and on wasm32 under Node: browser and server must agree.

use margay_rules::{
    Allowlist, CustomScheme, Decision, DomainPattern, PatternError, PatternWarning, Permission, PermissionSet, Refusal,
    SchemeError, forms, redirect,
};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn pattern(text: &str) -> DomainPattern {
    DomainPattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn glob_table() {
    let table: [(&str, &[&str], &[&str]); 6] = [
        (
            "claude.ai",
            &["claude.ai", "CLAUDE.AI", "claude.ai."],
            &["api.claude.ai", "notclaude.ai", "claude.ai.evil.com"],
        ),
        (
            "*.cursor.com",
            &["auth.cursor.com", "api.cursor.com", "a.b.cursor.com", "API.Cursor.Com"],
            &["cursor.com", "notcursor.com", "cursor.com.evil.com", ""],
        ),
        ("*cursor.com", &["auth.cursor.com", "notcursor.com", "cursor.com"], &["cursor.com.evil.com", "cursor.comx"]),
        ("CLAUDE.ai", &["claude.ai"], &["claude.a"]),
        ("a*b.example", &["ab.example", "axxb.example", "a.b.example"], &["ab.example.org", "b.example"]),
        ("*a*a*.example.com", &["aa.example.com", "xaxax.example.com"], &["a.example.com"]),
    ];
    for (text, matching, others) in table {
        let pattern = pattern(text);
        for host in matching {
            assert!(pattern.matches(host), "{text} must match {host}");
        }
        for host in others {
            assert!(!pattern.matches(host), "{text} must not match {host}");
        }
    }
}

#[test]
fn patterns_that_are_none() {
    for (text, expected) in [
        ("", PatternError::Empty),
        ("   ", PatternError::Empty),
        ("https://claude.ai", PatternError::HasScheme),
        ("claude.ai/callback", PatternError::HasPath),
        ("claude.ai?x", PatternError::HasPath),
        ("claude.ai:443", PatternError::HasPort),
        ("me@claude.ai", PatternError::HasUserInfo),
        ("clau de.ai", PatternError::BadCharacter),
        ("münchen.de", PatternError::BadCharacter),
        (".claude.ai", PatternError::EmptyLabel),
        ("claude..ai", PatternError::EmptyLabel),
        ("*", PatternError::MatchesEverything),
        ("*.*", PatternError::MatchesEverything),
    ] {
        assert_eq!(DomainPattern::parse(text), Err(expected), "{text:?}");
    }
    assert_eq!(DomainPattern::parse(&"a".repeat(254)), Err(PatternError::TooLong));
    assert_eq!(pattern(" Claude.AI. ").as_str(), "claude.ai");
}

#[test]
fn patterns_that_deserve_a_second_look() {
    assert_eq!(pattern("*cursor.com").warnings(), [PatternWarning::Lookalikes]);
    assert_eq!(pattern("*.cursor.com").warnings(), []);
    assert_eq!(pattern("claude.ai").warnings(), []);
    assert_eq!(pattern("*.com").warnings(), [PatternWarning::TopLevel]);
    assert_eq!(pattern("a.*.com").warnings(), [PatternWarning::InnerStar, PatternWarning::TopLevel]);
}

#[test]
fn schemes() {
    for reserved in [
        "http",
        "https",
        "javascript",
        "data",
        "file",
        "vbscript",
        "JavaScript",
        "HTTPS://",
        " data: ",
        "about",
        "blob",
        "ws",
        "WSS://",
        "Intent",
        "mailto",
        "tel",
        "sms",
        "view-source",
        "chrome",
        "chrome-extension",
        "ms-msdt",
        "MS-SETTINGS",
        "filesystem",
        "content",
        "ftp",
        "ssh",
        "jar",
        "moz-extension",
        "search-ms",
        "itms-services",
    ] {
        assert_eq!(CustomScheme::parse(reserved), Err(SchemeError::Reserved), "{reserved}");
    }
    for (text, stored) in
        [("cursor", "cursor"), ("Cursor://", "cursor"), ("com.example.app", "com.example.app"), ("a+b-c", "a+b-c")]
    {
        assert_eq!(CustomScheme::parse(text).map(|s| s.to_string()), Ok(stored.to_owned()));
    }
    for own in ["cursor", "vscode", "vscode-insiders", "claude", "windsurf", "zed", "com.raycast", "goose", "lmstudio"]
    {
        assert!(CustomScheme::parse(own).is_ok(), "{own}");
    }
    for text in ["1abc", "a b", "a/b", "ä", "-a", "a:b"] {
        assert_eq!(CustomScheme::parse(text), Err(SchemeError::BadSyntax), "{text}");
    }
    assert_eq!(CustomScheme::parse("://"), Err(SchemeError::Empty));
    assert_eq!(CustomScheme::parse(&"a".repeat(65)), Err(SchemeError::TooLong));
}

#[test]
fn redirect_decisions() {
    let allowlist = Allowlist {
        domains: vec![pattern("claude.ai")],
        schemes: vec![CustomScheme::parse("cursor").expect("a scheme")],
    };
    let decide = |scheme, host| redirect::decide(&allowlist, scheme, host);
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"] {
        assert_eq!(decide("http", Some(host)), Decision::Loopback);
        assert_eq!(decide("https", Some(host)), Decision::Loopback);
    }
    for host in ["localhost.evil.com", "127.0.0.1.nip.io", "127.0.0.2", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        assert_eq!(decide("http", Some(host)), Decision::Refused(Refusal::PlainHttp), "{host}");
    }
    assert!(decide("https", Some("claude.ai")).is_allowed());
    assert!(decide("HTTPS", Some("Claude.AI")).is_allowed());
    assert_eq!(decide("http", Some("claude.ai")), Decision::Refused(Refusal::PlainHttp));
    assert_eq!(decide("https", Some("evil.com")), Decision::Refused(Refusal::DomainNotListed));
    assert_eq!(decide("https", None), Decision::Refused(Refusal::NoHost));
    assert!(decide("cursor", Some("anysphere.cursor-mcp")).is_allowed());
    assert!(decide("CURSOR", None).is_allowed());
    assert_eq!(decide("vscode", None), Decision::Refused(Refusal::SchemeNotListed));
    for scheme in ["javascript", "data", "file", "vbscript", "intent", "BLOB", "ms-msdt"] {
        assert_eq!(decide(scheme, None), Decision::Refused(Refusal::ReservedScheme));
    }
}

#[test]
fn a_scheme_that_was_saved_before_it_was_reserved_is_read_and_refused() {
    let stored = r#"{"domains":["claude.ai"],"schemes":["mailto","cursor"]}"#;
    let allowlist: Allowlist = serde_json::from_str(stored).expect("the settings can still be shown");
    assert_eq!(allowlist.schemes.len(), 2);
    assert_eq!(redirect::decide(&allowlist, "mailto", None), Decision::Refused(Refusal::ReservedScheme));
    assert!(redirect::decide(&allowlist, "cursor", None).is_allowed());
    assert!(serde_json::from_str::<Allowlist>(r#"{"domains":[],"schemes":["a b"]}"#).is_err());
}

#[test]
fn allowlists_report_every_bad_entry_and_keep_the_rest_apart() {
    let entries = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let saved =
        Allowlist::from_entries(&entries(&["claude.ai", "", "CLAUDE.ai", "*.cursor.com"]), &entries(&["cursor"]))
            .expect("good entries");
    assert_eq!(saved.domains.len(), 2);
    let errors = Allowlist::from_entries(&entries(&["ok.com", "https://x"]), &entries(&["http", "x y"])).unwrap_err();
    let places: Vec<_> = errors.iter().map(|e| (e.field, e.index)).collect();
    use margay_rules::AllowlistField::{Domains, Schemes};
    assert_eq!(places, [(Domains, 1), (Schemes, 0), (Schemes, 1)]);
}

#[test]
fn catalogue_names_are_unique_and_sets_keep_their_order() {
    let mut names: Vec<_> = Permission::ALL.iter().map(|p| p.api_name()).collect();
    assert_eq!(PermissionSet::all().api_names(), names);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Permission::ALL.len());
    for permission in Permission::ALL {
        assert_eq!(Permission::from_api_name(permission.api_name()), Some(*permission));
        assert!(permission.sentence().ends_with('.'));
    }
    assert_eq!(Permission::from_api_name("alertread"), None);
    assert!(PermissionSet::from_api_names(["AlertRead", "Nonsense"]).is_err());
    let set: PermissionSet = serde_json::from_str(r#"["UserRead","AlertRead"]"#).expect("a set");
    assert_eq!(serde_json::to_string(&set).expect("json"), r#"["AlertRead","UserRead"]"#);
    assert!(serde_json::from_str::<PermissionSet>(r#"["Root"]"#).is_err());
}

#[test]
fn only_paths_of_this_server_follow_a_sign_in() {
    for path in ["/connections", "/oauth/authorize/flw_1?x=1", "/"] {
        assert!(forms::is_local_path(path), "{path}");
    }
    for path in ["", "//evil.com", "/\\evil.com", "https://evil.com", "evil", "/a\nb", "/a b", "\\evil"] {
        assert!(!forms::is_local_path(path), "{path:?}");
    }
}

#[test]
fn only_the_way_to_an_authorization_leads_to_a_client() {
    for path in
        ["/oauth/authorize", "/oauth/authorize?response_type=token", "/oauth/authorize/flw_1", "/oauth/authorize#a"]
    {
        assert!(forms::leads_to_client(path), "{path}");
    }
    for path in [
        "",
        "/",
        "/connections",
        "/oauth/authorized",
        "/oauth",
        "//oauth/authorize",
        "https://evil.example/oauth/authorize",
    ] {
        assert!(!forms::leads_to_client(path), "{path}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn sets() -> impl Strategy<Value = PermissionSet> {
        proptest::sample::subsequence(Permission::ALL, 0..=Permission::ALL.len())
            .prop_map(|list| list.into_iter().collect())
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,300}") {
            let _ = DomainPattern::parse(&text);
            let _ = CustomScheme::parse(&text);
        }

        #[test]
        fn matching_ignores_case(text in "[a-z*.]{1,12}\\.[a-z]{2,3}", host in "[a-zA-Z.]{0,20}") {
            if let Ok(pattern) = DomainPattern::parse(&text) {
                prop_assert_eq!(pattern.matches(&host), pattern.matches(&host.to_uppercase()));
            }
        }

        #[test]
        fn a_dotted_star_never_matches_the_bare_domain(domain in "[a-z]{1,10}\\.[a-z]{2,5}") {
            let pattern = pattern(&format!("*.{domain}"));
            prop_assert!(!pattern.matches(&domain));
            let lookalike = format!("not{}", &domain);
            prop_assert!(!pattern.matches(&lookalike));
            let subdomain = format!("a.{}", &domain);
            prop_assert!(pattern.matches(&subdomain));
        }

        #[test]
        fn a_pattern_without_star_matches_itself_only(domain in "[a-z]{1,10}\\.[a-z]{2,5}", host in "[a-z.]{0,20}") {
            prop_assert_eq!(pattern(&domain).matches(&host), host.strip_suffix('.').unwrap_or(&host) == domain);
        }

        #[test]
        fn reserved_schemes_are_refused_whatever_is_listed(host in "[a-z.]{1,20}", upper in any::<bool>()) {
            let allowlist = Allowlist { domains: vec![], schemes: vec![CustomScheme::parse("cursor").expect("a scheme")] };
            for scheme in ["javascript", "data", "file", "vbscript"] {
                let scheme = if upper { scheme.to_uppercase() } else { scheme.to_owned() };
                prop_assert!(!redirect::decide(&allowlist, &scheme, Some(&host)).is_allowed());
            }
        }

        #[test]
        fn sets_form_a_lattice(a in sets(), b in sets()) {
            prop_assert!(a.intersection(b).is_subset(a));
            prop_assert!(a.is_subset(a.union(b)));
            prop_assert_eq!(a.difference(b).intersection(b), PermissionSet::EMPTY);
            prop_assert_eq!(a.is_subset(b), a.difference(b).is_empty());
            prop_assert_eq!(PermissionSet::from_api_names(a.api_names()), Ok(a));
        }
    }
}

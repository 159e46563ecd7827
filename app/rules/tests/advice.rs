//! What the settings page says about an entry before it is saved. Runs natively, and on wasm32 under Node.

use margay_rules::{Covered, DomainPattern, PatternWarning, allowlist, examples, messages};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn pattern(text: &str) -> DomainPattern {
    DomainPattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// The sentences about an entry, joined.
fn said(text: &str) -> String {
    let pattern = pattern(text);
    pattern.warnings().into_iter().map(|warning| messages::pattern_warning(warning, &pattern) + " ").collect()
}

#[test]
fn where_anybody_can_have_a_name_the_consequence_is_said() {
    for (text, warning) in [
        ("*.com", PatternWarning::TopLevel),
        ("*.ai", PatternWarning::TopLevel),
        ("*com", PatternWarning::TopLevel),
        ("*.co.uk", PatternWarning::Registry),
        ("*.com.au", PatternWarning::Registry),
        ("*.or.jp", PatternWarning::Registry),
        ("*.com.br", PatternWarning::Registry),
        ("*.uk.com", PatternWarning::Registry),
        ("*.github.io", PatternWarning::Platform),
        ("*.vercel.app", PatternWarning::Platform),
        ("*.pages.dev", PatternWarning::Platform),
        ("*.ngrok.io", PatternWarning::Platform),
        ("*.eu.ngrok.io", PatternWarning::Platform),
        ("*.ngrok-free.app", PatternWarning::Platform),
        ("*.herokuapp.com", PatternWarning::Platform),
        ("*.azurewebsites.net", PatternWarning::Platform),
        ("*.web.app", PatternWarning::Platform),
        ("*.netlify.app", PatternWarning::Platform),
        ("*.workers.dev", PatternWarning::Platform),
        ("*.make.com", PatternWarning::Platform),
        ("*.eu1.make.com", PatternWarning::Platform),
        ("*.execute-api.us-east-1.amazonaws.com", PatternWarning::Platform),
        ("*.trycloudflare.com", PatternWarning::Platform),
        ("app-*.vercel.app", PatternWarning::Platform),
        ("*.a.run.app", PatternWarning::Platform),
        ("*.GitHub.IO", PatternWarning::Platform),
    ] {
        assert!(pattern(text).warnings().contains(&warning), "{text}: {:?}", pattern(text).warnings());
        let said = said(text);
        assert!(
            said.contains("nyone can ") && said.contains("receive codes") | said.contains("and receive"),
            "{text}: {said}"
        );
    }
}

#[test]
fn other_entries_that_are_hardly_meant() {
    for (text, warning) in [
        ("co.uk", PatternWarning::BareSuffix),
        ("github.io", PatternWarning::BareSuffix),
        ("hooks.zapier.com", PatternWarning::SharedHost),
        ("hook.eu1.make.com", PatternWarning::SharedHost),
        ("localhost", PatternWarning::ThisComputer),
        ("LOCALHOST", PatternWarning::ThisComputer),
        ("127.0.0.1", PatternWarning::ThisComputer),
        ("1.2.3.4", PatternWarning::Address),
        ("10.0.0.*.1", PatternWarning::Address),
        ("*.168.1.1", PatternWarning::Address),
        ("0x7f000001", PatternWarning::Address),
        ("intranet", PatternWarning::SingleLabel),
        ("claude.*", PatternWarning::OpenEnd),
        ("claude.ai*", PatternWarning::OpenEnd),
        ("cla*e.ai", PatternWarning::Lookalikes),
        ("xn--bcher-kva.example", PatternWarning::Punycode),
    ] {
        assert!(pattern(text).warnings().contains(&warning), "{text}: {:?}", pattern(text).warnings());
        assert!(!said(text).is_empty());
    }
}

#[test]
fn ordinary_entries_need_no_word() {
    for text in [
        "claude.ai",
        "chatgpt.com",
        "vscode.dev",
        "insiders.vscode.dev",
        "*.cursor.com",
        "www.make.com",
        "me.github.io",
        "my-app.vercel.app",
        "*.my-team.github.io",
        "*.example.co.uk",
        "example.com.au",
        "app.n8n.cloud",
        "*.claude.ai",
        "auth.example.org",
        "web.de",
    ] {
        assert_eq!(pattern(text).warnings(), [], "{text}");
    }
}

#[test]
fn warnings_quote_what_was_entered() {
    assert_eq!(
        said("*example.org"),
        "Lookalike domains match too: *example.org also matches notexample.org, which anyone can register. Write \
         *.example.org to allow subdomains only. "
    );
    assert_eq!(
        said("claude.*"),
        "A star at the end matches every ending: claude.* also matches claude.evil.example, which anyone can register. "
    );
    assert!(said("*.co.uk").contains("under co.uk") && said("*.co.uk").contains("*.example.co.uk"));
    assert!(said("*.github.io").starts_with("github.io is shared"));
    assert_eq!(pattern("*example.org").stricter().as_deref(), Some("*.example.org"));
    for text in ["*.example.org", "example.org", "a*.example.org", "*com", "*a*b.example"] {
        assert_eq!(pattern(text).stricter(), None, "{text}");
    }
}

#[test]
fn the_meaning_is_told_by_hosts() {
    for (text, meaning) in [
        ("claude.ai", "Matches claude.ai, but not auth.claude.ai or notclaude.ai."),
        (
            "*.cursor.com",
            "Matches auth.cursor.com and a.b.cursor.com, but not cursor.com, notcursor.com or cursor.com.evil.example.",
        ),
        ("*cursor.com", "Matches auth.cursor.com, cursor.com and notcursor.com, but not cursor.com.evil.example."),
        ("*.com", "Matches example.com and auth.example.com, but not com."),
    ] {
        assert_eq!(messages::pattern_meaning(&pattern(text)), meaning, "{text}");
    }
}

#[test]
fn entries_that_add_nothing_are_named() {
    let rows = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let covered = |text: &str, earlier: &[&str], later: &[&str]| {
        allowlist::covered(&pattern(text), &rows(earlier), &rows(later)).map(|covered| messages::covered(&covered))
    };
    let by = |pattern: &str| Some(format!("{pattern} allows this already, so this entry adds nothing."));
    assert_eq!(covered("auth.cursor.com", &["*.cursor.com"], &[]), by("*.cursor.com"));
    assert_eq!(covered("auth.cursor.com", &["claude.ai"], &["*.cursor.com"]), by("*.cursor.com"));
    assert_eq!(covered("*.auth.cursor.com", &[], &["*.cursor.com"]), by("*.cursor.com"));
    assert_eq!(covered("*.cursor.com", &["*cursor.com"], &[]), by("*cursor.com"));
    assert_eq!(covered("claude.ai", &["Claude.ai."], &[]), Some("This is in the list already.".to_owned()));
    // The first of two equal rows is the one to keep, and neither of a pair is covered by a row that cannot be saved.
    assert_eq!(covered("claude.ai", &[], &["claude.ai"]), None);
    assert_eq!(covered("claude.ai", &["*", "https://claude.ai"], &["", "*.claude.ai"]), None);
    assert_eq!(
        allowlist::covered(&pattern("a.b.example"), &rows(&["*.b.example"]), &[]),
        Some(Covered::By(pattern("*.b.example")))
    );
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn examples_never_lie(text in "[a-z*.-]{1,20}(\\.[a-z*]{1,6}){0,3}") {
            if let Ok(pattern) = DomainPattern::parse(&text) {
                let examples::Examples { matches, others } = examples::of(&pattern);
                for host in matches {
                    prop_assert!(pattern.matches(&host), "{} {}", pattern, host);
                }
                for host in others {
                    prop_assert!(!pattern.matches(&host), "{} {}", pattern, host);
                }
                // Every warning can be said about every pattern.
                prop_assert!(!messages::pattern_meaning(&pattern).is_empty());
                for warning in pattern.warnings() {
                    prop_assert!(!messages::pattern_warning(warning, &pattern).is_empty());
                }
            }
        }

        #[test]
        fn what_covers_a_pattern_matches_all_that_it_matches(
            wide in "[ab*.]{1,6}\\.c", narrow in "[ab*.]{1,6}\\.c", host in "[ab.]{1,8}\\.c"
        ) {
            if let (Ok(wide), Ok(narrow)) = (DomainPattern::parse(&wide), DomainPattern::parse(&narrow)) {
                prop_assert!(!(wide.covers(&narrow) && narrow.matches(&host)) || wide.matches(&host));
            }
        }
    }
}

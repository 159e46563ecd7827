//! Names that pose as others. Runs natively, and on wasm32 under Node.

use margay_rules::Lookalike;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn imitates(name: &str) -> Option<&'static str> {
    Lookalike::of(name).and_then(|found| found.imitates)
}

#[test]
fn a_known_name_in_other_letters_is_an_imitation() {
    for (name, known) in [
        // Cyrillic, Greek, Armenian, Cherokee, Lisu, and whole words of them.
        ("\u{421}l\u{430}ud\u{435}", "Claude"),
        ("Cl\u{3b1}ude", "Claude"),
        ("Clau\u{501}e", "Claude"),
        ("\u{421}\u{4cf}\u{430}\u{3c5}\u{501}\u{435}", "Claude"),
        ("\u{13df}laude", "Claude"),
        ("C\u{585}dex", "Codex"),
        ("\u{a4da}laude", "Claude"),
        ("\u{421}ursor", "Cursor"),
        ("Curs\u{43e}r", "Cursor"),
        ("V\u{405} Code", "VS Code"),
        ("G\u{3bf}\u{3bf}se", "Goose"),
        ("Z\u{435}d", "Zed"),
        ("n8\u{578}", "n8n"),
        // Digits and letters of ASCII.
        ("C1aude", "Claude"),
        ("CIaude", "Claude"),
        ("C|aude", "Claude"),
        ("Curs0r", "Cursor"),
        ("Cl4ude", "Claude"),
        ("Cl@ude", "Claude"),
        ("Gerninl", "Gemini"),
        ("Gernini", "Gemini"),
        ("VVindsurf", "Windsurf"),
        ("C0pi1ot", "Copilot"),
        ("ChatGP7", "ChatGPT"),
        // Other dress: fullwidth, mathematical, small capitals, circled, squared, Roman numerals, superscripts.
        ("\u{ff23}\u{ff4c}\u{ff41}\u{ff55}\u{ff44}\u{ff45}", "Claude"),
        ("\u{1d402}\u{1d425}\u{1d41a}\u{1d42e}\u{1d41d}\u{1d41e}", "Claude"),
        ("\u{1d5d6}laude", "Claude"),
        ("\u{1d7ce}pen\u{1d400}I", "OpenAI"),
        ("\u{1d04}\u{29f}\u{1d00}\u{1d1c}\u{1d05}\u{1d07}", "Claude"),
        ("\u{24b8}\u{24db}\u{24d0}\u{24e4}\u{24d3}\u{24d4}", "Claude"),
        ("\u{1f132}laude", "Claude"),
        ("\u{217d}laude", "Claude"),
        ("Clau\u{1d48}e", "Claude"),
        // Marks, composed and not, and what cannot be seen.
        ("Cla\u{fc}de", "Claude"),
        ("Clau\u{308}de", "Claude"),
        ("C\u{142}aude", "Claude"),
        ("\u{106}ursor", "Cursor"),
        ("Cla\u{200b}ude", "Claude"),
        ("Cl\u{ad}aude", "Claude"),
        ("Clau\u{2800}de", "Claude"),
        ("\u{202e}Claude", "Claude"),
        // Among other words, and the longest of the known ones.
        ("The official C1aude client", "Claude"),
        ("\u{421}laude Code", "Claude Code"),
        ("Claude C\u{43e}de", "Claude Code"),
        ("Visual Studio C0de", "Visual Studio Code"),
        ("MCP lnspector", "MCP Inspector"),
        ("\u{421}laudeCode", "Claude Code"),
    ] {
        assert_eq!(imitates(name), Some(known), "{name}");
    }
}

#[test]
fn known_names_as_they_are_written_say_nothing() {
    for name in [
        "Claude",
        "claude",
        "CLAUDE",
        "Claude Code",
        "Claude-Code",
        "claude_code",
        "Claude Code (margay)",
        "ChatGPT",
        "Cursor",
        "VS Code",
        "Visual Studio Code",
        "Visual Studio Code - Insiders",
        "Goose",
        "goose",
        "Gemini",
        "Gemini CLI",
        "Copilot",
        "GitHub Copilot",
        "Windsurf",
        "CLINE",
        "Cline",
        "n8n",
        "Zed",
        "Z3D",
        "MCP Inspector",
        "MCP Inspector 0.17",
        "Claude 3.5",
        "OpenAI",
        "Roo Code",
    ] {
        assert_eq!(Lookalike::of(name), None, "{name}");
    }
}

#[test]
fn ordinary_names_of_every_script_say_nothing() {
    for name in [
        "",
        " ",
        "-",
        "My agent",
        "agent-007",
        "Test 1",
        "R2D2",
        "Café client",
        "Müller Assistent",
        "Société Générale",
        "Ægir",
        "Łódź tools",
        "İstanbul",
        "Trình duyệt",
        "Смарт помощник",
        "Курсор",
        "Клод",
        "Ελληνικός βοηθός",
        "Հայերեն",
        "עברית",
        "العربية",
        "हिन्दी",
        "ภาษาไทย",
        "ქართული",
        "한국어",
        "日本語クライアント",
        "クロード",
        "Claude 日本語",
        "Claudeクライアント",
        "GPTで検索する",
        "克劳德Claude",
        "Claude版",
        "클로드Claude",
        "ㄅㄆㄇ注音",
        "Claude для работы",
        "Claude-клиент",
        "Агент 007",
        "A\u{30fb}B",
        "naïve",
        "🤖 agent",
        "Ω",
        "100µs",
    ] {
        assert_eq!(Lookalike::of(name), None, "{name}");
    }
}

#[test]
fn scripts_mixed_within_a_word_are_named() {
    let said = |name: &str| Lookalike::of(name).map(|found| (found.chip(), found.sentence()));
    assert_eq!(
        said("Pay\u{440}al"),
        Some((
            "Mixed scripts: р (Cyrillic)".to_owned(),
            "This name mixes, within one word, letters of two scripts: р (Cyrillic). It may imitate another name."
                .to_owned()
        ))
    );
    assert_eq!(
        said("\u{421}laude"),
        Some((
            "Imitates Claude".to_owned(),
            "This name imitates Claude. It mixes letters of two scripts: С (Cyrillic).".to_owned()
        ))
    );
    // Korean and Japanese letters do not go together in a word; neither do Latin and Thai.
    for name in ["한カ", "Clientไ", "Αgent", "toο1", "Ꭺgent", "Аgent", "agеnt", "Դata"] {
        let found = Lookalike::of(name).unwrap_or_else(|| panic!("{name}"));
        assert!(!found.strangers.is_empty(), "{name}");
    }
}

#[test]
fn each_imitation_says_how_it_is_written() {
    let sentence = |name: &str| Lookalike::of(name).map(|found| found.sentence()).unwrap_or_default();
    assert_eq!(sentence("C1aude"), "This name imitates Claude. It is written \u{201c}C1aude\u{201d}.");
    assert_eq!(
        sentence("\u{1d402}laude"),
        "This name imitates Claude. It is written with characters that only look like its letters: \u{1d402} (special form)."
    );
    assert_eq!(
        sentence("Cla\u{200b}ude"),
        "This name imitates Claude. It has characters that cannot be seen or that mark its letters."
    );
    // Many letters do not make a long sentence.
    let long = sentence("\u{421}l\u{430}\u{3c5}\u{501}\u{435} \u{440}\u{43e}\u{445}a\u{443}\u{456}b");
    assert!(long.contains("and others") && long.len() < 200, "{long}");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// For letters of `Claude`: characters of another script, form or dress that look like them.
    fn spellings() -> impl Strategy<Value = String> {
        let letter = |choices: &'static [&'static str]| prop::sample::select(choices);
        (
            letter(&["C", "\u{421}", "\u{3f9}", "\u{ff23}", "\u{216d}", "\u{13df}"]),
            letter(&["l", "1", "I", "\u{4cf}", "\u{399}", "\u{142}", "|", "\u{1d425}"]),
            letter(&["a", "\u{430}", "\u{3b1}", "\u{e1}", "@", "\u{251}", "4"]),
            letter(&["u", "\u{57d}", "\u{3c5}", "\u{fc}", "\u{1d1c}"]),
            letter(&["d", "\u{501}", "\u{217e}", "\u{10f}"]),
            letter(&["e", "\u{435}", "\u{ea}", "\u{212f}", "3", "\u{4bd}"]),
            letter(&["", "\u{200d}", "\u{301}", "\u{2060}"]),
        )
            .prop_map(|(c, l, a, u, d, e, unseen)| format!("{c}{l}{unseen}{a}{u}{d}{e}"))
    }

    proptest! {
        #[test]
        fn every_spelling_but_the_plain_one_imitates(name in spellings()) {
            let expected = (name != "Claude" && !name.eq_ignore_ascii_case("claude")).then_some("Claude");
            prop_assert_eq!(imitates(&name), expected);
        }

        #[test]
        fn any_text_can_be_judged(name in ".{0,200}") {
            if let Some(found) = Lookalike::of(&name) {
                prop_assert!(found.sentence().starts_with("This name ") && !found.chip().is_empty());
            }
        }

        #[test]
        fn words_of_one_script_are_never_mixed(word in "[а-я]{1,12}|[α-ω]{1,12}|[a-z]{1,12}|[ぁ-んァ-ン一-龥a-z]{1,12}") {
            let strangers = Lookalike::of(&word).map(|found| found.strangers).unwrap_or_default();
            prop_assert!(strangers.is_empty(), "{:?}", strangers);
        }
    }
}

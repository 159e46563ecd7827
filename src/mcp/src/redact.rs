//! Takes secrets out of what goes into the audit log (promise 7), and keeps it short.
//!
//! People and models paste tokens into arguments. What looks like one is replaced, and too much is better than too
//! little: a value under a key such as `api_key`, a JWT, what follows `Bearer`, this server's own secrets, and the
//! tokens of a few well-known services.

use margay_domain::secret::SecretKind;
use margay_tools::JsonObject;
use serde_json::Value;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// What stands in the place of what did not fit.
const CUT: &str = "[cut]";

/// At most so many bytes of JSON for all arguments of a call.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// At most so many characters of one text.
const MAX_TEXT: usize = 4000;

/// At most so many characters of one key.
const MAX_KEY: usize = 100;

/// At most so many levels.
const MAX_DEPTH: usize = 8;

/// Kept free for the marks that say what was cut.
const RESERVE: usize = 1024;

/// Words in keys, in lower case and without separators.
const SECRET_KEYS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "privatekey",
    "bearer",
    "jwt",
];

/// This server's own secrets: the prefix, wherever it stands, and so many characters.
const OWN_PREFIXES: [&str; 4] =
    [SecretKind::Code.prefix(), SecretKind::Refresh.prefix(), SecretKind::Browser.prefix(), SecretKind::Setup.prefix()];
const OWN_BODY: usize = 32;

/// Tokens of well-known services: the prefix, at the beginning of a word, and so many characters.
const FOREIGN_PREFIXES: [(&str, usize); 12] = [
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghs_", 30),
    ("ghr_", 30),
    ("github_pat_", 30),
    ("glpat-", 16),
    ("xoxa-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxs-", 16),
    ("sk-", 20),
];

/// The shortest text after `Bearer` that counts as a token.
const BEARER_BODY: usize = 8;

/// The arguments of a call without secrets, at most [`MAX_BYTES`] long as JSON.
pub(crate) fn arguments(arguments: &JsonObject) -> Value {
    let mut left = Budget(MAX_BYTES - RESERVE);
    let value = object(arguments, MAX_DEPTH, &mut left);
    let length = value.to_string().len();
    if length > MAX_BYTES { Value::from(format!("{CUT} {length} bytes")) } else { value }
}

/// A text without secrets, at most as long as one text may be.
pub(crate) fn message(text: &str) -> String {
    shorten(&without_secrets(text), MAX_TEXT, MAX_BYTES).0
}

/// A name that somebody asked for, at most `max` characters.
pub(crate) fn name(text: &str, max: usize) -> String {
    without_secrets(text).chars().take(max).collect()
}

/// How many bytes may still be written.
struct Budget(usize);

impl Budget {
    fn take(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }

    const fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

fn value(value: &Value, depth: usize, left: &mut Budget) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            left.take(24);
            value.clone()
        }
        Value::String(text) => {
            let (text, cost) = shorten(&without_secrets(text), MAX_TEXT, left.0);
            left.take(cost + 3);
            Value::String(text)
        }
        Value::Array(_) | Value::Object(_) if depth == 0 => {
            left.take(CUT.len() + 3);
            Value::from(CUT)
        }
        Value::Array(items) => {
            left.take(2);
            let mut shown = Vec::new();
            for item in items {
                if left.is_spent() {
                    shown.push(Value::from(format!("{CUT} {} more", items.len() - shown.len())));
                    break;
                }
                shown.push(self::value(item, depth - 1, left));
            }
            Value::Array(shown)
        }
        Value::Object(map) => object(map, depth - 1, left),
    }
}

fn object(map: &JsonObject, depth: usize, left: &mut Budget) -> Value {
    left.take(2);
    let mut shown = JsonObject::new();
    for (key, item) in map {
        if left.is_spent() {
            shown.insert(CUT.to_owned(), Value::from(format!("{} more", map.len() - shown.len())));
            break;
        }
        let (name, cost) = shorten(&without_secrets(key), MAX_KEY, left.0);
        left.take(cost + 4);
        let item = if is_secret_key(key) {
            left.take(REDACTED.len() + 3);
            Value::from(REDACTED)
        } else {
            value(item, depth, left)
        };
        shown.insert(name, item);
    }
    Value::Object(shown)
}

fn is_secret_key(key: &str) -> bool {
    let folded: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_lowercase()).collect();
    SECRET_KEYS.iter().any(|word| folded.contains(word))
}

/// The beginning of `text`, at most `max` characters and about `left` bytes of JSON, and what it costs in bytes.
fn shorten(text: &str, max: usize, left: usize) -> (String, usize) {
    let mut cost = 0;
    for (count, (position, character)) in text.char_indices().enumerate() {
        if count == max || cost >= left {
            let (kept, _) = text.split_at(position);
            return (format!("{kept}… {CUT}"), cost + CUT.len() + 4);
        }
        // As JSON writes it.
        cost += match character {
            '"' | '\\' => 2,
            '\0'..='\x1f' => 6,
            other => other.len_utf8(),
        };
    }
    (text.to_owned(), cost)
}

/// Whether `character` can be part of a token.
const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

/// Whether `character` can stand in an `Authorization` header after the scheme.
const fn is_credential(character: char) -> bool {
    is_word(character) || matches!(character, '.' | '~' | '+' | '/' | '=')
}

/// The length of the beginning of `text` for which `accept` holds, in bytes.
fn span(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|character| !accept(character)).unwrap_or(text.len())
}

/// Replaces what looks like a secret. Time is linear in the length of `text`.
fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, from_word) = rest.split_at(start);
        let (word, after) = from_word.split_at(span(from_word, is_word));
        shown.push_str(before);
        rest = match credential(word, after) {
            Some((gap, after)) => {
                shown.push_str(word);
                shown.push_str(gap);
                shown.push_str(REDACTED);
                after
            }
            None => token(word, after, &mut shown),
        };
    }
    shown.push_str(rest);
    shown
}

/// For the scheme of an `Authorization` header: the space after it, and what follows the credential.
fn credential<'a>(word: &str, after: &'a str) -> Option<(&'a str, &'a str)> {
    let bearer = word.eq_ignore_ascii_case("bearer");
    if !bearer && !word.eq_ignore_ascii_case("basic") {
        return None;
    }
    let (gap, rest) = after.split_at(span(after, |character| matches!(character, ' ' | '\t')));
    let (body, rest) = rest.split_at(span(rest, is_credential));
    // "Basic authentication" is prose.
    let is_prose = !bearer && body.chars().all(|character| character.is_ascii_lowercase());
    (!gap.is_empty() && body.len() >= BEARER_BODY && !is_prose).then_some((gap, rest))
}

/// Writes `word`, without the token that it is or contains, and says where to go on.
fn token<'a>(word: &str, after: &'a str, shown: &mut String) -> &'a str {
    let own = OWN_PREFIXES
        .iter()
        .filter_map(|prefix| word.find(*prefix).filter(|at| word.len() - at - prefix.len() >= OWN_BODY))
        .min();
    let foreign = FOREIGN_PREFIXES
        .iter()
        .any(|(prefix, body)| word.strip_prefix(*prefix).is_some_and(|rest| rest.len() >= *body))
        .then_some(0);
    // The segments are looked for only after a first one, and then skipped: that keeps the time linear.
    let jwt = word.find("eyJ").map(|at| (at, more_segments(after))).filter(|(_, tail)| *tail > 0);
    let Some(at) = [own, foreign, jwt.map(|(at, _)| at)].into_iter().flatten().min() else {
        shown.push_str(word);
        return after;
    };
    let (kept, _) = word.split_at(at);
    shown.push_str(kept);
    shown.push_str(REDACTED);
    jwt.map_or(after, |(_, tail)| after.split_at(tail).1)
}

/// The length of the segments of a JWT that follow its first, dots included; 0 if none follows.
fn more_segments(after: &str) -> usize {
    let mut length = 0;
    let mut rest = after;
    while let Some(segment) = rest.strip_prefix('.') {
        let end = span(segment, is_word);
        if end == 0 {
            break;
        }
        length += 1 + end;
        rest = segment.split_at(end).1;
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redacted(value: Value) -> Value {
        let Value::Object(map) = value else { panic!("an object is needed") };
        arguments(&map)
    }

    #[test]
    fn values_under_secret_keys() {
        let shown = redacted(json!({
            "password": "hunter2", "API-Key": 7, "nested": {"clientSecret": {"a": 1}, "list": [{"Set-Cookie": "x"}]},
            "sql": "SELECT 1", "limit": 5, "null": null
        }));
        assert_eq!(
            shown,
            json!({
                "password": REDACTED, "API-Key": REDACTED,
                "nested": {"clientSecret": REDACTED, "list": [{"Set-Cookie": REDACTED}]},
                "sql": "SELECT 1", "limit": 5, "null": null
            })
        );
    }

    #[test]
    fn secrets_inside_texts() {
        let own = format!("mgr_{}", "a".repeat(43));
        for (text, shown) in [
            ("x = 'Bearer abcdefgh.ijk' and", "x = 'Bearer [redacted]' and"),
            ("AUTHORIZATION: bearer\tAbc12345==", "AUTHORIZATION: bearer\t[redacted]"),
            ("Basic dXNlcjpwYXNz", "Basic [redacted]"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", "[redacted]!"),
            ("token=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "token=[redacted]."),
            (own.as_str(), "[redacted]"),
            ("ghp_0123456789012345678901234567890123456789", "[redacted]"),
        ] {
            assert_eq!(without_secrets(text), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "SELECT * FROM panther_logs.public.aws_cloudtrail WHERE p_occurs_since('1 d')",
            "The bearer of this is Basic authentication",
            "AKIAIOSFODNN7EXAMPLE",
            "mgr_employee_history",
            "risk-assessment-of-the-whole-organisation",
            "eyJ",
            "příliš žluťoučký kůň 🐈",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }

    #[test]
    fn long_deep_and_many() {
        let shown = redacted(json!({ "sql": "x".repeat(100_000) }));
        let text = shown["sql"].as_str().unwrap();
        assert!(text.ends_with("… [cut]") && text.chars().count() < MAX_TEXT + 10);

        let deep = (0..50).fold(json!("end"), |inner, _| json!({ "a": inner }));
        assert!(redacted(json!({ "deep": deep })).to_string().contains(CUT));

        let many: Vec<String> = (0..10_000).map(|n| format!("value {n}")).collect();
        let shown = redacted(json!({ "many": many, "after": 1 }));
        assert!(shown.to_string().len() <= MAX_BYTES);
        assert!(shown.to_string().contains("more"));
    }

    #[test]
    fn time_is_linear() {
        // With backtracking each of these would take minutes.
        for pattern in ["eyJ", "mgr_", "bearer ", "eyJ.", "bearer", "a.", "ghp_"] {
            let text = pattern.repeat(1_000_000 / pattern.len());
            assert!(!message(&text).is_empty());
        }
    }

    fn body() -> impl Strategy<Value = String> {
        "[A-Za-z0-9_-]{43}"
    }

    /// A text that looks like a secret, and the part that must not survive.
    fn secret() -> impl Strategy<Value = (String, String)> {
        prop_oneof![
            (prop::sample::select(OWN_PREFIXES.to_vec()), body())
                .prop_map(|(prefix, body)| (format!("{prefix}{body}"), body)),
            (body(), body()).prop_map(|(first, second)| (format!("eyJ{first}.{second}.sig"), second)),
            (body(), body()).prop_map(|(first, second)| (format!("eyJ{first}.{second}"), first)),
            ("[Bb]earer {1,3}", body()).prop_map(|(scheme, body)| (format!(" {scheme}{body}"), body)),
        ]
    }

    /// JSON with a leaf somewhere.
    fn around(leaf: Value) -> impl Strategy<Value = Value> {
        prop::collection::vec(prop::option::of("[a-z]{1,8}"), 0..10).prop_map(move |levels| {
            levels.into_iter().fold(leaf.clone(), |inner, key| match key {
                Some(key) => json!({ key: inner, "other": 1 }),
                None => json!(["before", inner]),
            })
        })
    }

    proptest! {
        #[test]
        fn no_secret_survives_in_a_text(before in "\\PC{0,40}", (text, body) in secret(), after in "\\PC{0,40}") {
            let shown = without_secrets(&format!("{before}{text}{after}"));
            prop_assert!(!shown.contains(&body), "{shown}");
        }

        #[test]
        fn no_secret_survives_in_arguments(
            (value, body) in (secret(), "\\PC{0,20}").prop_flat_map(|((text, body), before)| {
                (around(Value::from(format!("{before}{text}"))), Just(body))
            }),
        ) {
            let shown = redacted(json!({ "arguments": value })).to_string();
            prop_assert!(!shown.contains(&body), "{shown}");
        }

        #[test]
        fn no_value_under_a_secret_key_survives(
            word in prop::sample::select(SECRET_KEYS.to_vec()),
            before in "[a-z_]{0,5}",
            after in "[A-Z_-]{0,5}",
            body in body(),
        ) {
            let key = format!("{before}{word}{after}");
            let shown = redacted(json!({ "outer": [{ key: { "value": body.clone() } }] })).to_string();
            prop_assert!(!shown.contains(&body), "{shown}");
        }

        #[test]
        fn never_too_long(texts in prop::collection::vec("\\PC{0,80}", 0..30), control in "[\\x00-\\x1f\"]{0,80}") {
            let texts: Vec<String> = texts.iter().map(|text| text.repeat(30)).collect();
            let control = control.repeat(30);
            let shown = redacted(json!({ "texts": texts, "control": control, &control: 1 }));
            prop_assert!(shown.to_string().len() <= MAX_BYTES);
        }
    }
}

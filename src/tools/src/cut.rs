//! Cuts an answer that is too large, field by field. A tool fills its pages with what fits; a single row that is too
//! large all the same loses the ends of its longest texts here, so that nothing can end a query or hide what follows it.
//!
//! Types never change, so that the answer still fits its schema, and nothing at the top is left out.

use serde_json::{Map, Value};

use crate::size::json_bytes;

/// Names what was cut, at the top of the answer.
pub(crate) const FIELD: &str = "truncated_fields";
/// No answer is cut below this many bytes: there would be nothing left to read.
const LEAST: usize = 4096;
/// Kept free for [`FIELD`].
const RESERVE: usize = 1024;
/// Room for the shortest form of a value and for what separates it from the next.
const SMALLEST: usize = 56;
/// Where the next page begins: of no use without its end.
const WHOLE: &str = "next_cursor";

/// Makes `answer` at most `bytes` long in its text form.
pub(crate) fn answer(answer: &mut Map<String, Value>, bytes: usize) {
    let bytes = bytes.max(LEAST);
    if json_bytes(answer) <= bytes {
        return;
    }
    let cursor = answer.get(WHOLE).cloned();
    let kept = cursor.as_ref().map_or(0, json_bytes);
    if cursor.is_some() {
        answer.insert(WHOLE.to_owned(), Value::Null);
    }
    let mut names = Names::new();
    shrink_members(answer, bytes.saturating_sub(RESERVE).saturating_sub(kept), &mut Vec::new(), &mut names);
    if let Some(cursor) = cursor {
        answer.insert(WHOLE.to_owned(), cursor);
    }
    answer.insert(FIELD.to_owned(), names.into());
}

/// The beginning of `text` that has at most `bytes` as JSON, without its quotes.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    let mut left = bytes;
    let mut buffer = [0_u8; 4];
    for (at, character) in text.char_indices() {
        let Some(rest) = left.checked_sub(json_bytes(&*character.encode_utf8(&mut buffer)).saturating_sub(2)) else {
            return text.get(..at).unwrap_or_default();
        };
        left = rest;
    }
    text
}

/// The names of what was cut: those of fields of rows, without where the row is. As many as [`RESERVE`] holds.
struct Names {
    named: Vec<String>,
    left: usize,
    more: bool,
}

impl Names {
    const fn new() -> Self {
        // Without the key and the last entry.
        Self { named: Vec::new(), left: RESERVE - 100, more: false }
    }

    fn add(&mut self, path: &[String]) {
        let Some(name) = path.get(1).or_else(|| path.first()) else { return };
        let name = beginning(name, 100);
        if self.named.iter().any(|named| named == name) {
            return;
        }
        match self.left.checked_sub(json_bytes(name) + 1) {
            Some(left) => {
                self.left = left;
                self.named.push(name.to_owned());
            }
            None => self.more = true,
        }
    }
}

impl From<Names> for Value {
    fn from(names: Names) -> Self {
        let more = names.more.then(|| "and others".to_owned());
        names.named.into_iter().chain(more).collect()
    }
}

fn shrink(value: &mut Value, bytes: usize, path: &mut Vec<String>, names: &mut Names) {
    if json_bytes(value) <= bytes {
        return;
    }
    match value {
        Value::String(text) => {
            *text = shortened(text, bytes);
            names.add(path);
        }
        Value::Array(entries) => shrink_entries(entries, bytes, path, names),
        Value::Object(members) => shrink_members(members, bytes, path, names),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn shrink_entries(entries: &mut Vec<Value>, bytes: usize, path: &mut Vec<String>, names: &mut Names) {
    let room = bytes.saturating_sub(2);
    if entries.len() > fitting(entries.iter().map(json_bytes), room) {
        let kept = fitting(entries.iter().map(json_bytes), room);
        entries.truncate(kept);
        names.add(path);
    }
    let most = level(entries.iter().map(json_bytes).collect(), room.saturating_sub(entries.len()));
    for entry in entries {
        shrink(entry, most, path, names);
    }
}

fn shrink_members(members: &mut Map<String, Value>, bytes: usize, path: &mut Vec<String>, names: &mut Names) {
    let room = bytes.saturating_sub(2);
    // A key, its colon and a comma.
    let around = |key: &String| json_bytes(key).saturating_add(2);
    let least =
        members.iter().map(|(key, value)| json_bytes(value).saturating_add(around(key)).min(around(key) + SMALLEST));
    let kept = count_within(least, room);
    // What stands at the top is what the schema promises.
    if !path.is_empty() && kept < members.len() {
        let mut at = 0;
        members.retain(|key, _| {
            at += 1;
            if at > kept {
                path.push(key.clone());
                names.add(path);
                path.pop();
            }
            at <= kept
        });
    }
    let keys: usize = members.keys().map(around).sum();
    let most = level(members.values().map(json_bytes).collect(), room.saturating_sub(keys));
    for (key, value) in members.iter_mut() {
        path.push(key.clone());
        shrink(value, most, path, names);
        path.pop();
    }
}

/// How many entries fit in their shortest form, with a comma each.
fn fitting(sizes: impl Iterator<Item = usize>, bytes: usize) -> usize {
    count_within(sizes.map(|size| size.min(SMALLEST).saturating_add(1)), bytes)
}

/// How many of `sizes`, from the first on, are within `bytes` together.
fn count_within(sizes: impl Iterator<Item = usize>, bytes: usize) -> usize {
    let mut left = bytes;
    sizes
        .take_while(|size| {
            let rest = left.checked_sub(*size);
            left = rest.unwrap_or(0);
            rest.is_some()
        })
        .count()
}

/// The level to which the largest of `sizes` have to come down so that all together are within `bytes`: what is small
/// stays whole.
fn level(mut sizes: Vec<usize>, bytes: usize) -> usize {
    sizes.sort_unstable();
    let (mut left, mut count) = (bytes, sizes.len());
    for size in sizes {
        if size.saturating_mul(count) > left {
            return left / count.max(1);
        }
        left -= size;
        count -= 1;
    }
    usize::MAX
}

/// The beginning of `text`, and how long it was, in at most `bytes` of JSON.
fn shortened(text: &str, bytes: usize) -> String {
    let mark = format!("… [cut: {} characters in all]", text.chars().count());
    let room = bytes.saturating_sub(json_bytes(&mark));
    format!("{}{mark}", beginning(text, room))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn cut(value: Value, bytes: usize) -> Value {
        let mut object = value.as_object().cloned().unwrap();
        answer(&mut object, bytes);
        Value::Object(object)
    }

    #[test]
    fn what_fits_stays() {
        let value = json!({ "rows": [{ "a": "x".repeat(1000) }] });
        assert_eq!(cut(value.clone(), 5000), value);
    }

    #[test]
    fn the_longest_texts_are_cut_first_and_named() {
        let value = json!({
            "results": [{ "eventname": "GetObject", "requestparameters": { "blob": "ü".repeat(300_000), "n": 1 } }],
            "next_cursor": "c".repeat(500),
        });
        let cut = cut(value, 10_000);
        assert!(json_bytes(&cut) <= 10_000);
        assert_eq!(cut["results"][0]["eventname"], "GetObject");
        assert_eq!(cut["results"][0]["requestparameters"]["n"], 1);
        assert_eq!(cut["truncated_fields"], json!(["requestparameters"]));
        assert_eq!(cut["next_cursor"].as_str().unwrap().len(), 500);
        let blob = cut["results"][0]["requestparameters"]["blob"].as_str().unwrap();
        assert!(blob.starts_with("üü") && blob.ends_with("ü… [cut: 300000 characters in all]"), "{blob}");
        assert!(json_bytes(&cut) > 9000, "no more is lost than needed");
    }

    #[test]
    fn many_fields_and_entries_lose_their_tail() {
        let row: Map<String, Value> = (0..5000).map(|n| (format!("column_{n}"), json!(n))).collect();
        let cut = cut(json!({ "results": [row], "order": vec!["name"; 5000], "rows_returned": 1 }), 8000);
        assert!(json_bytes(&cut) <= 8000);
        assert_eq!(cut["results"][0]["column_0"], 0);
        assert_eq!((&cut["order"][0], &cut["rows_returned"]), (&json!("name"), &json!(1)));
        assert_eq!(cut["truncated_fields"].as_array().unwrap().last(), Some(&json!("and others")));
    }

    #[test]
    fn the_beginning_ends_between_characters() {
        assert_eq!(beginning("aüb", 1), "a");
        assert_eq!(beginning("aüb", 2), "a");
        assert_eq!(beginning("aüb", 3), "aü");
        // Escaped, a line break has two bytes.
        assert_eq!(beginning("\n\n", 3), "\n");
        assert_eq!(beginning("", 0), "");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            ("[a-z\\\\\"\u{202e}\u{e0041}ü\n]{1,4}", 1_usize..4000).prop_map(|(part, n)| Value::from(part.repeat(n))),
        ];
        leaf.prop_recursive(4, 60, 12, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
                prop::collection::btree_map(".{0,12}", inner, 0..12)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn same_types(before: &Value, after: &Value) -> bool {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                after.iter().all(|(key, after)| before.get(key).is_some_and(|before| same_types(before, after)))
            }
            (Value::Array(before), Value::Array(after)) => {
                after.len() <= before.len() && before.iter().zip(after).all(|(before, after)| same_types(before, after))
            }
            (Value::String(_), Value::String(_)) => true,
            (before, after) => before == after,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_it_holds_an_answer_is_within_its_bound(
            rows in prop::collection::vec(any_json(), 0..8),
            other in any_json(),
            bytes in 4096_usize..20_000,
        ) {
            let before = json!({ "rows": rows, "other": other, "count": 7 });
            let mut after = cut(before.clone(), bytes);
            prop_assert!(json_bytes(&after) <= bytes, "{} of {bytes}", json_bytes(&after));
            let named = after.as_object_mut().unwrap().remove(FIELD);
            prop_assert!(same_types(&before, &after));
            prop_assert_eq!(named.is_some(), before != after);
            prop_assert_eq!(after["count"].as_i64(), Some(7));
        }
    }
}

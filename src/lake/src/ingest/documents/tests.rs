use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingest::input::tests::{gzip, unpacked, zstd};

/// Gives the input in pieces of this size.
struct Pieces<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.size.min(self.rest.len()).min(to.len());
        let (now, later) = self.rest.split_at(count);
        to[..count].copy_from_slice(now);
        self.rest = later;
        Ok(count)
    }
}

/// What is in an input: line, event or reason, and for what was rejected its bytes.
type All = Vec<(u64, Result<Value, (String, Vec<u8>)>)>;

fn all_in_pieces(input: &[u8], size: usize) -> All {
    let known = |name: &str| matches!(name, "time" | "events");
    let mut documents = Documents::new(Pieces { rest: input, size }, known, true);
    let mut all = Vec::new();
    while let Some(found) = documents.next().unwrap() {
        let what = match found.what {
            What::Event(event) => Ok(Value::Object(event.members)),
            What::Rejected(reason) => {
                let mut bytes = Vec::new();
                documents
                    .hand_on(|part| {
                        bytes.extend_from_slice(part);
                        Ok(())
                    })
                    .unwrap();
                Err((reason, bytes))
            }
        };
        all.push((found.line, what));
    }
    all
}

fn all(input: &[u8]) -> All {
    let found = all_in_pieces(input, usize::MAX);
    if input.len() < 10_000 {
        for size in [1, 2, 3, 7] {
            assert_eq!(all_in_pieces(input, size), found, "in pieces of {size}");
        }
    }
    found
}

/// The events, and the rejected pieces as text.
fn told_apart(input: &[u8]) -> (Vec<Value>, Vec<String>) {
    let (mut events, mut rejected) = (Vec::new(), Vec::new());
    for (_, what) in all(input) {
        match what {
            Ok(event) => events.push(event),
            Err((_, bytes)) => rejected.push(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
    (events, rejected)
}

fn three() -> Vec<Value> {
    vec![json!({"a":1,"t":"x y"}), json!({"a":2,"n":{"l":[{"k":"}]"}]}}), json!({"a":3})]
}

#[test]
fn every_way_to_put_events_together_is_read() {
    let texts: Vec<String> = three().iter().map(Value::to_string).collect();
    let pretty: Vec<String> = three().iter().map(|event| serde_json::to_string_pretty(event).unwrap()).collect();
    let list = Value::Array(three());
    let pretty_list = serde_json::to_string_pretty(&list).unwrap();
    let wrapper = json!({ "Records": three() });
    for input in [
        texts.join("\n"),
        texts.join("\r\n"),
        format!("\u{feff}{}\n\n", texts.join("\n\n")),
        texts.join(""),
        texts.join(" "),
        texts.join(",\n"),
        texts.join("\n\u{1e}"),
        pretty.join("\n"),
        pretty.join(""),
        pretty.join(",\n"),
        list.to_string(),
        pretty_list.clone(),
        format!("[{}]", pretty.join(", ")),
        format!("[\n{}\n]\n", texts.join(",\n")),
        format!("[{}]\n[{}]{}", texts[0], texts[1], texts[2]),
        format!("[[{}],[{},{}],[]]", texts[0], texts[1], texts[2]),
        wrapper.to_string(),
        serde_json::to_string_pretty(&wrapper).unwrap(),
        format!("{{\"Records\":[{}]}}\n{{\"Records\":[{},{}]}}\n{{\"Records\":[]}}", texts[0], texts[1], texts[2]),
        format!("{}\n[{}]\n{{\"value\":[{}],\"@odata.count\":1}}", pretty[0], texts[1], pretty[2]),
        format!("{}\n\u{feff}{}\n{}", texts[0], texts[1], texts[2]),
    ] {
        let (events, rejected) = told_apart(input.as_bytes());
        assert_eq!((events, rejected), (three(), Vec::new()), "{input}");
    }
    let plain = texts.join("\n");
    let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for packed in [gzip(plain.as_bytes()), zstd(wrapper.to_string().as_bytes()), wide.clone(), gzip(&wide)] {
        let (events, rejected) = told_apart(&unpacked(&packed).unwrap());
        assert_eq!((events, rejected), (three(), Vec::new()));
    }
    assert!(all(b"").is_empty() && all(b" \n[]\n").is_empty() && all(b"{\"Records\":[]}").is_empty());
}

#[test]
fn the_rest_is_read_after_something_bad() {
    let (a, b, c) = (r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#);
    let good =
        |names: &[&str]| -> Vec<Value> { names.iter().map(|text| serde_json::from_str(text).unwrap()).collect() };
    for (input, events, rejected) in [
        (format!("{a}\nbroken\nmore broken\n{b}"), good(&[a, b]), vec!["broken", "more broken"]),
        // A line that was cut off, in all the places where it may be.
        (format!("{{\"x\":\"y\n{a}\n{b}\n"), good(&[a, b]), vec!["{\"x\":\"y"]),
        (format!("{a}\n{{\"x\":\n{b}\n{c}\n"), good(&[a, b, c]), vec!["{\"x\":"]),
        (format!("{a}\n{{\"x\":[\n{b}\n{c}\n"), good(&[a, b, c]), vec!["{\"x\":["]),
        (format!("{a}\n{{\"x\":{{\"y\":1\n{b}"), good(&[a, b]), vec!["{\"x\":{\"y\":1"]),
        (format!("{a}\n{{\"x\":1,\n{b}"), good(&[a, b]), vec!["{\"x\":1,"]),
        (format!("{a}\n{{\"x\""), good(&[a]), vec!["{\"x\""]),
        // Only the bad one of those on a line.
        (format!("{a}{{\"x\":oops}}{b}"), good(&[a, b]), vec!["{\"x\":oops}"]),
        (format!("[{a},{{\"x\":oops}},{b}]"), good(&[a, b]), vec!["{\"x\":oops}"]),
        (format!("[{a}, 1, \"x,y\", null, {b}]"), good(&[a, b]), vec!["1", "\"x,y\"", "null"]),
        (format!("[{a},[1,2],{b}]"), good(&[a, b]), vec!["[1,2]"]),
        (format!("[1,2]\n[]\n{a}"), good(&[a]), vec!["[1,2]"]),
        (format!("[2026-01-01 10:00] text, more\n{a}"), good(&[a]), vec!["[2026-01-01 10:00] text, more"]),
        (format!("{a} trailing\n{b}"), good(&[a, b]), vec!["trailing"]),
        // A document over several lines goes as a whole.
        (
            format!("{{\n  \"x\": {{\n    \"y\": oops\n  }}\n}}\n{a}"),
            good(&[a]),
            vec!["{\n  \"x\": {\n    \"y\": oops\n  }\n}"],
        ),
        (
            format!("[\n  {{\n    \"x\": oops,\n    \"y\":\n    {{}}\n  }},\n  {a}\n]\n{b}"),
            good(&[a, b]),
            vec!["{\n    \"x\": oops,\n    \"y\":\n    {}\n  }"],
        ),
        // Of a wrapper only the bad event.
        (format!("{{\"Records\":[{a},{{\"x\":oops}},{b}]}}\n{c}"), good(&[a, b, c]), vec!["{\"x\":oops}"]),
        (format!("{{\"Records\":[{a},1]}}"), good(&[a]), vec!["1"]),
        (format!("] }}\n{a}"), good(&[a]), vec!["] }"]),
    ] {
        let found = told_apart(input.as_bytes());
        assert_eq!(found, (events, rejected.iter().map(|text| (*text).to_owned()).collect()), "{input}");
    }
}

#[test]
fn what_is_missing_at_the_end_is_told() {
    for (input, events, reason) in [
        ("[{\"a\":1},\n{\"a\":2}", 2, "the list that begins in line 1 has no end"),
        ("{\"Records\":[{\"a\":1},{\"a\"", 1, "the list \"Records\" that begins in line 1 has no end"),
        ("{\"Records\":[{\"a\":1},{\"a\":oops}], \"next", 1, "is damaged behind it"),
        ("{\"Records\":[{\"a\":1},{\"a\":oops}], \"who\":{\"is\":1}}", 1, "holds more than that list"),
    ] {
        let found = all(input.as_bytes());
        assert_eq!(found.iter().filter(|(_, what)| what.is_ok()).count(), events, "{input}");
        let told = found.iter().any(|(_, what)| what.as_ref().is_err_and(|(found, _)| found.contains(reason)));
        assert!(told, "{input}: {found:?}");
    }
}

#[test]
fn reasons_say_what_is_wrong() {
    for (input, reason) in [
        ("[1]", "not a JSON object"),
        ("\"x\"", "not a JSON object"),
        ("{\"a\":", "not valid JSON: EOF while parsing a value at byte 5"),
        ("{\"a\":01}", "not valid JSON: invalid number at byte 7"),
        ("2 1 eni-0a - - - - - - - 1 2 - NODATA", "looks like the space-separated text form of VPC flow logs; Margay"),
        ("time,user,action", "looks like CSV; Margay reads JSON"),
        ("{\n  \"a\": oops\n}", "of its line 2"),
    ] {
        let found = all(input.as_bytes());
        let [(1, Err((told, bytes)))] = found.as_slice() else { panic!("{input}: {found:?}") };
        assert!(told.starts_with(reason) || told.ends_with(reason), "{input}: {told}");
        assert_eq!(bytes, input.as_bytes());
    }
}

#[test]
fn bad_characters_do_not_cost_the_event() {
    let input = b"{\"a\":\"caf\xE9\"}\n{\"a\":\"\\ud83d\"}\n{\"a\":\"x\x01y\"}\n{\"a\":\"good\"}";
    let mut documents = Documents::new(input.as_slice(), |_: &str| false, false);
    let mut repaired = Vec::new();
    while let Some(found) = documents.next().unwrap() {
        let What::Event(event) = found.what else { panic!("{found:?}") };
        repaired.push((event.members["a"].clone(), event.repaired));
    }
    assert_eq!(
        repaired,
        [(json!("caf\u{fffd}"), true), (json!("\u{fffd}"), true), (json!("x\u{fffd}y"), true), (json!("good"), false)]
    );
    // Also in a wrapper.
    let mut documents =
        Documents::new(b"{\"Records\":[{\"a\":\"\xFF\"},{\"a\":1}]}".as_slice(), |_: &str| false, false);
    let mut repaired = 0;
    while let Some(Found { what: What::Event(event), .. }) = documents.next().unwrap() {
        repaired += usize::from(event.repaired);
    }
    assert_eq!((repaired, documents.opened), (1, 1));
}

#[test]
fn lines_are_counted() {
    let lines: Vec<u64> =
        all(b"{\"a\":1}\n\n{\n\"a\":2}\nbroken\n[{\"a\":3},\n{\"a\":4}]").iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 3, 5, 6, 7]);
}

#[test]
fn what_is_too_large_is_rejected_and_the_next_is_read() {
    let long = "y".repeat(MAX_EVENT_BYTES);
    let event = format!("{{\"long\":\"{long}\"}}");
    let pretty = format!("{{\n\"long\":\n\"{long}\"\n}}");
    for (input, rejected) in [
        (format!("{event}\n{{\"a\":1}}"), &event),
        (format!("[{event},{{\"a\":1}}]"), &event),
        (format!("{pretty}\n{{\"a\":1}}"), &pretty),
        (format!("{long}\n{{\"a\":1}}"), &long),
    ] {
        let found = all(input.as_bytes());
        let [(_, Err((reason, bytes))), (_, Ok(_))] = found.as_slice() else { panic!("{} pieces", found.len()) };
        assert!(reason == "longer than 4 MB" || rejected == &long, "{reason}");
        assert!(bytes == rejected.as_bytes());
    }
    // Nobody has to want it.
    let input = format!("{event}\n{{\"a\":1}}");
    let mut documents = Documents::new(input.as_bytes(), |_: &str| false, false);
    assert!(matches!(documents.next().unwrap().unwrap().what, What::Rejected(_)));
    assert!(matches!(documents.next().unwrap().unwrap(), Found { line: 2, what: What::Event(_), .. }));
    assert!(documents.next().unwrap().is_none());
}

/// A file of one line that is larger than memory may be.
#[test]
fn a_large_wrapper_is_read_event_by_event() {
    let event = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    let count = 3 * MAX_EVENT_BYTES / event.len();
    let input =
        format!("{{\"owner\":\"1\",\"Records\":[{}],\"next\":null}}\n{{\"a\":1}}", vec![event; count].join(","));
    let mut documents = Documents::new(input.as_bytes(), |_: &str| false, false);
    let mut found = 0;
    while let Some(piece) = documents.next().unwrap() {
        assert!(matches!(piece.what, What::Event(_)), "{piece:?}");
        assert!(documents.buffer.len() < 2 * MAX_EVENT_BYTES);
        found += 1;
    }
    assert_eq!((found, documents.opened), (count + 1, 1));
}

/// Text that is almost JSON.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "{\"a\":1}", "{\"Records\":[", "]}", "{", "}", "[", "]", ",", "\n", "\"", ":", "\"a\":", "1", "\\", " ",
            "{\"b\":{\"c\":[1]}}", "oops", "null", "\n{", "\u{feff}", "\"\\ud83d\"", "{\"value\":[{\"x\":\"y\"}]}",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Nothing panics or loops, it does not matter how the input comes in, and no letter or digit is lost.
    #[test]
    fn any_input_is_read_to_its_end(input in almost_json(), size in 1..9_usize) {
        let found = all_in_pieces(&input, usize::MAX);
        prop_assert_eq!(&all_in_pieces(&input, size), &found);
        let kept: usize = found.iter().map(|(_, what)| match what {
            Ok(event) => event.to_string().matches("oops").count(),
            Err((_, bytes)) => String::from_utf8_lossy(bytes).matches("oops").count(),
        }).sum();
        let reasons = found.iter().filter(|(_, what)| what.is_err()).count();
        prop_assert!(kept == String::from_utf8_lossy(&input).matches("oops").count() || reasons > 0);
    }

    /// Events are found whatever is between them on lines of its own.
    #[test]
    fn events_survive_their_neighbours(lines in prop::collection::vec((any::<bool>(), "[a-z=: 0-9.]{1,20}"), 0..20)) {
        let text: Vec<String> = lines.iter().enumerate().map(|(number, (good, noise))| {
            if *good { format!("{{\"n\":{number}}}") } else { format!("x{noise}") }
        }).collect();
        let (events, rejected) = told_apart(text.join("\n").as_bytes());
        let good = lines.iter().filter(|(good, _)| *good).count();
        prop_assert_eq!((events.len(), rejected.len()), (good, lines.len() - good));
    }
}

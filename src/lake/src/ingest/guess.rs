//! Naming a format that is no JSON, so that a person knows what to convert.

/// What a line looks like, as the end of "looks like …".
pub(super) fn format_of(line: &str) -> Option<&'static str> {
    let line = line.trim();
    let lower = line.to_ascii_lowercase();
    let words: Vec<&str> = line.split_whitespace().take(20).collect();
    let first = words.first().copied().unwrap_or_default();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| lower.starts_with(prefix));
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());

    if is_flow_log(&words) {
        return Some("the space-separated text form of VPC flow logs");
    }
    if starts(&["<?xml", "<event", "<!doctype", "<html"]) {
        return Some("XML or HTML");
    }
    if lower.contains("cef:0|") || lower.contains("cef:1|") {
        return Some("CEF");
    }
    if lower.contains("leef:1") || lower.contains("leef:2") {
        return Some("LEEF");
    }
    if starts(&["#fields", "#separator", "#software", "#version"]) {
        return Some("a log with a header of its own (W3C or Zeek)");
    }
    let priority = first.strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(number, _)| number);
    if priority.is_some_and(is_number) || is_syslog_date(&words) {
        return Some("syslog");
    }
    if words.len() >= 7 && line.contains("] \"") && line.contains(" [") {
        return Some("the access log of a web server");
    }
    // A member that was torn out of its object.
    let torn = first.starts_with('"') && first.contains("\":");
    if !torn && line.matches(',').count() >= 2 && !line.starts_with(['{', '[']) {
        return Some("CSV");
    }
    if !torn && line.matches('\t').count() >= 2 {
        return Some("tab-separated values");
    }
    if words.len() >= 2 && words.iter().filter(|word| word.contains('=')).count() * 2 > words.len() {
        return Some("pairs of key=value");
    }
    None
}

/// `2 123456789012 eni-… srcaddr …`, or the header of such a file.
fn is_flow_log(words: &[&str]) -> bool {
    let is_version = words.first().is_some_and(|word| matches!(word.len(), 1 | 2) && word.parse::<u8>().is_ok());
    let has_interface = words.iter().any(|word| word.starts_with("eni-"));
    let has_outcome = words.iter().any(|word| matches!(*word, "ACCEPT" | "REJECT" | "NODATA" | "SKIPDATA" | "OK"));
    let is_header = words.contains(&"interface-id") && words.contains(&"log-status");
    is_header || (words.len() >= 5 && (has_interface || is_version) && has_outcome)
}

fn is_syslog_date(words: &[&str]) -> bool {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [month, day, time, ..] = words else { return false };
    MONTHS.contains(month) && day.parse::<u8>().is_ok() && time.matches(':').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        for (line, name) in [
            ("2 000000000000 eni-0a - - - - - - - 1431280876 1431280934 - NODATA", "VPC flow logs"),
            ("2 123456789010 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK", "VPC flow"),
            ("version account-id interface-id srcaddr dstaddr action log-status", "VPC flow"),
            ("time,user,action", "CSV"),
            ("\"2026-01-01\",\"ana\",\"login\"", "CSV"),
            ("<134>1 2026-01-01T00:00:00Z host app - - - text", "syslog"),
            ("Jan  2 03:04:05 host sshd[1]: Accepted", "syslog"),
            ("CEF:0|Vendor|Product|1|100|x|5|src=10.0.0.1", "CEF"),
            ("LEEF:1.0|Vendor|Product|1|100|", "LEEF"),
            ("<Event xmlns='http://x'>", "XML"),
            ("#Fields: date time", "W3C"),
            ("10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 2326", "web server"),
            ("a\tb\tc", "tab-separated"),
            ("level=info msg=x user=ana", "key=value"),
        ] {
            assert!(format_of(line).is_some_and(|found| found.contains(name)), "{line}: {:?}", format_of(line));
        }
        for line in ["", "broken", "oops at 3", "\"a\": 1, \"b\": 2, \"c\": 3,", "{\"a\": 1, \"b\": 2, \"c\":"] {
            assert_eq!(format_of(line), None, "{line}");
        }
    }
}

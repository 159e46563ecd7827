//! A value to look for: in which columns, and in which form events hold it.
//!
//! Ingest decides what the columns hold (`ingest/indicators.rs` of the lake); what is looked for is brought into the
//! same form here.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::statement::literal;
use crate::{arguments, tool::ToolError};

/// The longest value, in bytes of SQL.
const MAX_BYTES: usize = 500;

/// A column with indicators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    ActorIds,
    AwsAccountIds,
    AwsArns,
    AwsInstanceIds,
    AwsTags,
    DomainNames,
    Emails,
    IpAddresses,
    MacAddresses,
    Md5Hashes,
    SerialNumbers,
    Sha1Hashes,
    Sha256Hashes,
    TraceIds,
    Usernames,
}

impl Column {
    const ALL: [Self; 15] = [
        Self::ActorIds,
        Self::AwsAccountIds,
        Self::AwsArns,
        Self::AwsInstanceIds,
        Self::AwsTags,
        Self::DomainNames,
        Self::Emails,
        Self::IpAddresses,
        Self::MacAddresses,
        Self::Md5Hashes,
        Self::SerialNumbers,
        Self::Sha1Hashes,
        Self::Sha256Hashes,
        Self::TraceIds,
        Self::Usernames,
    ];

    /// The names of all, for the schema.
    pub(super) const NAMES: [&str; 15] = [
        Self::ActorIds.name(),
        Self::AwsAccountIds.name(),
        Self::AwsArns.name(),
        Self::AwsInstanceIds.name(),
        Self::AwsTags.name(),
        Self::DomainNames.name(),
        Self::Emails.name(),
        Self::IpAddresses.name(),
        Self::MacAddresses.name(),
        Self::Md5Hashes.name(),
        Self::SerialNumbers.name(),
        Self::Sha1Hashes.name(),
        Self::Sha256Hashes.name(),
        Self::TraceIds.name(),
        Self::Usernames.name(),
    ];

    /// The name in the lake.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ActorIds => "p_any_actor_ids",
            Self::AwsAccountIds => "p_any_aws_account_ids",
            Self::AwsArns => "p_any_aws_arns",
            Self::AwsInstanceIds => "p_any_aws_instance_ids",
            Self::AwsTags => "p_any_aws_tags",
            Self::DomainNames => "p_any_domain_names",
            Self::Emails => "p_any_emails",
            Self::IpAddresses => "p_any_ip_addresses",
            Self::MacAddresses => "p_any_mac_addresses",
            Self::Md5Hashes => "p_any_md5_hashes",
            Self::SerialNumbers => "p_any_serial_numbers",
            Self::Sha1Hashes => "p_any_sha1_hashes",
            Self::Sha256Hashes => "p_any_sha256_hashes",
            Self::TraceIds => "p_any_trace_ids",
            Self::Usernames => "p_any_usernames",
        }
    }

    /// Reads the name, with or without `p_any_`.
    pub(super) fn parse(text: &str) -> Result<Self, ToolError> {
        let text = text.trim().to_ascii_lowercase();
        let name = if text.starts_with("p_any_") { text } else { format!("p_any_{text}") };
        arguments::word("indicator_name", &name, &Self::ALL, Self::name)
    }
}

/// A value to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indicator {
    /// As it was given.
    pub(super) value: String,
    /// Where it can be.
    pub(super) columns: Vec<Column>,
    /// How it can be written there.
    pub(super) forms: Vec<String>,
}

impl Indicator {
    /// Reads a value that is neither blank nor padded. Without a column its shape says where it can be.
    pub(super) fn read(value: &str, column: Option<Column>) -> Result<Self, ToolError> {
        if value.chars().any(char::is_control) {
            let shown = arguments::shown(value);
            return Err(ToolError::invalid_argument(format!("The indicator '{shown}' has control characters in it.")));
        }
        let (columns, forms) = match column {
            Some(column) => (vec![column], forms_in(column, value)?),
            None => detected(value)?,
        };
        // With its two quotes.
        if forms.iter().any(|form| literal(form).len() > MAX_BYTES + 2) {
            return Err(ToolError::invalid_argument(format!(
                "indicators: a value must not be longer than {MAX_BYTES} bytes; quotes and backslashes count twice."
            )));
        }
        Ok(Self { value: value.to_owned(), columns, forms })
    }

    /// Whether the `content` of the column called `name` holds it.
    pub(super) fn is_in(&self, name: &str, content: &Value) -> bool {
        self.columns.iter().any(|column| column.name() == name)
            && content
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .any(|text| self.forms.iter().any(|form| form == text))
    }
}

/// Where a value can be by its shape, and in which forms.
fn detected(value: &str) -> Result<(Vec<Column>, Vec<String>), ToolError> {
    let is_url = value.contains("://");
    let host = host_of(value);
    if is_arn(value) {
        return Ok((vec![Column::AwsArns, Column::ActorIds], vec![value.to_owned()]));
    }
    if let Some(address) = address(host) {
        return Ok((vec![Column::IpAddresses], vec![address]));
    }
    if value.parse::<IpNet>().is_ok() {
        let shown = arguments::shown(value);
        return Err(ToolError::invalid_argument(format!(
            "'{shown}' is a range of addresses; values are compared exactly. Give single addresses."
        )));
    }
    if is_url {
        return Ok((vec![Column::DomainNames], domain(host)?));
    }
    if is_email(value) {
        // Who signs in with an address is often named by it, and the id of a session can end in one.
        return Ok((vec![Column::Emails, Column::Usernames, Column::ActorIds], either_case(value)));
    }
    for (column, length) in [(Column::Md5Hashes, 32), (Column::Sha1Hashes, 40), (Column::Sha256Hashes, 64)] {
        if hash(value, length).is_some() {
            // Ids can look like hashes; they keep their case.
            return Ok((vec![column, Column::TraceIds, Column::ActorIds], either_case(value)));
        }
    }
    if is_account(value) {
        return Ok((vec![Column::AwsAccountIds, Column::ActorIds], vec![value.to_owned()]));
    }
    if value.strip_prefix("i-").is_some_and(|id| !id.is_empty() && is_hex(id)) {
        return Ok((vec![Column::AwsInstanceIds], vec![value.to_owned()]));
    }
    if is_mac(value) {
        return Ok((vec![Column::MacAddresses], any_case(value)));
    }
    if is_domain(host) {
        // `given.family` has the shape of a domain.
        return Ok((vec![Column::DomainNames, Column::Usernames], domain(host)?));
    }
    let mut columns =
        vec![Column::ActorIds, Column::AwsTags, Column::SerialNumbers, Column::TraceIds, Column::Usernames];
    if !value.contains(char::is_whitespace) {
        // A host name without a dot.
        columns.push(Column::DomainNames);
    }
    Ok((columns, vec![value.to_owned()]))
}

/// The forms of a value in a column that was named; an error if the column never holds such a value.
fn forms_in(column: Column, value: &str) -> Result<Vec<String>, ToolError> {
    let as_it_is = || vec![value.to_owned()];
    let (forms, what) = match column {
        Column::IpAddresses => (address(host_of(value)).map(|address| vec![address]), "an IP address"),
        Column::DomainNames => return domain(host_of(value)),
        Column::Emails => (value.contains('@').then(|| either_case(value)), "an e-mail address"),
        Column::Md5Hashes => (hash(value, 32).map(|hash| vec![hash]), "an MD5 of 32 hex digits"),
        Column::Sha1Hashes => (hash(value, 40).map(|hash| vec![hash]), "a SHA-1 of 40 hex digits"),
        Column::Sha256Hashes => (hash(value, 64).map(|hash| vec![hash]), "a SHA-256 of 64 hex digits"),
        Column::AwsArns => (is_arn(value).then(as_it_is), "an ARN, which begins with arn:"),
        Column::AwsAccountIds => (is_account(value).then(as_it_is), "an account id of 12 digits"),
        Column::AwsInstanceIds => (value.starts_with("i-").then(as_it_is), "an EC2 instance id, which begins with i-"),
        Column::MacAddresses => (Some(any_case(value)), "a MAC address"),
        Column::ActorIds | Column::AwsTags | Column::SerialNumbers | Column::TraceIds | Column::Usernames => {
            (Some(as_it_is()), "a text")
        }
    };
    forms.ok_or_else(|| {
        let shown = arguments::shown(value);
        ToolError::invalid_argument(format!("'{shown}' is not {what}, and {} holds nothing else.", column.name()))
    })
}

/// The host of a URL, of `host:port` or of `[address]:port`; anything else as it is.
fn host_of(value: &str) -> &str {
    let authority = match value.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            authority.rsplit_once('@').map_or(authority, |(_, host)| host)
        }
        None => value,
    };
    if let Some((host, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
        _ => authority,
    }
}

/// An address in its usual form.
fn address(text: &str) -> Option<String> {
    text.parse::<IpAddr>().ok().map(|address| address.to_string())
}

/// The forms of a domain. Ingest decodes punycode.
fn domain(host: &str) -> Result<Vec<String>, ToolError> {
    let host = host.trim_end_matches('.');
    if host.is_empty() {
        return Err(ToolError::invalid_argument("An indicator that is a domain must have a name in it."));
    }
    if host.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"))) {
        let shown = arguments::shown(host);
        return Err(ToolError::invalid_argument(format!(
            "Events hold domains as people read them. Give '{shown}' decoded, for example münchen.de for xn--mnchen-3ya.de."
        )));
    }
    Ok(either_case(host))
}

/// As it is, and in lower case. Ingest writes domains, e-mail addresses and hashes in lower case; user names and ids
/// keep their case, as do domains and e-mail addresses of events that an older version stored.
fn either_case(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned(), text.to_lowercase()];
    forms.dedup();
    forms
}

/// As it is, in lower case and in upper case.
fn any_case(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned(), text.to_ascii_lowercase(), text.to_ascii_uppercase()];
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A hash in lower case.
fn hash(text: &str, length: usize) -> Option<String> {
    (text.len() == length && is_hex(text)).then(|| text.to_ascii_lowercase())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

/// Six pairs of hex digits.
fn is_mac(text: &str) -> bool {
    [':', '-'].into_iter().any(|separator| {
        text.split(separator).count() == 6 && text.split(separator).all(|pair| pair.len() == 2 && is_hex(pair))
    })
}

/// Labels with dots between them, the last one not of digits alone.
fn is_domain(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let Some((front, last)) = text.trim_end_matches('.').rsplit_once('.') else { return false };
    front.split('.').all(is_label) && is_label(last) && last.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(indicator: &Indicator) -> Vec<&'static str> {
        indicator.columns.iter().map(|column| column.name()).collect()
    }

    #[test]
    fn the_shape_says_where_a_value_can_be() {
        let md5 = "D41D8CD98F00B204E9800998ECF8427E";
        let lower = md5.to_ascii_lowercase();
        let (sha1, sha256) = ("a".repeat(40), "B".repeat(64));
        let lower256 = "b".repeat(64);
        let cases: [(&str, &[&str], &[&str]); 20] = [
            ("203.0.113.7", &["p_any_ip_addresses"], &["203.0.113.7"]),
            ("203.0.113.7:443", &["p_any_ip_addresses"], &["203.0.113.7"]),
            ("2001:DB8::1", &["p_any_ip_addresses"], &["2001:db8::1"]),
            ("[2001:db8::1]:22", &["p_any_ip_addresses"], &["2001:db8::1"]),
            ("https://u@203.0.113.7:8443/x", &["p_any_ip_addresses"], &["203.0.113.7"]),
            ("https://evil.example.com/a?b#c", &["p_any_domain_names"], &["evil.example.com"]),
            (
                "Evil.example.com.",
                &["p_any_domain_names", "p_any_usernames"],
                &["Evil.example.com", "evil.example.com"],
            ),
            ("münchen.de", &["p_any_domain_names", "p_any_usernames"], &["münchen.de"]),
            ("MÜNCHEN.DE", &["p_any_domain_names", "p_any_usernames"], &["MÜNCHEN.DE", "münchen.de"]),
            (
                "Ana@example.com",
                &["p_any_emails", "p_any_usernames", "p_any_actor_ids"],
                &["Ana@example.com", "ana@example.com"],
            ),
            (
                "AROAEXAMPLE:ana@example.com",
                &["p_any_emails", "p_any_usernames", "p_any_actor_ids"],
                &["AROAEXAMPLE:ana@example.com", "aroaexample:ana@example.com"],
            ),
            (md5, &["p_any_md5_hashes", "p_any_trace_ids", "p_any_actor_ids"], &[md5, lower.as_str()]),
            (sha1.as_str(), &["p_any_sha1_hashes", "p_any_trace_ids", "p_any_actor_ids"], &[sha1.as_str()]),
            (
                sha256.as_str(),
                &["p_any_sha256_hashes", "p_any_trace_ids", "p_any_actor_ids"],
                &[sha256.as_str(), lower256.as_str()],
            ),
            (
                "arn:aws:iam::123456789012:role/X",
                &["p_any_aws_arns", "p_any_actor_ids"],
                &["arn:aws:iam::123456789012:role/X"],
            ),
            ("123456789012", &["p_any_aws_account_ids", "p_any_actor_ids"], &["123456789012"]),
            ("i-0abc1234", &["p_any_aws_instance_ids"], &["i-0abc1234"]),
            (
                "Aa:bb:cc:dd:ee:0f",
                &["p_any_mac_addresses"],
                &["AA:BB:CC:DD:EE:0F", "Aa:bb:cc:dd:ee:0f", "aa:bb:cc:dd:ee:0f"],
            ),
            (
                "CORP\\ana",
                &[
                    "p_any_actor_ids",
                    "p_any_aws_tags",
                    "p_any_serial_numbers",
                    "p_any_trace_ids",
                    "p_any_usernames",
                    "p_any_domain_names",
                ],
                &["CORP\\ana"],
            ),
            (
                "Ana Example",
                &["p_any_actor_ids", "p_any_aws_tags", "p_any_serial_numbers", "p_any_trace_ids", "p_any_usernames"],
                &["Ana Example"],
            ),
        ];
        for (value, columns, forms) in cases {
            let indicator = Indicator::read(value, None).unwrap();
            assert_eq!(names(&indicator), columns, "{value}");
            assert_eq!(indicator.forms, forms, "{value}");
            assert_eq!(indicator.value, value);
        }
    }

    #[test]
    fn a_named_column_takes_only_what_it_can_hold() {
        for (column, value, form) in [
            ("ip_addresses", "2001:DB8::1", "2001:db8::1"),
            ("p_any_usernames", "ana@example.com", "ana@example.com"),
            (" P_ANY_TRACE_IDS ", "203.0.113.7", "203.0.113.7"),
            ("domain_names", "intranet", "intranet"),
            ("aws_instance_ids", "i-robot", "i-robot"),
        ] {
            let indicator = Indicator::read(value, Some(Column::parse(column).unwrap())).unwrap();
            assert_eq!((indicator.columns.len(), indicator.forms), (1, vec![form.to_owned()]), "{column}");
        }
        for (column, value) in [
            ("ip_addresses", "10.0.0.0/8"),
            ("md5_hashes", "d41d"),
            ("emails", "ana"),
            ("aws_arns", "role"),
            ("aws_account_ids", "12"),
            ("aws_instance_ids", "vol-1"),
        ] {
            let error = Indicator::read(value, Some(Column::parse(column).unwrap())).unwrap_err();
            assert!(error.message.ends_with(&format!("p_any_{column} holds nothing else.")), "{}", error.message);
        }
        let error = Column::parse("ip").unwrap_err();
        assert!(error.message.starts_with("Invalid indicator_name 'p_any_ip'. Must be one of: p_any_actor_ids, "));
    }

    #[test]
    fn what_cannot_be_found_is_refused() {
        for (value, part) in [
            ("10.0.0.0/8", "is a range of addresses"),
            ("www.XN--mnchen-3ya.de", "decoded"),
            ("https:///path", "must have a name in it"),
            ("a\u{0}b", "control characters"),
            ("a\nb", "control characters"),
        ] {
            let error = Indicator::read(value, None).unwrap_err();
            assert!(error.code == "invalid_argument" && error.message.contains(part), "{}", error.message);
        }
        assert!(Indicator::read(&"x".repeat(500), None).is_ok());
        for long in ["x".repeat(501), "'".repeat(251), "\\".repeat(251), "ü".repeat(251)] {
            assert!(Indicator::read(&long, None).unwrap_err().message.contains("longer than 500 bytes"));
        }
    }

    #[test]
    fn it_is_in_a_list_of_its_columns_in_any_of_its_forms() {
        let indicator = Indicator::read("Ana@example.com", None).unwrap();
        assert!(indicator.is_in("p_any_emails", &json!(["x", "ana@example.com"])));
        assert!(indicator.is_in("p_any_usernames", &json!(["Ana@example.com"])));
        assert!(!indicator.is_in("p_any_trace_ids", &json!(["Ana@example.com"])));
        assert!(!indicator.is_in("p_any_emails", &json!("Ana@example.com")));
    }
}

//! Indicators: values by which events of all log types can be searched, collected into the `p_any_` columns.

use std::net::IpAddr;

use serde_json::Value;

use super::punycode::decode_host;
use crate::{
    columns::ANY,
    schema::{Field, Kind},
};

/// What a text of a log schema is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indicator {
    /// An address.
    Ip,
    /// A domain.
    Domain,
    /// An address or a domain.
    Hostname,
    /// The host of a URL.
    Url,
    /// The host of `host:port`.
    NetAddr,
    /// An e-mail address.
    Email,
    /// An MD5 in hex.
    Md5,
    /// A SHA-1 in hex.
    Sha1,
    /// A SHA-256 in hex.
    Sha256,
    /// A name of a user.
    Username,
    /// An id that ties events together.
    TraceId,
    /// An AWS tag.
    AwsTag,
    /// An ARN with the account, instance and e-mail address in it.
    AwsArn,
    /// An ARN alone.
    AwsArnOnly,
    /// An account id.
    AwsAccountId,
    /// An EC2 instance id.
    AwsInstanceId,
    /// An id of a user or role.
    ActorId,
    /// A MAC address.
    Mac,
    /// A serial number.
    SerialNumber,
}

const NAMES: [(&str, Indicator); 19] = [
    ("ip", Indicator::Ip),
    ("domain", Indicator::Domain),
    ("hostname", Indicator::Hostname),
    ("url", Indicator::Url),
    ("net_addr", Indicator::NetAddr),
    ("email", Indicator::Email),
    ("md5", Indicator::Md5),
    ("sha1", Indicator::Sha1),
    ("sha256", Indicator::Sha256),
    ("username", Indicator::Username),
    ("trace_id", Indicator::TraceId),
    ("aws_tag", Indicator::AwsTag),
    ("aws_arn", Indicator::AwsArn),
    ("aws_arn_only", Indicator::AwsArnOnly),
    ("aws_account_id", Indicator::AwsAccountId),
    ("aws_instance_id", Indicator::AwsInstanceId),
    ("actor_id", Indicator::ActorId),
    ("mac", Indicator::Mac),
    ("serial_number", Indicator::SerialNumber),
];

impl Indicator {
    /// Reads the name in a log schema.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, indicator)| *indicator)
    }

    /// The names in a log schema.
    pub(crate) fn names() -> Vec<&'static str> {
        NAMES.iter().map(|(name, _)| *name).collect()
    }
}

/// A `p_any_` column. The discriminant is the position in [`ANY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
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

/// The indicators of one event.
#[derive(Debug, Default)]
pub(crate) struct Any([Vec<String>; ANY.len()]);

impl Any {
    /// Forgets everything and keeps the space.
    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(Vec::clear);
    }

    /// What goes into the column at `position` of [`ANY`]: sorted, distinct.
    pub(crate) fn sorted(&mut self, position: usize) -> &[String] {
        let Some(values) = self.0.get_mut(position) else { return &[] };
        values.sort_unstable();
        values.dedup();
        values
    }

    fn push(&mut self, column: Column, value: impl Into<String>) {
        if let Some(values) = self.0.get_mut(column as usize) {
            values.push(value.into());
        }
    }

    /// Searches one text.
    fn scan(&mut self, indicator: Indicator, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match indicator {
            Indicator::Ip => {
                self.address(text);
            }
            Indicator::Domain => self.domain(text),
            Indicator::Hostname => self.host(text),
            Indicator::Url => {
                let host = url::Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
                if let Some(host) = host {
                    self.host(host.trim_matches(['[', ']']));
                }
            }
            Indicator::NetAddr => self.host(host_of(text)),
            // Case means nothing in e-mail addresses and domains, so it is not kept.
            Indicator::Email if text.contains('@') => self.push(Column::Emails, text.to_lowercase()),
            Indicator::Md5 => self.hash(Column::Md5Hashes, 32, text),
            Indicator::Sha1 => self.hash(Column::Sha1Hashes, 40, text),
            Indicator::Sha256 => self.hash(Column::Sha256Hashes, 64, text),
            Indicator::Username => self.push(Column::Usernames, text),
            Indicator::TraceId => self.push(Column::TraceIds, text),
            Indicator::AwsTag => self.push(Column::AwsTags, text),
            Indicator::AwsArn => self.arn(text),
            Indicator::AwsArnOnly if text.starts_with("arn:") => self.push(Column::AwsArns, text),
            Indicator::AwsAccountId => self.account(text),
            Indicator::AwsInstanceId => self.instance(text),
            Indicator::ActorId => self.push(Column::ActorIds, text),
            Indicator::Mac => self.push(Column::MacAddresses, text),
            Indicator::SerialNumber => self.push(Column::SerialNumbers, text),
            Indicator::Email | Indicator::AwsArnOnly => {}
        }
    }

    /// Whether `text` is an address; if so it is kept in its usual form.
    fn address(&mut self, text: &str) -> bool {
        let Ok(address) = text.parse::<IpAddr>() else { return false };
        self.push(Column::IpAddresses, address.to_string());
        true
    }

    fn domain(&mut self, text: &str) {
        let text = text.trim_end_matches('.');
        if !text.is_empty() {
            self.push(Column::DomainNames, decode_host(text).to_lowercase());
        }
    }

    fn host(&mut self, text: &str) {
        if !self.address(text) {
            self.domain(text);
        }
    }

    fn hash(&mut self, column: Column, length: usize, text: &str) {
        if text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.push(column, text.to_ascii_lowercase());
        }
    }

    fn account(&mut self, text: &str) {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            self.push(Column::AwsAccountIds, text);
        }
    }

    fn instance(&mut self, text: &str) {
        if text.starts_with("i-") {
            self.push(Column::AwsInstanceIds, text);
        }
    }

    /// `arn:partition:service:region:account:resource`.
    fn arn(&mut self, text: &str) {
        if !text.starts_with("arn:") {
            return;
        }
        self.push(Column::AwsArns, text);
        let mut parts = text.splitn(6, ':').skip(2);
        let (Some(service), Some(_region), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        self.account(account);
        match service {
            "ec2" => {
                if let Some(instance) = resource.strip_prefix("instance/") {
                    self.instance(instance);
                }
            }
            "sts" => {
                // The session of an assumed role is often named after a person or after an instance.
                let session = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/'));
                if let Some((_role, session)) = session {
                    self.instance(session);
                    self.scan(Indicator::Email, session);
                }
            }
            _ => {}
        }
    }
}

/// The host of `host`, `host:port` or `[address]:port`.
fn host_of(text: &str) -> &str {
    if let Some((host, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    match text.rsplit_once(':') {
        // More than one colon without brackets is an address of version 6 without a port.
        Some((host, _)) if !host.contains(':') => host,
        _ => text,
    }
}

/// Where in a value indicators are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// In the value.
    Here(Vec<Indicator>),
    /// In these keys.
    Keys(Vec<(String, Scan)>),
    /// In every element.
    Each(Box<Scan>),
}

impl Scan {
    /// Where values of `kind` are searched; `None` if nowhere.
    pub(crate) fn of_kind(kind: &Kind) -> Option<Self> {
        match kind {
            Kind::String { indicators } if !indicators.is_empty() => Some(Self::Here(indicators.clone())),
            Kind::Array { element, .. } => Self::of_kind(element).map(|scan| Self::Each(Box::new(scan))),
            Kind::Object { fields, .. } => {
                let key = |field: &Field| Some((field.name.clone(), Self::of_kind(&field.kind)?));
                let keys: Vec<_> = fields.iter().filter_map(key).collect();
                (!keys.is_empty()).then_some(Self::Keys(keys))
            }
            _ => None,
        }
    }

    /// Searches a value.
    pub(crate) fn run(&self, value: &Value, found: &mut Any) {
        match (self, value) {
            (Self::Here(indicators), Value::String(text)) => indicators.iter().for_each(|i| found.scan(*i, text)),
            (Self::Here(indicators), Value::Number(number)) => {
                let text = number.to_string();
                for indicator in indicators {
                    found.scan(*indicator, &text);
                }
            }
            (Self::Keys(keys), Value::Object(object)) => {
                for (key, scan) in keys {
                    let child = object.get(key).or_else(|| {
                        object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
                    });
                    if let Some(child) = child {
                        scan.run(child, found);
                    }
                }
            }
            (Self::Each(scan), Value::Array(items)) => items.iter().for_each(|item| scan.run(item, found)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(indicator: &str, texts: &[&str]) -> Vec<(&'static str, Vec<String>)> {
        let mut any = Any::default();
        for text in texts {
            any.scan(Indicator::parse(indicator).unwrap(), text);
        }
        let columns = ANY.iter().enumerate().map(|(position, (name, _))| (*name, any.sorted(position).to_vec()));
        columns.filter(|(_, values)| !values.is_empty()).collect()
    }

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn columns_have_their_names() {
        assert_eq!(ANY[Column::ActorIds as usize].0, "p_any_actor_ids");
        assert_eq!(ANY[Column::IpAddresses as usize].0, "p_any_ip_addresses");
        assert_eq!(ANY[Column::Usernames as usize].0, "p_any_usernames");
    }

    #[test]
    fn each_indicator_keeps_what_fits() {
        let cases: [(&str, &[&str], &str, &[&str]); 16] = [
            ("ip", &["10.0.0.1", "x", "2001:DB8::1", " 10.0.0.1 "], "p_any_ip_addresses", &["10.0.0.1", "2001:db8::1"]),
            ("domain", &["xn--mnchen-3ya.de."], "p_any_domain_names", &["münchen.de"]),
            ("domain", &["XN--Mnchen-3YA.de", "MÜNCHEN.DE"], "p_any_domain_names", &["münchen.de"]),
            ("hostname", &["Intranet", "IAM.amazonaws.com"], "p_any_domain_names", &["iam.amazonaws.com", "intranet"]),
            ("hostname", &["1.2.3.4"], "p_any_ip_addresses", &["1.2.3.4"]),
            ("hostname", &["iam.amazonaws.com"], "p_any_domain_names", &["iam.amazonaws.com"]),
            ("url", &["https://[::1]:8443/x", "nonsense"], "p_any_ip_addresses", &["::1"]),
            ("url", &["https://example.com/a?b"], "p_any_domain_names", &["example.com"]),
            (
                "net_addr",
                &["10.1.2.3:443", "[fe80::1]:22", "fe80::2"],
                "p_any_ip_addresses",
                &["10.1.2.3", "fe80::1", "fe80::2"],
            ),
            ("email", &["a@example.com", "nobody"], "p_any_emails", &["a@example.com"]),
            ("email", &["Ana@Example.com", "ana@example.com"], "p_any_emails", &["ana@example.com"]),
            (
                "md5",
                &["D41D8CD98F00B204E9800998ECF8427E", "d41d"],
                "p_any_md5_hashes",
                &["d41d8cd98f00b204e9800998ecf8427e"],
            ),
            ("aws_account_id", &["123456789012", "12345"], "p_any_aws_account_ids", &["123456789012"]),
            ("aws_instance_id", &["i-0abc", "vol-1"], "p_any_aws_instance_ids", &["i-0abc"]),
            ("username", &["bob", "alice", "bob", ""], "p_any_usernames", &["alice", "bob"]),
            (
                "aws_arn_only",
                &["arn:aws:iam::123456789012:role/x", "x"],
                "p_any_aws_arns",
                &["arn:aws:iam::123456789012:role/x"],
            ),
        ];
        for (indicator, texts, column, values) in cases {
            assert_eq!(found(indicator, texts), [(column, strings(values))], "{indicator} {texts:?}");
        }
    }

    #[test]
    fn an_arn_gives_its_parts() {
        let arn = "arn:aws:sts::123456789012:assumed-role/Admin/Ann@example.com";
        assert_eq!(
            found("aws_arn", &[arn]),
            [
                ("p_any_aws_account_ids", strings(&["123456789012"])),
                ("p_any_aws_arns", strings(&[arn])),
                ("p_any_emails", strings(&["ann@example.com"])),
            ]
        );
        let arn = "arn:aws:ec2:us-east-1:123456789012:instance/i-0abc";
        assert!(found("aws_arn", &[arn]).contains(&("p_any_aws_instance_ids", strings(&["i-0abc"]))));
        assert!(found("aws_arn", &["not an arn"]).is_empty());
    }

    #[test]
    fn nested_values_are_searched_and_keys_ignore_case() {
        let scan = Scan::Keys(vec![(
            "ipChain".to_owned(),
            Scan::Each(Box::new(Scan::Keys(vec![("ip".to_owned(), Scan::Here(vec![Indicator::Ip]))]))),
        )]);
        let mut any = Any::default();
        scan.run(&serde_json::json!({"IPCHAIN": [{"ip": "10.0.0.2"}, {"Ip": "10.0.0.1"}, 7]}), &mut any);
        assert_eq!(any.sorted(Column::IpAddresses as usize), ["10.0.0.1", "10.0.0.2"]);
    }
}

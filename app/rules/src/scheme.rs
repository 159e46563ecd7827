//! Custom URI schemes of the redirect allowlist, such as `cursor`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Schemes that are never custom schemes: the web's own, those that run or read things in a browser, those that start a
/// program of the system, and those of mail, calls, files and shells. Case does not matter.
const RESERVED_SCHEMES: &str = "\
    about acap adiumxtra afp android-app android-resource app-settings apt bitcoin blob bluetooth brave callto \
    chrome cid content cvs data devtools dict dns edge facetime facetime-audio feed file filesystem firefox ftp \
    ftps geo git googlechrome googlechromes gopher h323 hcp help http https iax icap imap imaps intent ipp ipps \
    irc irc6 ircs itms itms-apps itms-appss itms-services jar javascript jscript knownfolder ldap ldaps \
    livescript local magnet mailbox mailto maps market message mhtml microsoft-edge mid mk mms mmsto mocha \
    moz-icon moz-page-thumb news nfs nntp null opaquelocktoken opera pkcs11 pop prefs rdp res resource rlogin \
    rsync rtmp rtsp search search-ms sftp shell sip sips smb sms smsto snews snmp ssh stun svn tel telnet tftp \
    tn3270 turn urn vbs vbscript view-source vivaldi vnc voicemail wais webcal windowsdefender ws wss wyciwyg \
    x-apple-helpbasic xmpp";

/// Families of schemes that browsers and systems keep for themselves, by how they begin. Programs of Windows are started
/// by `ms-…`; extensions and inner pages of browsers have the others.
const RESERVED_FAMILIES: &[&str] =
    &["chrome-", "moz-extension", "moz-safe-", "ms-", "prefs-", "safari-", "view-", "x-apple.systempreferences"];

/// The longest scheme, in bytes.
pub const MAX_SCHEME_LENGTH: usize = 64;

/// A checked custom scheme, in lower case, without `:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomScheme(String);

/// Why a text is not a custom scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemeError {
    /// Nothing was entered.
    Empty,
    /// Longer than [`MAX_SCHEME_LENGTH`].
    TooLong,
    /// Reserved, see [`is_reserved`].
    Reserved,
    /// Not a scheme by RFC 3986 section 3.1: a letter, then letters, digits, `+`, `-` or `.`.
    BadSyntax,
}

impl CustomScheme {
    /// Reads what a person typed; surrounding space and a trailing `:` or `://` are dropped, case is ignored.
    pub fn parse(input: &str) -> Result<Self, SchemeError> {
        let scheme = Self::read(input)?;
        if is_reserved(&scheme.0) { Err(SchemeError::Reserved) } else { Ok(scheme) }
    }

    /// The same for what is stored: a scheme that was saved before it was reserved is still read, and shown to the
    /// admins; [`crate::redirect::decide`] refuses it.
    fn read(input: &str) -> Result<Self, SchemeError> {
        let text = input.trim();
        let text = text.strip_suffix("://").or_else(|| text.strip_suffix(':')).unwrap_or(text);
        if text.is_empty() {
            return Err(SchemeError::Empty);
        }
        if text.len() > MAX_SCHEME_LENGTH {
            return Err(SchemeError::TooLong);
        }
        // RFC 3986 section 3.1.
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        if !starts_well || !bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            return Err(SchemeError::BadSyntax);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The scheme as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `scheme` is this one, ignoring case.
    pub fn matches(&self, scheme: &str) -> bool {
        self.0.eq_ignore_ascii_case(scheme)
    }
}

/// Whether `scheme` is reserved, ignoring case.
pub fn is_reserved(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    RESERVED_SCHEMES.split_whitespace().any(|reserved| reserved == scheme)
        || RESERVED_FAMILIES.iter().any(|family| scheme.starts_with(family))
}

impl fmt::Display for CustomScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CustomScheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CustomScheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).map_err(|error| serde::de::Error::custom(crate::messages::scheme_error(error)))
    }
}

//! The permission catalogue.
//!
//! One enum, one table. API names are stable and are also the OAuth scopes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a permission lets a client do, from harmless to far-reaching. Shown with
/// an icon and a word, never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Reads objects one by one or in lists.
    Read,
    /// Runs searches of the person's choosing over log data.
    Search,
    /// Changes the state of alerts or detections.
    Change,
    /// Changes who may do what.
    Administer,
}

impl Risk {
    /// The word that stands beside the icon.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Search => "Search",
            Self::Change => "Change",
            Self::Administer => "Administer",
        }
    }

    /// The suffix of CSS classes and icon names.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Change => "change",
            Self::Administer => "administer",
        }
    }
}

/// The heading under which a permission stands on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Group {
    /// Alerts and their events.
    Alerts,
    /// Rules and policies.
    Detections,
    /// SQL over log events.
    DataLake,
    /// Log sources and schemas.
    Sources,
    /// Lookup tables.
    Enrichments,
    /// Users and roles.
    Identity,
    /// Counts over time.
    Metrics,
    /// The settings of this server.
    Settings,
}

impl Group {
    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Alerts => "Alerts",
            Self::Detections => "Detections",
            Self::DataLake => "Data lake",
            Self::Sources => "Schemas and sources",
            Self::Enrichments => "Enrichments",
            Self::Identity => "Identity",
            Self::Metrics => "Metrics",
            Self::Settings => "Settings",
        }
    }
}

macro_rules! catalogue {
    ($($variant:ident { $title:literal, $group:ident, $risk:ident, $console_only:literal, $sentence:literal })*) => {
        /// A permission of the catalogue.
        ///
        /// The variant's name is the API name, which is also the OAuth scope.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission { $(#[doc = $sentence] $variant,)* }

        impl Permission {
            /// Every permission, in the order in which pages and scopes list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable API name, for example `AlertRead`.
            pub const fn api_name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The title people see, for example "Read Alerts".
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The heading it stands under.
            pub const fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)* }
            }

            /// How far-reaching it is.
            pub const fn risk(self) -> Risk {
                match self { $(Self::$variant => Risk::$risk,)* }
            }

            /// Whether it counts in the console only: no tool uses it, it cannot be
            /// selected on the consent page and is never part of a grant.
            pub const fn console_only(self) -> bool {
                match self { $(Self::$variant => $console_only,)* }
            }

            /// One plain sentence, to be read after "The client will be able to".
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }

            /// Looks an API name up; names are case-sensitive.
            pub fn from_api_name(name: &str) -> Option<Self> {
                match name { $(stringify!($variant) => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

catalogue! {
    AlertRead { "Read Alerts", Alerts, Read, false, "Read alerts, their comments and their events." }
    AlertModify { "Manage Alerts", Alerts, Change, false, "Change the status, assignee, quality and labels of alerts, and comment on them." }
    RuleRead { "View Rules", Detections, Read, false, "Read rules, their source code and their tests." }
    RuleModify { "Manage Rules", Detections, Change, false, "Enable and disable rules." }
    PolicyRead { "View Policies", Detections, Read, false, "Read policies, their source code and their tests." }
    PolicyModify { "Manage Policies", Detections, Change, false, "Enable and disable policies." }
    DataAnalyticsRead { "Query Data Lake", DataLake, Search, false, "Run read-only SQL over all log events and search them." }
    LogSourceRead { "View Log Sources", Sources, Read, false, "Read log schemas and the log sources that use them." }
    LogSourceModify { "Manage Log Sources", Sources, Administer, true, "Create and change log sources and schemas." }
    LookupRead { "View Enrichments", Enrichments, Read, false, "List enrichment tables and look values up in them." }
    LookupModify { "Manage Enrichments", Enrichments, Change, true, "Create and change enrichment tables." }
    UserRead { "Read User Info", Identity, Read, false, "See the names, e-mail addresses and roles of all users." }
    UserModify { "Manage Users", Identity, Administer, true, "Invite, change and disable users and roles." }
    SummaryRead { "Read Metrics", Metrics, Read, false, "Read counts of alerts and of processed data over time." }
    GeneralSettingsRead { "Read Settings & SAML Preferences", Settings, Read, true, "See the settings pages." }
    GeneralSettingsModify { "Edit Settings & SAML Preferences", Settings, Administer, true, "Change the settings of this server." }
    AuditRead { "Read Audit Logs", Settings, Read, true, "Read who did what and when." }
    BulkUpload { "Bulk Upload", Detections, Change, true, "Upload detection content and log files." }
    OrganizationAPITokenRead { "Read API Tokens", Settings, Read, true, "See which API tokens exist." }
    OrganizationAPITokenModify { "Manage API Tokens", Settings, Administer, true, "Create and revoke API tokens." }
}

const _: () = assert!(Permission::ALL.len() <= 64, "PermissionSet is one u64");

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_name())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.api_name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_api_name(&name).ok_or_else(|| serde::de::Error::custom(UnknownPermission(name.into_owned())))
    }
}

/// A name that is not in the catalogue. Unknown means no: it never becomes part of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPermission(pub String);

impl fmt::Display for UnknownPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a permission", self.0.escape_debug())
    }
}

impl std::error::Error for UnknownPermission {}

/// A set of permissions; iterates in catalogue order. Serialized as a list of API names.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// No permission.
    pub const EMPTY: Self = Self(0);

    /// Every permission of the catalogue.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Every permission that a grant may hold, which is those that some tool uses.
    pub fn grantable() -> Self {
        Permission::ALL.iter().copied().filter(|p| !p.console_only()).collect()
    }

    /// Reads API names. Fails on the first unknown one.
    pub fn from_api_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownPermission> {
        names
            .into_iter()
            .map(|name| Permission::from_api_name(name).ok_or_else(|| UnknownPermission(name.to_owned())))
            .collect()
    }

    /// Whether `permission` is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Adds `permission`.
    pub const fn insert(&mut self, permission: Permission) {
        self.0 |= 1 << permission as u8;
    }

    /// Takes `permission` out.
    pub const fn remove(&mut self, permission: Permission) {
        self.0 &= !(1 << permission as u8);
    }

    /// What both sets hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either set holds.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What `self` holds and `other` does not.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether everything in `self` is in `other` too.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many permissions the set holds.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The permissions, in catalogue order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |p| self.contains(*p))
    }

    /// The API names, in catalogue order.
    pub fn api_names(self) -> Vec<&'static str> {
        self.iter().map(Permission::api_name).collect()
    }

    /// The set as an OAuth `scope` value (RFC 6749 section 3.3): API names with one space between.
    pub fn to_scope(self) -> String {
        self.api_names().join(" ")
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(iter: I) -> Self {
        let mut set = Self::EMPTY;
        for permission in iter {
            set.insert(permission);
        }
        set
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for PermissionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for PermissionSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Permission>::deserialize(deserializer)?.into_iter().collect())
    }
}

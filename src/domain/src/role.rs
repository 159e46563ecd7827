//! Roles: named permission sets with log-type access.

use margay_rules::{Permission, PermissionSet};
use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, id::RoleId};

/// A named permission set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The id; built-in roles have their name as id.
    pub id: RoleId,
    /// The name; unique.
    pub name: String,
    /// What people with this role may do.
    pub permissions: PermissionSet,
    /// Which log types they may query.
    pub log_types: LogTypeAccess,
    /// Whether it came with the product and cannot be changed.
    pub built_in: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Which log types a role may query in the lake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "log_types", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogTypeAccess {
    /// Every log type.
    #[default]
    AllowAll,
    /// Only these.
    Allow(Vec<String>),
    /// All but these.
    Deny(Vec<String>),
    /// None.
    DenyAll,
}

impl LogTypeAccess {
    /// Whether events of `log_type` may be read.
    pub fn allows(&self, log_type: &str) -> bool {
        match self {
            Self::AllowAll => true,
            Self::Allow(listed) => listed.iter().any(|l| l == log_type),
            Self::Deny(listed) => !listed.iter().any(|l| l == log_type),
            Self::DenyAll => false,
        }
    }

    /// Whether events of every log type may be read, known and unknown ones.
    pub const fn is_unrestricted(&self) -> bool {
        match self {
            Self::AllowAll => true,
            Self::Deny(listed) => listed.is_empty(),
            Self::Allow(_) | Self::DenyAll => false,
        }
    }

    /// The API name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AllowAll => "ALLOW_ALL",
            Self::Allow(_) => "ALLOW",
            Self::Deny(_) => "DENY",
            Self::DenyAll => "DENY_ALL",
        }
    }
}

/// The roles that every installation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltInRole {
    /// Everything.
    Admin,
    /// Works on alerts and detections.
    Analyst,
    /// Reads only.
    AnalystReadOnly,
}

impl BuiltInRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Analyst, Self::AnalystReadOnly];

    /// The name, which is the id too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Analyst => "Analyst",
            Self::AnalystReadOnly => "AnalystReadOnly",
        }
    }

    /// What it holds.
    pub fn permissions(self) -> PermissionSet {
        use Permission::{
            AlertModify, AlertRead, BulkUpload, DataAnalyticsRead, GeneralSettingsRead, LogSourceRead, LookupRead,
            PolicyModify, PolicyRead, RuleModify, RuleRead, SummaryRead, UserRead,
        };
        let read_only = [
            AlertRead,
            DataAnalyticsRead,
            GeneralSettingsRead,
            LogSourceRead,
            LookupRead,
            PolicyRead,
            RuleRead,
            SummaryRead,
            UserRead,
        ];
        match self {
            Self::Admin => PermissionSet::all(),
            Self::Analyst => read_only.into_iter().chain([AlertModify, BulkUpload, PolicyModify, RuleModify]).collect(),
            Self::AnalystReadOnly => read_only.into_iter().collect(),
        }
    }

    /// The role as an entity.
    pub fn role(self, now: Timestamp) -> Role {
        Role {
            id: RoleId::new(self.name()),
            name: self.name().to_owned(),
            permissions: self.permissions(),
            log_types: LogTypeAccess::AllowAll,
            built_in: true,
            created_at: now,
            updated_at: now,
        }
    }
}

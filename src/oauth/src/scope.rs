//! Scopes: the API names of permissions. Others are accepted and mean nothing (row OA12).

use margay_domain::rules::{Permission, PermissionSet};

/// Asks for a refresh token in OpenID Connect; clients send it once metadata lists it. We issue one anyway.
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// Whether `scope` has only the characters that RFC 6749 section 3.3 allows (row OR8).
pub(crate) fn is_well_formed(scope: &str) -> bool {
    scope.bytes().all(|b| b == b' ' || (b.is_ascii_graphic() && b != b'"' && b != b'\\'))
}

/// The permissions that `scope` names; everything else in it is dropped (row OA12).
pub(crate) fn permissions(scope: &str) -> PermissionSet {
    scope.split(' ').filter_map(Permission::from_api_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn or8_only_scope_characters() {
        assert!(is_well_formed("AlertRead offline_access https://example.com/x!"));
        for scope in ["a\"b", "a\\b", "a\tb", "a\nb", "é", "a\0"] {
            assert!(!is_well_formed(scope), "{scope:?}");
        }
    }

    #[test]
    fn oa12_unknown_scopes_mean_nothing() {
        let found = permissions("openid AlertRead  offline_access alertread RuleRead ");
        assert_eq!(found.to_scope(), "AlertRead RuleRead");
        assert!(permissions("").is_empty());
    }
}

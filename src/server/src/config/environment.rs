//! Environment variables that look like keys. figment reads only those with two underscores; a name with one would
//! count for nothing, and nobody would notice.

use std::ffi::OsString;

use super::{Config, ConfigError};

const PREFIX: &str = "MARGAY_";

/// Refuses a name that begins like a key of a section, but with one underscore: `MARGAY_SERVER_LISTEN`. All other
/// names are none of our business, for example `MARGAY_DEMO_PASSWORD`.
pub(super) fn refuse_misspelled(names: impl IntoIterator<Item = OsString>) -> Result<(), ConfigError> {
    let sections = toml::Table::try_from(Config::default()).unwrap_or_default();
    for name in names {
        let name = name.to_string_lossy();
        if let Some(meant) = meant(&name, &sections) {
            return Err(ConfigError::Variable { name: name.into_owned(), meant });
        }
    }
    Ok(())
}

/// The name that would count.
fn meant(name: &str, sections: &toml::Table) -> Option<String> {
    let name = name.to_ascii_uppercase();
    let rest = name.strip_prefix(PREFIX).filter(|rest| !rest.contains("__"))?;
    sections.iter().find_map(|(section, keys)| {
        let section = section.to_ascii_uppercase();
        let key = rest.strip_prefix(section.as_str())?.strip_prefix('_')?;
        let is_known = keys.get(key.to_ascii_lowercase().as_str()).is_some();
        (is_known || !is_of_kubernetes(key)).then(|| format!("{PREFIX}{section}__{key}"))
    })
}

/// Kubernetes sets such variables in every container beside a service that is called `margay-server`.
fn is_of_kubernetes(key: &str) -> bool {
    key == "PORT" || ["PORT_", "SERVICE_HOST", "SERVICE_PORT"].iter().any(|start| key.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str) -> Option<String> {
        refuse_misspelled([OsString::from("PATH"), OsString::from(name)]).err().map(|error| error.to_string())
    }

    #[test]
    fn a_key_with_one_underscore_is_refused() {
        for (name, meant) in [
            ("MARGAY_SERVER_LISTEN", "MARGAY_SERVER__LISTEN"),
            ("margay_server_listen", "MARGAY_SERVER__LISTEN"),
            ("MARGAY_DATA_DIR", "MARGAY_DATA__DIR"),
            ("MARGAY_SIGN_IN_SESSION_IDLE_MINUTES", "MARGAY_SIGN_IN__SESSION_IDLE_MINUTES"),
            ("MARGAY_LOG_LEVEL", "MARGAY_LOG__LEVEL"),
        ] {
            let text = refused(name).unwrap();
            assert!(text.contains(name) && text.contains(&format!("did you mean {meant}?")), "{text}");
        }
    }

    /// All names of `docs/configuration.md` that are no keys.
    #[test]
    fn other_names_pass() {
        let documentation = include_str!("../../../../docs/configuration.md");
        let (_, others) = documentation.split_once("## Environment variables that are not keys").unwrap();
        let documented: Vec<&str> = others.split("**").filter(|text| text.starts_with("MARGAY_")).collect();
        assert!(documented.contains(&"MARGAY_DEMO_PASSWORD") && documented.len() >= 10, "{documented:?}");
        let kubernetes = ["MARGAY_SERVER_PORT", "MARGAY_SERVER_PORT_8080_TCP", "MARGAY_SERVER_SERVICE_HOST"];
        let more = ["MARGAY_SERVER", "MARGAY_SERVER__LISTEN", "MARGAY_DATABASES_URL", "MARGAY_", "SERVER_LISTEN"];
        for name in documented.into_iter().chain(kubernetes).chain(more) {
            assert_eq!(refused(name), None, "{name}");
        }
    }
}

//! The configuration of the authorization server, from the section `oauth` and the addresses.

use std::{fs, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use margay_oauth::{ClientDocuments, MasterKey, OAuthConfig, RegistrationLimits, RegistrationPolicy};
use margay_rules::DomainPattern;
use url::Url;

use crate::config::{Addresses, Config, ConfigError, Registration};

const HOUR: Duration = Duration::from_hours(1);

/// Reads the section `oauth`, with the files that it names. Errors name the key.
pub fn oauth_config(config: &Config, addresses: &Addresses) -> Result<OAuthConfig, ConfigError> {
    let oauth = &config.oauth;
    Ok(OAuthConfig {
        issuer: addresses.api_url.clone(),
        console_url: addresses.console_url.clone(),
        resource: format!("{}/mcp", addresses.api_url),
        access_token_lifetime: Config::minutes(oauth.access_token_minutes),
        refresh_idle_lifetime: Config::days(oauth.refresh_idle_days),
        grant_lifetime: Config::days(oauth.connection_days),
        refresh_grace: Duration::from_secs(oauth.refresh_grace_seconds.into()),
        registration: RegistrationLimits {
            max_unused_clients: oauth.max_unused_clients,
            burst: oauth.registrations_per_hour,
            refill: every(oauth.registrations_per_hour),
            ..RegistrationLimits::default()
        },
        registration_policy: policy(config)?,
        client_documents: client_documents(config)?,
        flow_burst: oauth.flows_per_hour,
        flow_refill: every(oauth.flows_per_hour),
        master_key: master_key(config)?,
        service_documentation: documentation(config)?,
    })
}

/// The key that seals signing keys, if one is configured.
pub fn master_key(config: &Config) -> Result<Option<MasterKey>, ConfigError> {
    const KEY: &str = "oauth.master_key_file";
    let file = &config.oauth.master_key_file;
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    MasterKey::parse(&read(KEY, file)?).map(Some).map_err(|error| invalid(KEY, &error.to_string()))
}

/// The time between two of so many an hour.
fn every(per_hour: u32) -> Duration {
    HOUR / per_hour.max(1)
}

fn policy(config: &Config) -> Result<RegistrationPolicy, ConfigError> {
    const KEY: &str = "oauth.verified_domains";
    let domains = config
        .oauth
        .verified_domains
        .iter()
        .map(|text| {
            DomainPattern::parse(text).map_err(|_| invalid(KEY, &format!("{text:?} is no domain such as claude.ai")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    match config.oauth.registration {
        Registration::VerifiedDomains if domains.is_empty() => {
            Err(invalid(KEY, "is empty, so that with oauth.registration = \"verified_domains\" no client could come"))
        }
        Registration::VerifiedDomains => Ok(RegistrationPolicy::VerifiedDomains(domains)),
        // A list that counts for nothing would give a false sense of safety.
        _ if !domains.is_empty() => Err(invalid(KEY, "counts only with oauth.registration = \"verified_domains\"")),
        Registration::Open => Ok(RegistrationPolicy::Open),
        Registration::AdminApproval => Ok(RegistrationPolicy::AdminApproval),
    }
}

fn client_documents(config: &Config) -> Result<ClientDocuments, ConfigError> {
    const NETWORKS: &str = "oauth.client_document_networks";
    const CA_FILE: &str = "oauth.client_document_ca_file";
    let oauth = &config.oauth;
    let networks = oauth
        .client_document_networks
        .iter()
        .map(|text| text.parse().map_err(|_| invalid(NETWORKS, &format!("{text:?} is no network such as 10.0.0.0/8"))))
        .collect::<Result<Vec<_>, _>>()?;
    let file = &oauth.client_document_ca_file;
    let roots = if file.as_os_str().is_empty() {
        Vec::new()
    } else {
        certificates(&read(CA_FILE, file)?).ok_or_else(|| invalid(CA_FILE, "has no certificate in PEM form"))?
    };
    Ok(ClientDocuments {
        enabled: oauth.client_documents,
        networks,
        roots,
        burst: oauth.client_document_fetches_per_hour,
        refill: every(oauth.client_document_fetches_per_hour),
    })
}

/// The certificates of a PEM file (RFC 7468) as DER; `None` if there is none, or one is broken.
fn certificates(pem: &str) -> Option<Vec<Vec<u8>>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let found = pem
        .split(BEGIN)
        .skip(1)
        .map(|part| {
            let body: String = part.split_once(END)?.0.split_whitespace().collect();
            STANDARD.decode(body).ok()
        })
        .collect::<Option<Vec<_>>>()?;
    (!found.is_empty()).then_some(found)
}

fn documentation(config: &Config) -> Result<Option<String>, ConfigError> {
    let text = &config.oauth.documentation_url;
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(Some(text.clone())),
        _ => Err(invalid("oauth.documentation_url", &format!("{text:?} is no address of a page"))),
    }
}

fn read(key: &str, file: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(file).map_err(|error| invalid(key, &format!("{} cannot be read: {error}", file.display())))
}

fn invalid(key: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid(format!("{key}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(change: impl FnOnce(&mut Config)) -> Result<OAuthConfig, String> {
        let mut config = Config::default();
        change(&mut config);
        let addresses = config.addresses(([127, 0, 0, 1], 8080).into()).unwrap();
        oauth_config(&config, &addresses).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_open_and_advertise_documents() {
        let config = build(|_| {}).unwrap();
        assert_eq!(config.registration_policy, RegistrationPolicy::Open);
        assert!(config.client_documents.enabled && config.client_documents.networks.is_empty());
        assert_eq!(config.refresh_grace, Duration::from_secs(45));
        assert!(config.master_key.is_none());
    }

    #[test]
    fn verified_domains_need_a_list_and_the_policy() {
        let domains = || vec!["claude.ai".to_owned(), "*.cursor.com".to_owned()];
        let both = build(|config| {
            config.oauth.registration = Registration::VerifiedDomains;
            config.oauth.verified_domains = domains();
        });
        assert!(
            matches!(both.unwrap().registration_policy, RegistrationPolicy::VerifiedDomains(list) if list.len() == 2)
        );
        for error in [
            build(|config| config.oauth.registration = Registration::VerifiedDomains),
            build(|config| config.oauth.verified_domains = domains()),
            build(|config| config.oauth.verified_domains = vec!["https://claude.ai".to_owned()]),
        ] {
            assert!(error.unwrap_err().contains("oauth.verified_domains"));
        }
    }

    #[test]
    fn files_and_networks_are_checked_and_named() {
        for (key, result) in [
            ("oauth.master_key_file", build(|config| config.oauth.master_key_file = "/nowhere/key".into())),
            ("oauth.master_key_file", build(|config| config.oauth.master_key_file = "/dev/null".into())),
            (
                "oauth.client_document_ca_file",
                build(|config| config.oauth.client_document_ca_file = "/dev/null".into()),
            ),
            (
                "oauth.client_document_networks",
                build(|config| {
                    config.oauth.client_document_networks = vec!["10.0.0.0/99".to_owned()];
                }),
            ),
            ("oauth.documentation_url", build(|config| config.oauth.documentation_url = "javascript:x".to_owned())),
        ] {
            let error = result.unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn certificates_are_read_from_pem() {
        let one = "-----BEGIN CERTIFICATE-----\nAQID\nBAUG\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(&format!("text\n{one}{one}")), Some(vec![vec![1, 2, 3, 4, 5, 6]; 2]));
        assert_eq!(certificates(""), None);
        assert_eq!(certificates("-----BEGIN CERTIFICATE-----\nAQID"), None);
        assert_eq!(certificates("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"), None);
    }
}

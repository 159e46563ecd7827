//! The log schemas that come with the product.

use margay_domain::{clock::Timestamp, log_schema::LogSchema};

use crate::schema::Schema;

/// Name and YAML, by name. A new schema is a file and a line here.
const MANAGED: [(&str, &str); 4] = [
    ("AWS.CloudTrail", include_str!("../schemas/AWS.CloudTrail.yml")),
    ("AWS.VPCFlow", include_str!("../schemas/AWS.VPCFlow.yml")),
    ("GitHub.Audit", include_str!("../schemas/GitHub.Audit.yml")),
    ("Okta.SystemLog", include_str!("../schemas/Okta.SystemLog.yml")),
];

/// The log schemas that come with the product, as they are stored; added at `now`.
pub fn managed_schemas(now: Timestamp) -> Vec<LogSchema> {
    MANAGED
        .iter()
        .filter_map(|(name, spec)| {
            // A test parses every file, so nothing is left out here.
            let schema = Schema::parse(name, spec).ok()?;
            Some(LogSchema {
                name: schema.name,
                description: schema.description,
                spec: (*spec).to_owned(),
                revision: 1,
                is_managed: true,
                is_archived: false,
                reference_url: schema.reference_url,
                created_at: now,
                updated_at: now,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Kind;

    #[test]
    fn every_managed_schema_is_good_and_has_an_event_time() {
        for (name, spec) in MANAGED {
            let schema = Schema::parse(name, spec).unwrap();
            assert!(
                schema.fields.iter().any(|field| matches!(field.kind, Kind::Timestamp { event_time: true, .. })),
                "{name} has no event time"
            );
            assert!(!schema.description.is_empty() && !schema.reference_url.is_empty(), "{name}");
            assert!(schema.fields.iter().all(|field| !field.description.is_empty()), "{name}");
        }
        assert_eq!(managed_schemas(Timestamp::default()).len(), MANAGED.len());
    }
}

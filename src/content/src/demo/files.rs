//! The demo's own content, compiled in.

macro_rules! files {
    ($($path:literal,)*) => {
        /// Path below `demo/`, and text.
        pub(super) const FILES: &[(&str, &str)] =
            &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/", $path))),)*];
    };
}

files! {
    "detections/aws_access_denied_burst.py",
    "detections/aws_access_denied_burst.yml",
    "detections/aws_access_key_created.py",
    "detections/aws_access_key_created.yml",
    "detections/aws_administrator_access_attached.py",
    "detections/aws_administrator_access_attached.yml",
    "detections/aws_cloudtrail_stopped.py",
    "detections/aws_cloudtrail_stopped.yml",
    "detections/aws_console_login_without_mfa.py",
    "detections/aws_console_login_without_mfa.yml",
    "detections/aws_customer_data_bulk_read.py",
    "detections/aws_customer_data_bulk_read.yml",
    "detections/aws_iam_user_mfa.py",
    "detections/aws_iam_user_mfa.yml",
    "detections/aws_s3_bytes_per_identity.py",
    "detections/aws_s3_bytes_per_identity.yml",
    "detections/aws_s3_public_access_blocked.py",
    "detections/aws_s3_public_access_blocked.yml",
    "detections/aws_vpc_admin_port_reached.py",
    "detections/aws_vpc_admin_port_reached.yml",
    "detections/aws_vpc_large_outbound.py",
    "detections/aws_vpc_large_outbound.yml",
    "detections/github_branch_protection_weakened.yml",
    "detections/github_deploy_key_write.yml",
    "detections/github_private_mass_clone.py",
    "detections/github_private_mass_clone.yml",
    "detections/github_token_outside_company.py",
    "detections/github_token_outside_company.yml",
    "detections/identity_takeover_to_data_theft.yml",
    "detections/okta_admin_role_granted.py",
    "detections/okta_admin_role_granted.yml",
    "detections/okta_factor_enrolled_remotely.py",
    "detections/okta_factor_enrolled_remotely.yml",
    "detections/okta_login_failed_burst.py",
    "detections/okta_login_failed_burst.yml",
    "detections/okta_login_unusual_country.py",
    "detections/okta_login_unusual_country.yml",
    "detections/okta_mfa_push_fatigue.py",
    "detections/okta_mfa_push_fatigue.yml",
    "enrichments/asset_inventory.csv",
    "enrichments/asset_inventory.yml",
    "enrichments/known_bad_networks.csv",
    "enrichments/known_bad_networks.yml",
}

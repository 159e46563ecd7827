//! Rules over VPC flow logs.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::{Rule, at, is, is_in, text, word};
use crate::demo::{
    company::COMPANY_ADDRESSES,
    logs::{Event, VPC_FLOW},
};

const INSIDE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8);
/// Storage endpoints of the region.
const STORAGE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 192), 27);
const LARGE: u64 = 50_000_000;

pub(super) static RULES: [Rule; 2] = [
    Rule {
        id: "AWS.VPC.LargeOutboundTransfer",
        log_type: VPC_FLOW,
        matches: |event| {
            is(event, &["action"], "ACCEPT")
                && at(event, &["bytes"]).and_then(Value::as_u64).is_some_and(|bytes| bytes >= LARGE)
                && address(event, "srcAddr").is_some_and(|source| INSIDE.contains(&source))
                && address(event, "dstAddr").is_some_and(|to| !INSIDE.contains(&to) && !STORAGE.contains(&to))
        },
        title: |event| format!("VPC: {} sent much data to {}", word(event, &["srcAddr"]), word(event, &["dstAddr"])),
        context: |event| {
            json!({
                "host": word(event, &["srcAddr"]),
                "remote_ip": word(event, &["dstAddr"]),
                "port": event.get("dstPort"),
            })
        },
    },
    Rule {
        id: "AWS.VPC.AdminPortReached",
        log_type: VPC_FLOW,
        matches: |event| {
            is(event, &["action"], "ACCEPT")
                && matches!(port(event), Some(22 | 3389))
                && !is_in(event, &["srcAddr"], &COMPANY_ADDRESSES)
                && address(event, "dstAddr").is_some_and(|to| INSIDE.contains(&to))
                && address(event, "srcAddr").is_some_and(|source| !INSIDE.contains(&source))
        },
        title: |event| {
            format!(
                "VPC: {} reached port {} of {}",
                word(event, &["srcAddr"]),
                port(event).unwrap_or_default(),
                word(event, &["dstAddr"])
            )
        },
        context: |event| {
            json!({
                "host": word(event, &["dstAddr"]),
                "remote_ip": word(event, &["srcAddr"]),
                "port": event.get("dstPort"),
            })
        },
    },
];

fn address(event: &Event, key: &str) -> Option<Ipv4Addr> {
    text(event, &[key])?.parse().ok()
}

fn port(event: &Event) -> Option<u64> {
    at(event, &["dstPort"]).and_then(Value::as_u64)
}

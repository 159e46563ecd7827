//! VPC flow logs: how an event looks, and an ordinary week of them.

use std::time::Duration;

use margay_domain::clock::Timestamp;

use super::{
    company::{ACCOUNT, COMPANY_ADDRESSES, HOSTS, Host, REGION, VPC, host_named},
    dice::Dice,
    logs::{Event, fields, seconds_text, whole_seconds},
    week::{Rhythm, Week},
};

/// One flow as an interface saw it.
#[derive(Clone, Debug)]
pub(super) struct Flow<'a> {
    pub(super) at: Timestamp,
    /// The machine whose interface it is.
    pub(super) host: &'a Host,
    /// Whether it leaves the machine.
    pub(super) out: bool,
    /// The other side, with the ports on this side and there.
    pub(super) peer: &'a str,
    pub(super) port: u64,
    pub(super) peer_port: u64,
    pub(super) bytes: u64,
    pub(super) accepted: bool,
}

impl Flow<'_> {
    /// The event.
    pub(super) fn into_event(self) -> (Timestamp, Event) {
        let start = whole_seconds(self.at);
        let end = start.plus(Duration::from_secs(59));
        let own = (self.host.address, self.port);
        let peer = (self.peer, self.peer_port);
        let (source, destination) = if self.out { (own, peer) } else { (peer, own) };
        let event = fields([
            ("version", 5.into()),
            ("account", ACCOUNT.into()),
            ("interfaceId", self.host.interface.into()),
            ("srcAddr", source.0.into()),
            ("dstAddr", destination.0.into()),
            ("srcPort", source.1.into()),
            ("dstPort", destination.1.into()),
            ("protocol", 6.into()),
            ("packets", (self.bytes / 1100 + 1).into()),
            ("bytes", self.bytes.into()),
            ("start", seconds_text(start).into()),
            ("end", seconds_text(end).into()),
            ("action", if self.accepted { "ACCEPT" } else { "REJECT" }.into()),
            ("status", "OK".into()),
            ("vpcId", VPC.into()),
            ("subNetId", self.host.subnet.into()),
            ("instanceId", self.host.instance.into()),
            ("region", REGION.into()),
            ("flowDirection", if self.out { "egress" } else { "ingress" }.into()),
        ]);
        (start, event)
    }
}

/// A usual kind of traffic: the machines that have it, whether it leaves them, the other side, the
/// service's port, whether that is on the other side, and the size in bytes.
struct Habit {
    hosts: &'static [&'static str],
    out: bool,
    peers: &'static [&'static str],
    service: u64,
    bytes: (u64, u64),
}

/// Addresses of customers and of services on the internet.
const OUTSIDE: [&str; 8] = [
    "192.0.2.140",
    "192.0.2.147",
    "192.0.2.151",
    "192.0.2.158",
    "192.0.2.163",
    "192.0.2.170",
    "192.0.2.176",
    "192.0.2.181",
];
/// Storage endpoints of the region.
pub(super) const STORAGE: [&str; 3] = ["192.0.2.196", "192.0.2.200", "192.0.2.209"];
const APIS: [&str; 3] = ["10.20.2.21", "10.20.2.22", "10.20.2.23"];
const WEBS: [&str; 2] = ["10.20.1.10", "10.20.1.11"];

static HABITS: [(u64, Habit); 10] = [
    (26, Habit { hosts: &["web-1", "web-2"], out: false, peers: &OUTSIDE, service: 443, bytes: (900, 420_000) }),
    (18, Habit { hosts: &["api-1", "api-2", "api-3"], out: false, peers: &WEBS, service: 8080, bytes: (700, 160_000) }),
    (15, Habit { hosts: &["db-1", "db-2"], out: false, peers: &APIS, service: 5432, bytes: (1200, 900_000) }),
    (9, Habit { hosts: &["cache-1"], out: false, peers: &APIS, service: 6379, bytes: (300, 60_000) }),
    (
        9,
        Habit {
            hosts: &["etl-worker-1", "etl-worker-2"],
            out: true,
            peers: &STORAGE,
            service: 443,
            bytes: (40_000, 70_000_000),
        },
    ),
    (7, Habit { hosts: &["api-1", "api-2", "api-3"], out: true, peers: &OUTSIDE, service: 443, bytes: (900, 90_000) }),
    (5, Habit { hosts: &["build-1", "build-2"], out: true, peers: &OUTSIDE, service: 443, bytes: (9000, 18_000_000) }),
    (5, Habit { hosts: &["monitor-1"], out: true, peers: &APIS, service: 9100, bytes: (2000, 40_000) }),
    (2, Habit { hosts: &["bastion-1"], out: false, peers: &COMPANY_ADDRESSES, service: 22, bytes: (2000, 900_000) }),
    (3, Habit { hosts: &["db-1", "db-2"], out: true, peers: &STORAGE, service: 443, bytes: (90_000, 30_000_000) }),
];

/// An ordinary week.
pub(super) fn background(week: &Week, dice: &mut Dice) -> Vec<(Timestamp, Event)> {
    let mut log = Vec::with_capacity(6200);
    for _ in 0..5400 {
        let habit = dice.weighted(&HABITS);
        let rhythm = if habit.service == 22 { Rhythm::Office } else { Rhythm::Steady };
        let high_port = dice.between(32_768, 60_999);
        let (port, peer_port) = if habit.out { (high_port, habit.service) } else { (habit.service, high_port) };
        // Small flows are much more frequent than large ones.
        let (least, most) = habit.bytes;
        let limit = mostly_small(dice, most - least);
        let flow = Flow {
            at: week.pick(dice, rhythm),
            host: host_named(dice.pick(habit.hosts)),
            out: habit.out,
            peer: dice.pick(habit.peers),
            port,
            peer_port,
            bytes: least + dice.below(limit),
            accepted: true,
        };
        log.push(flow.into_event());
    }
    for _ in 0..560 {
        log.push(scan(week, dice).into_event());
    }
    log
}

/// A number below `bound` that is mostly far below it; never zero.
fn mostly_small(dice: &mut Dice, bound: u64) -> u64 {
    let part = dice.between(1, 1000);
    (bound / 1000 * part / 1000 * part).max(1)
}

/// Somebody on the internet tries a door that is closed.
fn scan(week: &Week, dice: &mut Dice) -> Flow<'static> {
    const SCANNERS: [&str; 6] =
        ["198.51.100.141", "198.51.100.152", "198.51.100.167", "198.51.100.188", "198.51.100.201", "198.51.100.219"];
    const DOORS: [u64; 7] = [22, 23, 445, 3389, 5900, 6379, 8080];
    let public = HOSTS.get(..3).unwrap_or_default();
    Flow {
        at: week.pick(dice, Rhythm::Steady),
        host: dice.pick(public),
        out: false,
        peer: dice.pick(&SCANNERS),
        port: *dice.pick(&DOORS),
        peer_port: dice.between(40_000, 65_000),
        bytes: dice.between(40, 180),
        accepted: false,
    }
}

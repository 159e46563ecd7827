//! What the people of the demo made of its alerts.

use std::time::Duration;

use margay_domain::{
    alert::{Alert, AlertQuality, AlertStatus},
    clock::Timestamp,
};

use super::{
    company::{ATTACKER, ATTACKER_STAGING},
    correlation,
    dice::Dice,
    policies,
    raise::Finding,
    scheduled,
};

/// E-mail address of the analyst.
pub(super) const ANALYST: &str = "analyst@example.com";
/// E-mail address of the admin.
pub(super) const ADMIN: &str = "admin@example.com";

/// The label of alerts on which somebody has been asked.
const WAITING: &str = "waiting-for-answer";

const DAY: Duration = Duration::from_hours(24);

/// Who works on an alert and changed it last, and what was written: author's e-mail address, text, time.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) assignee: Option<&'static str>,
    pub(super) comments: Vec<(String, String, Timestamp)>,
}

/// How alerts of a rule end when there is nothing behind them.
struct Ending {
    status: AlertStatus,
    quality: Option<AlertQuality>,
    tag: &'static str,
    comments: &'static [&'static str],
}

/// Whether a finding belongs to the attack, or to what made it possible.
pub(super) fn is_story(detection_id: &str, finding: &Finding) -> bool {
    let by_attacker = finding.remote_address().is_some_and(|address| [ATTACKER, ATTACKER_STAGING].contains(&address));
    by_attacker || [scheduled::ID, correlation::ID, policies::USERS_ID].contains(&detection_id)
}

/// Sets status, quality and tags of an alert, and says who did it.
pub(super) fn work_on(alert: &mut Alert, story: bool, dice: &mut Dice, now: Timestamp) -> Work {
    if story { on_the_attack(alert, now) } else { on_noise(alert, dice, now) }
}

/// Nearly nothing has been done about the attack: it happened at night, and nobody has seen the connection yet.
fn on_the_attack(alert: &mut Alert, now: Timestamp) -> Work {
    let mut work = Work::default();
    match alert.detection_id.as_deref() {
        Some("Okta.Login.UnusualCountry") => {
            alert.status = AlertStatus::Triaged;
            alert.context_tags.push(WAITING.to_owned());
            work.assignee = Some(ANALYST);
            let text = "There is no trip in Tomas's calendar. I left him a message and wait for his call.";
            comment(alert, &mut work, ANALYST, text, 6 * 3600 + 1260, now);
        }
        Some("AWS.CloudTrail.LoggingStopped") => {
            let text =
                "The organization's trail is still on, so we keep seeing events of this account. Who is on call?";
            comment(alert, &mut work, ADMIN, text, 5 * 3600 + 600, now);
        }
        Some(policies::USERS_ID) => {
            alert.status = AlertStatus::Triaged;
            alert.quality = Some(AlertQuality::Useful);
            alert.context_tags.push("cleanup-planned".to_owned());
            work.assignee = Some(ADMIN);
            let text = "Only the old pipeline uses it, and that is switched off next month. The user goes with it.";
            comment(alert, &mut work, ADMIN, text, 4 * 3600 + 300, now);
        }
        _ => {}
    }
    work
}

fn on_noise(alert: &mut Alert, dice: &mut Dice, now: Timestamp) -> Work {
    let mut work = Work::default();
    let is_old = now.since(alert.created_at) > DAY;
    let assignee = if dice.chance(80) { ANALYST } else { ADMIN };
    let drawn = dice.below(100);
    let (open, triaged) = if is_old { (12, 24) } else { (55, 80) };
    if drawn < open {
        return work;
    }
    work.assignee = Some(assignee);
    if drawn < triaged {
        alert.status = AlertStatus::Triaged;
        let seconds = dice.between(600, 5400);
        changed(alert, seconds, now);
        if dice.chance(50) {
            comment(alert, &mut work, assignee, "Looking into it.", seconds, now);
        }
        if dice.chance(40) {
            alert.quality = Some(AlertQuality::Useful);
        }
        if dice.chance(60) {
            alert.context_tags.push((*dice.pick(&[WAITING, "second-look"])).to_owned());
        }
        return work;
    }
    let ending = ending(alert.detection_id.as_deref().unwrap_or_default());
    alert.status = ending.status;
    alert.quality = ending.quality;
    if !ending.tag.is_empty() {
        alert.context_tags.push(ending.tag.to_owned());
    }
    let seconds = dice.between(900, 14_400);
    changed(alert, seconds, now);
    if !ending.comments.is_empty() {
        comment(alert, &mut work, assignee, dice.pick(ending.comments), seconds, now);
    }
    work
}

/// Notes that an alert was changed `seconds` after it was raised, but never later than now.
fn changed(alert: &mut Alert, seconds: u64, now: Timestamp) {
    let at = alert.created_at.plus(Duration::from_secs(seconds)).min(now);
    alert.updated_at = alert.updated_at.max(at);
}

/// Adds a comment `seconds` after the alert was raised, if that was before now.
fn comment(alert: &mut Alert, work: &mut Work, author: &str, text: &str, seconds: u64, now: Timestamp) {
    let at = alert.created_at.plus(Duration::from_secs(seconds));
    if at < now {
        work.comments.push((author.to_owned(), text.to_owned(), at));
        changed(alert, seconds, now);
    }
}

fn ending(detection_id: &str) -> Ending {
    let closed = |tag: &'static str, comments: &'static [&'static str]| Ending {
        status: AlertStatus::Closed,
        quality: Some(AlertQuality::Noise),
        tag,
        comments,
    };
    let resolved = |tag: &'static str, comments: &'static [&'static str]| Ending {
        status: AlertStatus::Resolved,
        quality: Some(AlertQuality::Useful),
        tag,
        comments,
    };
    match detection_id {
        "Okta.Login.FailedBurst" => closed(
            "forgotten-password",
            &["Usual address, and the next attempt worked.", "Talked to the person: new password after the holidays."],
        ),
        "Okta.Login.UnusualCountry" => {
            closed("travel", &["Business trip, in the calendar.", "On a customer visit this week."])
        }
        "Okta.MFA.FactorEnrolledRemotely" => {
            closed("new-device", &["New telephone, set up at home.", "Confirmed by telephone: new device."])
        }
        "Okta.Admin.RoleGranted" => closed("expected-change", &["Agreed in the IT meeting; ticket IT-2214."]),
        "GitHub.Token.GrantedOutsideCompany" => {
            resolved("policy-reminder", &["For scripts on his own machine. Asked him to use the VPN for this."])
        }
        "GitHub.PrivateRepositories.MassClone" => closed("new-device", &["New laptop; all clones from the office."]),
        "GitHub.DeployKey.WriteAccess" => {
            closed("expected-change", &["Key of the new release machine, reviewed in PLAT-881."])
        }
        "GitHub.Branch.ProtectionWeakened" => resolved(
            "",
            &[
                "Urgent fix, reviewed afterwards. Protection is on again.",
                "Merged past the check with the lead's consent.",
            ],
        ),
        "AWS.Access.DeniedBurst" => resolved(
            "",
            &[
                "The role was missing a right after the release; fixed.",
                "New colleague looking around. Explained the accounts.",
            ],
        ),
        "AWS.IAM.AccessKeyCreated" => closed("expected-change", &["Quarterly rotation of the backup key."]),
        "AWS.IAM.AdministratorAccessAttached" => {
            closed("expected-change", &["Temporary role for the migration; removed on the same day."])
        }
        "AWS.S3.CustomerDataBulkRead" => {
            resolved("expected-change", &["Backfill agreed with the data protection officer; DATA-412."])
        }
        "AWS.VPC.LargeOutboundTransfer" => closed("partner", &["Weekly file for the logistics partner."]),
        "AWS.VPC.AdminPortReached" => resolved(
            "",
            &["Security group was open for an hour during maintenance. Closed; no login in the host's log."],
        ),
        policies::BUCKETS_ID => {
            resolved("", &["It held the old website. Closed; the site is behind the content network now."])
        }
        _ => resolved("", &[]),
    }
}

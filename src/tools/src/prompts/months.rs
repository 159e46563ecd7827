//! A month as two arguments.

use margay_domain::clock::Timestamp;

use super::{Given, PromptArgument, PromptError};

/// The arguments that [`read`] reads.
pub(super) const ARGUMENTS: [PromptArgument; 2] = [
    PromptArgument { name: "month", description: "The month, from 1 to 12.", required: true },
    PromptArgument { name: "year", description: "The year, such as 2026.", required: true },
];

/// The beginning of a month that has begun, and the beginning of the next; both as RFC 3339.
pub(super) fn read(given: &Given, now: Timestamp) -> Result<(String, String), PromptError> {
    let wrong = || PromptError("month must be from 1 to 12, and year a year such as 2026.".to_owned());
    let month: u8 = given.required("month")?.parse().map_err(|_| wrong())?;
    let year: u16 = given.required("year")?.parse().map_err(|_| wrong())?;
    if !(1..=12).contains(&month) || !(1970..=9998).contains(&year) {
        return Err(wrong());
    }
    let (next_month, next_year) = if month == 12 { (1, year + 1) } else { (month + 1, year) };
    let begin =
        |month: u8, year: u16| Timestamp::parse(&format!("{year:04}-{month:02}-01T00:00:00Z")).map_err(|_| wrong());
    let (from, until) = (begin(month, year)?, begin(next_month, next_year)?);
    if from > now {
        return Err(PromptError("This month has not begun yet.".to_owned()));
    }
    Ok((from.to_rfc3339(), until.to_rfc3339()))
}

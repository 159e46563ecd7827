//! Text that clients made up, such as names and URIs, as people may read it (row OD8). All parts of the product share
//! one list of what cannot be shown.

pub(crate) use margay_domain::rules::display::{one_line, shown as cut};

//! How much fits into one answer: [`crate::Ports::row_bytes`] says for how many bytes of rows there is room.

use serde::Serialize;

use crate::untrusted;

/// Bytes that are left for rows.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Budget {
    /// So many bytes.
    pub(crate) const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Whether `row` and a comma still fit; if so, their bytes are taken. After the first row that does not fit none does.
    pub(crate) fn take(&mut self, row: &impl Serialize) -> bool {
        let left = self.0.checked_sub(json_bytes(row).saturating_add(1));
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// How many of `rows`, from the first on, fit into `bytes`.
pub(crate) fn fitting<T: Serialize>(rows: &[T], bytes: usize) -> usize {
    let mut budget = Budget::new(bytes);
    rows.iter().take_while(|row| budget.take(*row)).count()
}

/// The length of a value as JSON as texts of answers hold it, in bytes.
pub fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    untrusted::json(&value).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_as_json() {
        // `"abc"` and a comma are six bytes.
        assert_eq!(fitting(&["abc", "abc"], 12), 2);
        assert_eq!(fitting(&["abc", "abc"], 11), 1);
        assert_eq!(fitting(&["abc", "abc"], 5), 0);
        assert_eq!(fitting::<&str>(&[], 0), 0);
    }

    #[test]
    fn nothing_fits_behind_what_did_not() {
        let mut budget = Budget::new(10);
        assert!(!budget.take(&"a long text that does not fit"));
        assert!(!budget.take(&"a"));
    }
}

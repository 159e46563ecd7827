//! Source texts in answers.

use crate::cut;

/// The source, cut if it is longer than `bytes` as JSON, and then what to say about it.
pub(crate) fn shortened(source: &str, bytes: usize) -> (String, Option<String>) {
    let shown = cut::beginning(source, bytes);
    let hint = (shown.len() < source.len())
        .then(|| format!("body holds the first {} of {} bytes; no tool shows the rest.", shown.len(), source.len()));
    (shown.to_owned(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 400_000;

    #[test]
    fn only_what_is_too_long_is_cut() {
        let fits = "x".repeat(LIMIT);
        assert_eq!(shortened(&fits, LIMIT), (fits.clone(), None));
        assert_eq!(shortened("", LIMIT), (String::new(), None));
    }

    #[test]
    fn the_cut_is_between_characters() {
        // Every boundary behind the first character is odd, and the limit is even.
        let long = format!("x{}", "é".repeat(LIMIT));
        let (shown, hint) = shortened(&long, LIMIT);
        assert_eq!(shown.len(), LIMIT - 1);
        assert!(long.starts_with(&shown));
        assert!(hint.unwrap().contains("the first 399999 of 800001 bytes"));
    }
}

//! Pages of lists that are in memory, by key: what comes or goes in between never shifts a page.

use serde::{Deserialize, Serialize};

/// Where a page begins: after the item with this key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct After {
    /// The key of the last item of the page before.
    pub(crate) after: String,
}

/// The first `limit` items behind `after`, and whether there are more. Sorts by key.
pub(crate) fn cut<T>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> &str,
    after: Option<&After>,
    limit: usize,
) -> (Vec<T>, bool) {
    items.sort_by(|left, right| key(left).cmp(key(right)));
    let mut rest = items.into_iter().filter(|item| after.is_none_or(|after| key(item) > after.after.as_str()));
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    (page, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let items = || vec!["c".to_owned(), "a".to_owned(), "b".to_owned()];
        let (first, more) = cut(items(), String::as_str, None, 2);
        assert_eq!((first.as_slice(), more), (["a".to_owned(), "b".to_owned()].as_slice(), true));
        let after = After { after: "b".to_owned() };
        let (second, more) = cut(items(), String::as_str, Some(&after), 2);
        assert_eq!((second.as_slice(), more), (["c".to_owned()].as_slice(), false));
        let gone = After { after: "aa".to_owned() };
        assert_eq!(cut(items(), String::as_str, Some(&gone), 9).0, ["b", "c"]);
    }
}

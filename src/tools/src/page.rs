//! Pages of lists that are in memory, by key: what comes or goes in between never shifts a page.

use serde::{Deserialize, Serialize};

use crate::size;

/// Where a page begins: after the item with this key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct After {
    /// The key of the last item of the page before.
    pub(crate) after: String,
}

/// One page of what is in memory: as many as `limit` and `bytes` allow, but at least one, so that every page gets
/// further. Also whether there are more.
pub(crate) fn page_of<T: Serialize>(
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    after: Option<&After>,
    limit: usize,
    bytes: usize,
) -> (Vec<T>, bool) {
    let (mut page, more) = cut(items, key, after, limit);
    let fitting = size::fitting(&page, bytes).max(1);
    let has_next_page = more || fitting < page.len();
    page.truncate(fitting);
    (page, has_next_page)
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

    #[test]
    fn a_page_has_as_much_as_fits_but_always_something() {
        let items = || vec!["b".to_owned(), "a".to_owned(), "c".to_owned()];
        // `"a"` and a comma are four bytes.
        assert_eq!(page_of(items(), String::as_str, None, 9, 8), (vec!["a".to_owned(), "b".to_owned()], true));
        assert_eq!(page_of(items(), String::as_str, None, 9, 1), (vec!["a".to_owned()], true));
        assert_eq!(page_of(items(), String::as_str, None, 1, 99), (vec!["a".to_owned()], true));
        let after = After { after: "b".to_owned() };
        assert_eq!(page_of(items(), String::as_str, Some(&after), 9, 1), (vec!["c".to_owned()], false));
        assert_eq!(page_of(Vec::<String>::new(), String::as_str, None, 9, 99), (Vec::new(), false));
    }
}

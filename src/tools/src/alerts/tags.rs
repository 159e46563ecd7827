//! The labels that a tool sets.

use margay_domain::alert::{MAX_CONTEXT_TAGS, is_context_tag};

use crate::{arguments, tool::ToolError};

/// Reads labels, in the order in which they were given, each once.
pub(super) fn read(given: &[String]) -> Result<Vec<String>, ToolError> {
    if given.len() > MAX_CONTEXT_TAGS {
        return Err(ToolError::invalid_argument(format!("An alert has at most {MAX_CONTEXT_TAGS} context tags.")));
    }
    let mut tags: Vec<String> = Vec::with_capacity(given.len());
    for text in given {
        let tag = text.trim();
        if !is_context_tag(tag) {
            return Err(ToolError::invalid_argument(format!(
                "Invalid context tag '{}'. A tag has 1 to 30 characters: a-z, 0-9, _ and -.",
                arguments::shown(tag)
            )));
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_their_order_and_come_once() {
        let given = ["vip", " case-1 ", "vip"].map(str::to_owned);
        assert_eq!(read(&given).unwrap(), ["vip", "case-1"]);
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn errors_name_the_bad_tag_and_the_rule() {
        for bad in ["VIP", "two words", ""] {
            let error = read(&["vip".to_owned(), bad.to_owned()]).unwrap_err();
            assert_eq!(error.code, "invalid_argument");
            assert_eq!(
                error.message,
                format!("Invalid context tag '{bad}'. A tag has 1 to 30 characters: a-z, 0-9, _ and -.")
            );
        }
        let many: Vec<String> = (0..11).map(|number| format!("tag-{number}")).collect();
        assert_eq!(read(&many).unwrap_err().message, "An alert has at most 10 context tags.");
    }
}

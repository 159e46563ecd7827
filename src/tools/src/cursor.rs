//! Cursors: where the next page begins.
//!
//! Opaque to clients: base64url of an HMAC-SHA256 and of a position as JSON. The HMAC covers the person, the tool and
//! the filter too, so that a cursor is of no use to anybody else and for nothing else (row C4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::tool::{ToolContext, ToolError};

/// Keeps these HMACs apart from any other use of the key.
const LABEL: &[u8] = b"margay cursor 1";
/// The length of an HMAC-SHA256.
const TAG_BYTES: usize = 32;
/// Longer texts are not cursors of ours.
const MAX_TEXT: usize = 4096;

/// Writes a cursor. `filter` is everything that decides what the pages hold, in one fixed form.
pub(crate) fn seal(
    context: &ToolContext,
    tool: &str,
    filter: &impl Serialize,
    position: &impl Serialize,
) -> Result<String, ToolError> {
    let position = serde_json::to_vec(position).map_err(|_| internal())?;
    let mut bytes = authenticator(context, tool, filter, &position)?.finalize().into_bytes().as_slice().to_vec();
    bytes.extend_from_slice(&position);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a cursor that [`seal`] wrote for this person, this tool and this filter.
pub(crate) fn open<P: DeserializeOwned>(
    context: &ToolContext,
    tool: &str,
    filter: &impl Serialize,
    cursor: &str,
) -> Result<P, ToolError> {
    if cursor.len() > MAX_TEXT {
        return Err(foreign());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| foreign())?;
    let (tag, position) = bytes.split_at_checked(TAG_BYTES).ok_or_else(foreign)?;
    // Row C4: bound to person, tool and filter; compared in constant time.
    authenticator(context, tool, filter, position)?.verify_slice(tag).map_err(|_| foreign())?;
    serde_json::from_slice(position).map_err(|_| foreign())
}

fn authenticator(
    context: &ToolContext,
    tool: &str,
    filter: &impl Serialize,
    position: &[u8],
) -> Result<Hmac<Sha256>, ToolError> {
    let filter = serde_json::to_vec(filter).map_err(|_| internal())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&context.ports.cursor_key).map_err(|_| internal())?;
    let user = context.principal.user.id.as_str().as_bytes();
    for part in [LABEL, user, tool.as_bytes(), filter.as_slice(), position] {
        // Lengths first, so that nothing can move from one part into the next.
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    Ok(mac)
}

fn foreign() -> ToolError {
    ToolError::invalid_argument(
        "The cursor does not belong to this query. Repeat the call that returned it with the same arguments, or leave the cursor out to begin again.",
    )
}

fn internal() -> ToolError {
    ToolError { code: "internal", message: "The cursor could not be made.".to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fakes::World;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    fn opens(context: &ToolContext, tool: &str, filter: &str, cursor: &str) -> Option<(u64, String)> {
        open(context, tool, &filter, cursor).ok()
    }

    #[test]
    fn a_cursor_is_for_one_person_one_tool_and_one_filter() {
        let ana = World::new().context();
        let mut world = World::new();
        world.caller.id = margay_domain::id::UserId::new("usr_other");
        let other = world.context();
        let mut other_key = ana.clone();
        other_key.ports.cursor_key = [8; 32];
        let position = (7_u64, "x".to_owned());
        let cursor = seal(&ana, "list_users", &"f", &position).unwrap();
        assert_eq!(opens(&ana, "list_users", "f", &cursor), Some(position));
        assert_eq!(opens(&other, "list_users", "f", &cursor), None);
        assert_eq!(opens(&ana, "list_roles", "f", &cursor), None);
        assert_eq!(opens(&ana, "list_users", "g", &cursor), None);
        assert_eq!(opens(&other_key, "list_users", "f", &cursor), None);
        let error = open::<u64>(&ana, "list_users", &"g", &cursor).unwrap_err();
        assert_eq!(error.code, "invalid_argument");
        assert!(error.message.contains("cursor does not belong to this query"));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let context = World::new().context();
        let long = "A".repeat(MAX_TEXT + 4);
        for text in ["", "null", "AAAA", "ü", " ", long.as_str()] {
            assert_eq!(opens(&context, "t", "f", text), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(number in any::<u64>(), text in ".{0,60}", filter in ".{0,60}") {
            let context = World::new().context();
            let cursor = seal(&context, "t", &filter, &(number, &text)).unwrap();
            prop_assert_eq!(opens(&context, "t", &filter, &cursor), Some((number, text)));
        }

        #[test]
        fn a_changed_character_never_passes(number in any::<u64>(), place in any::<prop::sample::Index>(), to in 0_usize..64) {
            let context = World::new().context();
            let mut cursor = seal(&context, "t", &"f", &(number, "x")).unwrap().into_bytes();
            let place = place.index(cursor.len());
            prop_assume!(cursor[place] != ALPHABET[to]);
            cursor[place] = ALPHABET[to];
            prop_assert_eq!(opens(&context, "t", "f", &String::from_utf8(cursor).unwrap()), None);
        }

        #[test]
        fn a_cut_or_longer_cursor_never_passes(number in any::<u64>(), cut in 1_usize..40, more in "[A-Za-z0-9_-]{1,8}") {
            let context = World::new().context();
            let cursor = seal(&context, "t", &"f", &(number, "x")).unwrap();
            prop_assert_eq!(opens(&context, "t", "f", &cursor[..cursor.len() - cut]), None);
            let longer = format!("{cursor}{more}");
            prop_assert_eq!(opens(&context, "t", "f", &longer), None);
        }

        #[test]
        fn made_up_cursors_never_pass(text in "[A-Za-z0-9_-]{0,120}") {
            prop_assert_eq!(opens(&World::new().context(), "t", "f", &text), None);
        }
    }
}

//! Tools that answer at once, one for each kind of content.

use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ResourceContents};
use serde_json::Value;

use super::media;

/// A good answer in one sentence.
pub(super) fn done(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// An answer that says what went wrong (row T7).
pub(super) fn failed(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

pub(super) fn image() -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::image(media::PNG, media::PNG_TYPE)])
}

pub(super) fn audio() -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::audio(media::WAV, media::WAV_TYPE)])
}

pub(super) fn resource() -> CallToolResult {
    let text = "This is an embedded resource content.";
    CallToolResult::success(vec![ContentBlock::embedded_text("test://embedded-resource", text)])
}

pub(super) fn mixed() -> CallToolResult {
    let resource = ResourceContents::text(r#"{"test":"data","value":123}"#, "test://mixed-content-resource")
        .with_mime_type("application/json");
    CallToolResult::success(vec![
        ContentBlock::text("Multiple content types test:"),
        ContentBlock::image(media::PNG, media::PNG_TYPE),
        ContentBlock::resource(resource),
    ])
}

/// Says what it was called with.
pub(super) fn echo(arguments: &JsonObject) -> CallToolResult {
    done(Value::Object(arguments.clone()).to_string())
}

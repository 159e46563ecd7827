//! The resources. None of them ever changes.

use rmcp::{
    ErrorData,
    model::{Resource, ResourceContents, ResourceTemplate},
};
use serde_json::json;

use super::media;

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";
const TEMPLATE: &str = "test://template/{id}/data";

/// All resources that have an address of their own, always in the same order.
pub(super) fn all() -> Vec<Resource> {
    vec![
        resource(TEXT, "Static text", "A text").with_mime_type("text/plain"),
        resource(BINARY, "Static image", "An image of one pixel").with_mime_type(media::PNG_TYPE),
        resource(WATCHED, "Watched resource", "A text that one can subscribe to").with_mime_type("text/plain"),
    ]
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(TEMPLATE, "Data by id")
            .with_description("JSON that repeats the id")
            .with_mime_type("application/json"),
    ]
}

/// Row C1: never an empty answer. The library writes the code of the client's revision.
pub(super) fn read(uri: &str) -> Result<ResourceContents, ErrorData> {
    match uri {
        TEXT => Ok(ResourceContents::text("This is the content of the static text resource.", uri)),
        BINARY => Ok(ResourceContents::blob(media::PNG, uri).with_mime_type(media::PNG_TYPE)),
        WATCHED => Ok(ResourceContents::text("This is the content of the watched resource.", uri)),
        _ => {
            let Some(id) = id(uri) else {
                return Err(ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri }))));
            };
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            Ok(ResourceContents::text(data.to_string(), uri).with_mime_type("application/json"))
        }
    }
}

/// The id in an address that the template makes.
fn id(uri: &str) -> Option<&str> {
    let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

fn resource(uri: &str, name: &str, description: &str) -> Resource {
    Resource::new(uri, name).with_description(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_template_makes_has_an_id() {
        assert_eq!(id("test://template/123/data"), Some("123"));
        for other in ["test://template//data", "test://template/1/2/data", "test://template/1", "test://other/1/data"] {
            assert_eq!(id(other), None, "{other}");
            assert!(read(other).is_err(), "{other}");
        }
    }

    #[test]
    fn every_listed_resource_can_be_read() {
        for resource in all() {
            assert!(read(&resource.uri).is_ok(), "{}", resource.uri);
        }
    }
}

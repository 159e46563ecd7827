//! Resources in the words of the protocol (row C1).

use margay_domain::rules::PermissionSet;
use margay_tools::{
    ToolError,
    resources::{ResourceInfo, ResourceKind, ResourcePage, ResourceText},
};
use rmcp::{
    ErrorData,
    model::{ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
};

/// The answer to `resources/list`.
pub(crate) fn list(page: Result<ResourcePage, ToolError>) -> Result<ListResourcesResult, ErrorData> {
    let page = page.map_err(|error| of_list(&error))?;
    let mut result = ListResourcesResult::with_all_items(page.resources.into_iter().map(definition).collect());
    result.next_cursor = page.next_cursor;
    Ok(result)
}

/// The templates of the kinds that somebody with these effective permissions may read.
pub(crate) fn templates(effective: PermissionSet) -> Vec<ResourceTemplate> {
    let kinds = ResourceKind::ALL.into_iter().filter(|kind| kind.requires().met_by(effective));
    kinds
        .map(|kind| {
            ResourceTemplate::new(kind.template(), kind.title())
                .with_description(kind.description())
                .with_mime_type(kind.mime_type())
        })
        .collect()
}

/// The answer to `resources/read`.
pub(crate) fn contents(uri: String, read: Result<ResourceText, ToolError>) -> Result<ReadResourceResult, ErrorData> {
    let read = read.map_err(|error| of_read(&error))?;
    let contents = ResourceContents::text(read.text, uri).with_mime_type(read.kind.mime_type());
    Ok(ReadResourceResult::new(vec![contents]))
}

fn definition(resource: ResourceInfo) -> Resource {
    let title = format!("{}: {}", resource.kind.title(), resource.name);
    Resource::new(resource.uri, resource.name)
        .with_title(title)
        .with_description(resource.description)
        .with_mime_type(resource.kind.mime_type())
}

/// Row C4: a cursor that is none of ours is an invalid parameter.
fn of_list(error: &ToolError) -> ErrorData {
    if error.code == "invalid_argument" {
        ErrorData::invalid_params(error.message.clone(), None)
    } else {
        ErrorData::internal_error(error.message.clone(), None)
    }
}

/// Row C1: there is no empty answer. What is not there has a code of its own in the older era, which the library
/// translates for the newer one; what may not be read says who can help.
pub(crate) fn of_read(error: &ToolError) -> ErrorData {
    match error.code {
        "not_found" => ErrorData::resource_not_found(error.message.clone(), None),
        "permission_denied" | "invalid_argument" => ErrorData::invalid_params(error.message.clone(), None),
        _ => ErrorData::internal_error(error.message.clone(), None),
    }
}

//! Tools about log schemas. All need View Log Sources.

mod get_log_type_schema_details;
mod list_log_type_schemas;
mod schema_object;

pub(crate) use get_log_type_schema_details::GetLogTypeSchemaDetails;
pub(crate) use list_log_type_schemas::ListLogTypeSchemas;

//! Tools about the data lake. All need Query Data Lake, and all pass the role's log-type access on.

mod get_alert_event_stats;
mod get_table_schema;
mod list_database_tables;
mod list_databases;
mod query_data_lake;
mod search_indicators;

pub(crate) use get_alert_event_stats::GetAlertEventStats;
pub(crate) use get_table_schema::GetTableSchema;
pub(crate) use list_database_tables::ListDatabaseTables;
pub(crate) use list_databases::ListDatabases;
pub(crate) use query_data_lake::QueryDataLake;
pub(crate) use search_indicators::SearchIndicators;

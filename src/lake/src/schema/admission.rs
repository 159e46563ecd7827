//! Whether a log schema may stand beside those that are there already.

use datafusion::arrow::datatypes::Schema as ArrowSchema;
use margay_domain::{lake::table_name, log_schema::LogSchema};

use super::Schema;
use crate::columns::ColumnType;

/// Refuses a name that belongs to the product, or whose table belongs to another log type.
pub(crate) fn check_name(name: &str, others: &[LogSchema]) -> Result<(), String> {
    let table = table_name(name);
    let mut sharing = others.iter().filter(|other| table_name(&other.name) == table);
    match sharing.find(|other| other.is_managed || other.name != name) {
        None => Ok(()),
        Some(other) if other.is_managed => Err(format!(
            "the log type {} comes with Margay, and its schema cannot be replaced; choose another name",
            other.name
        )),
        Some(other) => Err(format!(
            "it would share the table {table} with the log type {}; choose a name that differs in more than case, '.', \
             '_' and '-'",
            other.name
        )),
    }
}

/// Refuses a field whose type is not that of its column: what is in the table would no longer be found by what finds
/// new values.
pub(crate) fn check_columns(schema: &Schema, table: &ArrowSchema) -> Result<(), String> {
    for field in &schema.fields {
        let Ok(column) = table.field_with_name(&field.column) else { continue };
        let Some(present) = ColumnType::of_arrow(column) else { continue };
        let wanted = ColumnType::of_kind(&field.kind);
        if wanted != present {
            return Err(format!(
                "field {}: the table has the column {} with the type {} already, and events in it, so it cannot become \
                 {}; keep the type, give the field another name with `aliases: [{}]`, or add the schema under another \
                 log type",
                field.name,
                field.column,
                words(present),
                words(wanted),
                field.name
            ));
        }
    }
    Ok(())
}

fn words(column: ColumnType) -> String {
    match column {
        ColumnType::List(scalar) => format!("array of {}", ColumnType::One(scalar).word()),
        other => other.word().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
    use margay_domain::clock::Timestamp;

    use super::*;
    use crate::columns;

    fn stored(name: &str, is_managed: bool) -> LogSchema {
        LogSchema {
            name: name.to_owned(),
            description: String::new(),
            spec: String::new(),
            revision: 1,
            is_managed,
            is_archived: false,
            reference_url: String::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_name_is_taken_unless_it_collides() {
        let others = [stored("AWS.CloudTrail", true), stored("Custom.Door", false)];
        for name in ["AWS.ALB", "Custom.Door", "Panther.Audit", "x"] {
            assert_eq!(check_name(name, &others), Ok(()), "{name}");
        }
        for name in ["AWS.CloudTrail", "aws.cloudtrail", "AWS_CloudTrail"] {
            assert!(check_name(name, &others).is_err_and(|text| text.contains("comes with Margay")), "{name}");
        }
        for name in ["Custom_Door", "custom.door", "Custom-Door"] {
            assert!(
                check_name(name, &others).is_err_and(|text| text.contains("share the table custom_door")),
                "{name}"
            );
        }
    }

    #[test]
    fn a_column_keeps_its_type() {
        let schema = |kind: &str| Schema::parse("A.B", &format!("fields: [{{ name: userId, {kind} }}]")).unwrap();
        let table = |schema: &Schema| {
            let fields = columns::of_schema(schema);
            let fields = fields.iter().map(|(name, column)| -> datafusion::arrow::datatypes::Field {
                (&column.delta_field(name)).try_into_arrow().unwrap()
            });
            ArrowSchema::new(fields.collect::<Vec<_>>())
        };
        let kinds = [
            "type: string",
            "type: object",
            "type: json",
            "type: int",
            "type: bigint",
            "type: timestamp",
            "type: array, element: { type: string }",
            "type: array, element: { type: int }",
        ];
        for before in kinds {
            for after in kinds {
                let outcome = check_columns(&schema(after), &table(&schema(before)));
                assert_eq!(outcome.is_ok(), before == after, "{before} to {after}: {outcome:?}");
            }
        }
        // What does not change the column may change.
        let one = table(&schema("type: string, indicators: [ip]"));
        assert_eq!(check_columns(&schema("type: string"), &one), Ok(()));
        let error = check_columns(&schema("type: string"), &table(&schema("type: object"))).unwrap_err();
        assert!(
            error.contains("userId") && error.contains("type object") && error.contains("become string"),
            "{error}"
        );
    }
}

//! Functions of SQL that the engine lacks, or that people who wrote queries for logs expect to work otherwise.

mod array_contains;
mod array_size;
mod json_path;

use datafusion::{logical_expr::ScalarUDF, prelude::SessionContext};

pub(crate) use json_path::NAME as JSON_PATH;

/// Functions that are not offered: the first two tell about files, the others make results that are far larger than
/// what they are given, which the memory limit does not see.
const WITHHELD: [&str; 8] =
    ["input_file_name", "file_row_index", "repeat", "lpad", "rpad", "array_repeat", "array_resize", "range"];

/// Every function that is added. A new one is a file and a line here.
fn all() -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::from(array_contains::ArrayContains::new()),
        ScalarUDF::from(array_size::ArraySize::new()),
        ScalarUDF::from(json_path::JsonPath::new()),
    ]
}

/// Makes a session offer what it should, and no more.
pub(crate) fn install(context: &SessionContext) {
    for name in WITHHELD {
        context.deregister_udf(name);
    }
    // The scalar form makes an array in memory; the table function of the same name streams and stays.
    context.deregister_udf("generate_series");
    for function in all() {
        context.register_udf(function);
    }
}

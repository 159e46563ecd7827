//! Functions of SQL: an allow-list. What is not listed here does not exist.
//!
//! [`SCALAR`], [`AGGREGATE`], [`WINDOW`] and [`TABLE`] name functions of the engine; a function comes with its other
//! names. The files beside this one are functions that the engine lacks, and those that people who wrote queries for
//! logs expect to work otherwise. Left out on purpose: `input_file_name` and `file_row_index`, which tell about files;
//! those that make much of little (`repeat`, `lpad`, `rpad`, `array_repeat`, `array_resize`, `map`, and `range` and
//! `generate_series` as values), for which queries of logs have no use; and functions that take a function.

mod array_contains;
mod array_size;
mod json_path;

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use datafusion::{
    catalog::TableFunction,
    execution::SessionStateDefaults,
    logical_expr::{AggregateUDF, ScalarUDF, WindowUDF},
};

pub(crate) use json_path::NAME as JSON_PATH;

/// Functions of one row.
const SCALAR: &str = "
    abs acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh cot degrees exp factorial floor gcd isnan iszero
    lcm ln log log2 log10 nanvl pi power radians random signum sin sinh sqrt tan tanh round trunc
    current_date current_time date_bin date_part date_trunc from_unixtime make_date make_time now to_char to_date
    to_local_time to_time to_unixtime to_timestamp to_timestamp_seconds to_timestamp_millis to_timestamp_micros
    to_timestamp_nanos
    nullif arrow_cast arrow_try_cast cast_to_type try_cast_to_type nvl nvl2 arrow_typeof named_struct get_field coalesce
    greatest least struct
    decode digest encode md5 sha224 sha256 sha384 sha512
    character_length find_in_set initcap left reverse right strpos substr substr_index translate
    ascii bit_length btrim chr concat concat_ws contains ends_with levenshtein lower ltrim octet_length overlay replace
    rtrim split_part starts_with to_hex upper uuid
    regexp_count regexp_instr regexp_like regexp_match regexp_replace
    array_append array_compact array_concat array_dims cardinality array_ndims array_except array_element
    array_pop_back array_pop_front array_prepend array_replace array_replace_all array_replace_n array_slice
    array_to_string array_union arrays_zip array_any_value array_has array_has_all array_has_any empty array_length
    array_normalize array_add array_avg array_product array_scale array_subtract array_sum cosine_distance
    inner_product array_distance flatten array_max array_min array_sort array_reverse array_distinct array_intersect
    array_position array_positions array_remove array_remove_all array_remove_n make_array map_entries map_extract
    map_keys map_values string_to_array
";

/// Functions of many rows.
const AGGREGATE: &str = "
    any_value approx_distinct approx_median approx_percentile_cont approx_percentile_cont_with_weight array_agg avg
    bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp first_value grouping last_value max median
    min nth_value percentile_cont regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
    regr_syy stddev stddev_pop string_agg sum var var_pop
";

/// Functions of the rows around one.
const WINDOW: &str = "
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
";

/// Functions that stand in the place of a table.
pub(crate) const TABLE: [&str; 2] = ["generate_series", "range"];

/// What the planner reads like calls of functions, and is none.
const SYNTAX: [&str; 1] = ["unnest"];

/// Every function that is added. A new one is a file and a line here.
fn added() -> [ScalarUDF; 3] {
    [
        ScalarUDF::from(array_contains::ArrayContains::new()),
        ScalarUDF::from(array_size::ArraySize::new()),
        ScalarUDF::from(json_path::JsonPath::new()),
    ]
}

fn is_listed(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|listed| listed == name)
}

/// The functions of one row. One that is added replaces that of the engine, also where the engine has its name as
/// another name of something else.
pub(crate) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let mut functions = SessionStateDefaults::default_scalar_functions();
    functions.retain(|function| is_listed(SCALAR, function.name()));
    functions.extend(added().map(Arc::new));
    functions
}

/// The functions of many rows.
pub(crate) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let mut functions = SessionStateDefaults::default_aggregate_functions();
    functions.retain(|function| is_listed(AGGREGATE, function.name()));
    functions
}

/// The functions of the rows around one.
pub(crate) fn window() -> Vec<Arc<WindowUDF>> {
    let mut functions = SessionStateDefaults::default_window_functions();
    functions.retain(|function| is_listed(WINDOW, function.name()));
    functions
}

/// The functions in the place of a table.
pub(crate) fn table() -> Vec<Arc<TableFunction>> {
    let mut functions = SessionStateDefaults::default_table_functions();
    functions.retain(|function| TABLE.contains(&function.name()));
    functions
}

/// All names by which functions can be called, without those in the place of a table.
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut names: HashSet<String> = SYNTAX.map(str::to_owned).into();
    let mut add = |name: &str, aliases: &[String]| {
        names.insert(name.to_owned());
        names.extend(aliases.iter().cloned());
    };
    for function in scalar() {
        add(function.name(), function.aliases());
    }
    for function in aggregate() {
        add(function.name(), function.aliases());
    }
    for function in window() {
        add(function.name(), function.aliases());
    }
    names
});

/// Whether there is a function of this name, in lower case.
pub(crate) fn exists(name: &str) -> bool {
    NAMES.contains(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A name in a list that the engine does not know is a slip, or a function that is gone.
    #[test]
    fn what_is_listed_is_there() {
        let listed = |list: &str| list.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        let mut scalar: BTreeSet<_> = scalar().iter().map(|function| function.name().to_owned()).collect();
        scalar.retain(|name| is_listed(SCALAR, name));
        assert_eq!(scalar, listed(SCALAR));
        let aggregate: BTreeSet<_> = aggregate().iter().map(|function| function.name().to_owned()).collect();
        assert_eq!(aggregate, listed(AGGREGATE));
        let window: BTreeSet<_> = window().iter().map(|function| function.name().to_owned()).collect();
        assert_eq!(window, listed(WINDOW));
        assert_eq!(table().len(), TABLE.len());
    }

    #[test]
    fn what_is_not_listed_does_not_exist() {
        let engine = SessionStateDefaults::default_scalar_functions();
        let others = engine.iter().filter(|function| !is_listed(SCALAR, function.name()));
        let others: Vec<_> = others
            .flat_map(|function| [function.name()].into_iter().chain(function.aliases().iter().map(String::as_str)))
            .collect();
        for name in ["input_file_name", "repeat", "lpad", "rpad", "array_repeat", "map", "range", "generate_series"] {
            assert!(others.contains(&name), "{name}: {others:?}");
        }
        // One name may be taken by a function that is added.
        let added: Vec<_> = added().iter().map(|function| function.name().to_owned()).collect();
        for name in others.iter().filter(|name| !added.iter().any(|added| added == **name)) {
            assert!(!exists(name), "{name}");
        }
        for name in ["substring", "length", "array_contains", "array_size", JSON_PATH, "count", "row_number", "mean"] {
            assert!(exists(name), "{name}");
        }
        for name in ["read_parquet", "map", "SUBSTR", "", "array_transform"] {
            assert!(!exists(name), "{name}");
        }
    }
}

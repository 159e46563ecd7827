//! Functions of SQL: those that the engine lacks, those that people who wrote queries for logs expect to work
//! otherwise, and those of the engine that are held within limits.
//!
//! A function whose result can be much larger than its arguments stands in [`growth::GROWING`], or is withheld. A test
//! fails when the engine brings a function about which nothing was decided.

mod array_contains;
mod array_size;
mod bounded;
mod growth;
mod json_path;
mod limits;
mod sized;

use datafusion::{execution::FunctionRegistry as _, logical_expr::ScalarUDF, prelude::SessionContext};

pub(crate) use json_path::NAME as JSON_PATH;
pub(crate) use limits::Limits;
pub(crate) use sized::NAME as SIZED;

/// Functions that are not offered: the first two tell about files, the others make results whose size has little to do
/// with that of their arguments.
const WITHHELD: [&str; 9] =
    ["input_file_name", "file_row_index", "repeat", "lpad", "rpad", "array_repeat", "array_resize", "range", "map"];

/// Every function that is added. A new one is a file and a line here.
fn all(limits: Limits) -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::from(array_contains::ArrayContains::new()),
        ScalarUDF::from(array_size::ArraySize::new()),
        ScalarUDF::from(json_path::JsonPath::new()),
        ScalarUDF::from(sized::WithinLimits::new(limits)),
    ]
}

/// Makes a session offer what it should, and no more.
pub(crate) fn install(context: &SessionContext, limits: Limits) {
    for name in WITHHELD {
        context.deregister_udf(name);
    }
    // The scalar form makes an array in memory; the table function of the same name streams and stays.
    context.deregister_udf("generate_series");
    for (name, growth) in growth::GROWING {
        if let Ok(function) = context.udf(name) {
            context.register_udf(ScalarUDF::from(bounded::Bounded::new(function, growth, limits)));
        }
    }
    for function in all(limits) {
        context.register_udf(function);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Functions of the engine whose result is of fixed size or not larger than what they get.
    const HARMLESS: &str = "
        abs acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh cot degrees exp factorial floor gcd isnan iszero
        lcm ln log log2 log10 nanvl pi power radians random signum sin sinh sqrt tan tanh round trunc
        current_date current_time date_bin date_part date_trunc from_unixtime make_date make_time now to_date
        to_local_time to_time to_unixtime to_timestamp to_timestamp_seconds to_timestamp_millis to_timestamp_micros
        to_timestamp_nanos
        nullif arrow_cast arrow_field arrow_try_cast cast_to_type try_cast_to_type arrow_metadata with_metadata nvl nvl2
        arrow_typeof named_struct get_field coalesce greatest least union_extract union_tag version struct
        decode digest md5 sha224 sha256 sha384 sha512
        character_length find_in_set initcap left reverse right strpos substr substr_index
        ascii bit_length btrim chr ends_with levenshtein lower ltrim octet_length rtrim split_part starts_with to_hex
        upper uuid contains
        array_compact array_dims cardinality array_ndims array_except array_element array_pop_back array_pop_front
        array_slice array_any_value array_has array_has_all array_has_any empty array_length array_normalize array_add
        array_avg array_product array_scale array_subtract array_sum cosine_distance inner_product array_distance
        flatten array_max array_min array_sort array_reverse array_distinct array_intersect array_position
        array_positions array_remove array_remove_all array_remove_n map_entries map_extract map_keys map_values
    ";

    #[test]
    fn something_was_decided_about_every_function() {
        let context = SessionContext::new();
        install(&context, Limits::default());
        let state = context.state();
        let offered: BTreeSet<&str> = state.scalar_functions().values().map(|function| function.name()).collect();
        let growing = growth::GROWING.map(|(name, _)| name);
        let added = ["array_contains", "array_size", JSON_PATH, SIZED];
        let known: BTreeSet<&str> = HARMLESS.split_whitespace().chain(growing).chain(added).collect();
        let undecided: Vec<_> = offered.difference(&known).collect();
        assert!(undecided.is_empty(), "{undecided:?}");
        for (name, _) in growth::GROWING {
            let function = state.scalar_functions().get(name).unwrap_or_else(|| panic!("{name} is not there"));
            let names = function.aliases().iter().map(String::as_str).chain([name]);
            for name in names {
                let found = &state.scalar_functions()[name];
                assert!(found.inner().downcast_ref::<bounded::Bounded>().is_some(), "{name} is not bounded");
            }
        }
        assert!(WITHHELD.iter().all(|name| !state.scalar_functions().contains_key(*name)));
    }
}

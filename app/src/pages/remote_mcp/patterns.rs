//! What a star in a domain means, by examples that are run through the rules.

use leptos::prelude::*;
use margay_domain::rules::{DomainPattern, examples};

/// A pattern of each kind.
const KINDS: [&str; 3] = ["claude.ai", "*.cursor.com", "*cursor.com"];

/// The table.
pub(super) fn meaning() -> AnyView {
    let rows =
        KINDS.iter().filter_map(|text| DomainPattern::parse(text).ok()).map(|pattern| row(&pattern)).collect_view();
    view! {
        <div class="table-frame">
            <table class="table table--cards patterns">
                <caption class="patterns__caption">"What a domain entry matches"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Entry"</th>
                        <th scope="col">"Matches"</th>
                        <th scope="col">"Does not match"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(pattern: &DomainPattern) -> AnyView {
    let examples::Examples { matches, others } = examples::of(pattern);
    let hosts = |hosts: Vec<String>| {
        hosts.into_iter().map(|host| view! { <span class="host patterns__host">{host}</span> }).collect_view()
    };
    let entry = pattern.to_string();
    view! {
        <tr>
            <td data-label="Entry" class="table__wrap">
                <span class="host">{entry}</span>
            </td>
            <td data-label="Matches" class="table__wrap">
                <div>{hosts(matches)}</div>
            </td>
            <td data-label="Does not match" class="table__wrap">
                <div>{hosts(others)}</div>
            </td>
        </tr>
    }
    .into_any()
}

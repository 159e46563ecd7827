//! The tools as clients see them. Made once: a definition says nothing about who may call it, so no cache can widen a
//! permission (promise 1).

use std::{collections::BTreeMap, sync::Arc};

use margay_domain::rules::PermissionSet;
use margay_tools::{Registry, Tool};
use rmcp::model::ToolAnnotations;

/// The definitions of all tools.
pub(crate) struct Catalogue {
    registry: Registry,
    definitions: BTreeMap<&'static str, rmcp::model::Tool>,
}

impl Catalogue {
    pub(crate) fn new(registry: &Registry) -> Self {
        let definitions = registry.iter().map(|tool| (tool.name(), definition(tool.as_ref()))).collect();
        Self { registry: registry.clone(), definitions }
    }

    /// What somebody with these effective permissions may call, by name (promise 1; rows T2, T3).
    pub(crate) fn visible(&self, effective: PermissionSet) -> Vec<rmcp::model::Tool> {
        self.registry.visible(effective).filter_map(|tool| self.definitions.get(tool.name())).cloned().collect()
    }

    /// One definition, whoever asks; only for comparing headers with arguments (row H12).
    pub(crate) fn get(&self, name: &str) -> Option<&rmcp::model::Tool> {
        self.definitions.get(name)
    }
}

fn definition(tool: &dyn Tool) -> rmcp::model::Tool {
    let hints = tool.hints();
    // Row T9: a title and all four hints on every tool. The title stands beside the annotations, once.
    let annotations = ToolAnnotations::from_raw(
        None,
        Some(hints.read_only),
        Some(hints.destructive),
        Some(hints.idempotent),
        Some(hints.open_world),
    );
    rmcp::model::Tool::new(tool.name(), tool.description(), Arc::new(tool.input_schema()))
        .with_title(tool.title())
        .with_raw_output_schema(Arc::new(tool.output_schema()))
        .with_annotations(annotations)
}

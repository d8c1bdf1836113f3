//! The rules of the declaration, applied once more at start-up: to hand-written specs, and to tools of other crates.

use super::fault::StartFault;
use crate::tool::spec::ToolSpec;

pub(super) fn check(
    specs: impl Iterator<Item = &'static ToolSpec>,
    owner: Option<&str>,
    _house: Option<&str>,
) -> Vec<StartFault> {
    let mut faults = Vec::new();
    for spec in specs {
        if spec.owner.or(owner).is_none_or(str::is_empty) {
            faults.push(StartFault::tool(
                spec.name,
                "nobody answers for this tool; write `owner = \"..\"` or give the server an owner",
            ));
        }
    }
    faults
}

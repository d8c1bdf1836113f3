//! What is declared: the manifest, and whether it could be served.

use std::path::Path;

use serde_json::json;

use super::args::{Format, Manifest as Args};
use super::output::Output;
use super::{Context, Failure};

pub(super) fn manifest(context: &Context, args: &Args) -> Result<(), Failure> {
    let manifest = context.app.manifest().map_err(|faults| Failure::all(&faults))?;
    if let Some(path) = &args.check {
        return compare(context, &manifest, path);
    }
    let text = match context.output.named() {
        None | Some(Format::Json) => manifest.to_json(),
        Some(Format::Markdown) => manifest.to_markdown(),
        Some(Format::Table) => {
            return Err(Failure::Usage(
                "`manifest` has the formats `json` and `markdown`".to_owned(),
            ));
        }
    };
    match &args.write {
        None => Output::raw(&text),
        Some(path) => {
            let failed = |error| Failure::because(format!("`{}`: {error}", path.display()));
            std::fs::write(path, text).map_err(failed)?;
            Output::note(&format!("wrote `{}`", path.display()));
            Ok(())
        }
    }
}

fn compare(
    context: &Context,
    manifest: &crate::manifest::Manifest,
    path: &Path,
) -> Result<(), Failure> {
    let failed = |error| Failure::because(format!("`{}`: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(failed)?;
    match manifest.difference(&text) {
        None => {
            Output::note(&format!("`{}` says what the code says", path.display()));
            Ok(())
        }
        Some(difference) => Err(Failure::Failed(vec![
            format!("`{}` differs: {difference}", path.display()),
            format!(
                "look at the change, then: {}",
                context.hint(&format!("manifest --write {}", path.display()))
            ),
        ])),
    }
}

pub(super) async fn check(context: &Context) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    match context.app.check(&context.data).await {
        Ok(report) => {
            for note in &report.notes {
                Output::note(note);
            }
            if json {
                return Output::json(&json!({
                    "ok": true, "tools": report.tools, "policies": report.policies, "notes": report.notes,
                    "faults": [],
                }));
            }
            let (tools, policies) = (report.tools, report.policies);
            Output::note(&format!("every check holds: {tools} tools, {policies} policies"));
            Ok(())
        }
        Err(faults) => {
            if json {
                Output::json(&json!({"ok": false, "faults": faults}))?;
            }
            Err(Failure::all(&faults))
        }
    }
}

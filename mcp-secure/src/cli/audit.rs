//! Reading the audit record. Nothing is opened but the files.

use serde_json::{Value, json};

use super::args::Audit;
use super::output::Output;
use super::{Context, Failure, span};
use crate::audit::{AuditError, Entry, Filter, Problem, query, tail, verify};
use crate::clock::Clock;

pub(super) fn run(context: &Context, command: Audit) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let folder = context.app.audit_folder(&context.data()?);
    match command {
        Audit::Verify => chains(context, json, &verify(&folder).map_err(Failure::because)?),
        Audit::Tail { lines } => {
            show(context, json, tail(&folder, lines).map_err(Failure::because)?)
        }
        Audit::Query { user, tool, outcome, since, tenant } => {
            let now = Clock::system().now();
            let since =
                since.map(|text| span::since(&text, now)).transpose().map_err(Failure::Usage)?;
            let filter = Filter { user, tool, outcome, since, tenant };
            let records: Result<_, AuditError> = query(&folder, &filter);
            show(context, json, records.map_err(Failure::because)?)
        }
    }
}

fn chains(
    context: &Context,
    json: bool,
    report: &crate::audit::VerifyReport,
) -> Result<(), Failure> {
    let intact = report.is_intact();
    if json {
        let mut value = serde_json::to_value(report).map_err(Failure::because)?;
        if let Some(members) = value.as_object_mut() {
            members.insert("intact".to_owned(), intact.into());
        }
        Output::json(&value)?;
    } else {
        let rows: Vec<[String; 4]> = report
            .writers
            .iter()
            .map(|writer| {
                let ended = if writer.closed { "closed" } else { "open" };
                let head = writer.head.map(|head| head.to_hex()).unwrap_or_default();
                [writer.file.clone(), writer.records.to_string(), ended.to_owned(), head]
            })
            .collect();
        context.output.table(["file", "records", "end", "head"], &rows)?;
        for torn in &report.torn_tails {
            let (file, bytes) = (super::escape::escaped(&torn.file), torn.bytes);
            Output::note(&format!(
                "{file}: a crash left {bytes} bytes of a record that was never acknowledged"
            ));
        }
    }
    let files = report.writers.len();
    if intact {
        Output::note(&format!("intact: {} records in {files} files", report.records));
        return Ok(());
    }
    Err(Failure::all(&report.problems))
}

/// Shows records as they are read, and fails at the end if some could not be.
fn show(
    context: &Context,
    json: bool,
    records: impl IntoIterator<Item = Result<Entry, Problem>>,
) -> Result<(), Failure> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut rows: Vec<[String; 8]> = Vec::new();
    let mut first = true;
    for record in records {
        let value = match &record {
            Ok(entry) if json => serde_json::to_value(entry).map_err(Failure::because)?,
            Err(problem) if json => json!({"problem": problem}),
            Ok(entry) => {
                rows.push(row(entry));
                continue;
            }
            Err(_) => Value::Null,
        };
        if json {
            // One array, one record a line, written as it is read: a log may be larger than memory.
            Output::raw(&format!("{}{value}", if first { "[" } else { ",\n" }))?;
            first = false;
        }
        problems.extend(record.err());
    }
    if json {
        Output::raw(if first { "[]\n" } else { "]\n" })?;
    } else {
        let heading = ["time", "event", "who", "tenant", "tool", "outcome", "executed", "request"];
        context.output.table(heading, &rows)?;
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::all(&problems)) }
}

fn row(entry: &Entry) -> [String; 8] {
    let record = &entry.record;
    let who = record.principal.as_ref();
    let outcome = record.outcome.as_ref();
    [
        entry.time.clone(),
        record.event.as_str().to_owned(),
        who.map(|who| who.subject.clone()).unwrap_or_default(),
        who.map(|who| who.tenant.clone()).unwrap_or_default(),
        record.tool.clone().unwrap_or_default(),
        outcome.map(|outcome| outcome.code.clone()).unwrap_or_default(),
        outcome.map(|outcome| outcome.executed.as_str().to_owned()).unwrap_or_default(),
        record.request_id.clone().unwrap_or_default(),
    ]
}

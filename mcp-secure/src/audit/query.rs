//! Reading across the files, in time order.

use super::line::{self, Fault};
use super::scan::{Lines, Source, sources};
use super::{AuditError, Entry, Problem};
use crate::clock::Timestamp;
use std::collections::VecDeque;
use std::path::Path;

/// Which records to show. What is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The subject or the person.
    pub user: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// The code (`ok`, `permission_denied`), whether it was executed (`true`, `false`, `unknown`), or the event.
    pub outcome: Option<String>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// The tenant.
    pub tenant: Option<String>,
}

impl Filter {
    /// Whether the record is one that is asked for.
    #[must_use]
    pub fn admits(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        let who = record.principal.as_ref();
        let is = |asked: &Option<String>, holds: &dyn Fn(&str) -> bool| {
            asked.as_deref().is_none_or(holds)
        };
        self.since.is_none_or(|since| entry.time_ms >= since)
            && is(&self.user, &|user| {
                who.is_some_and(|w| w.subject == user || w.person.as_deref() == Some(user))
            })
            && is(&self.tenant, &|tenant| who.is_some_and(|w| w.tenant == tenant))
            && is(&self.tool, &|tool| record.tool.as_deref() == Some(tool))
            && is(&self.outcome, &|asked| {
                record.event.as_str() == asked
                    || record
                        .outcome
                        .as_ref()
                        .is_some_and(|o| o.code == asked || o.executed.as_str() == asked)
            })
    }
}

/// The records of an audit folder that `filter` admits, oldest first.
///
/// Records of different processes are merged by their time. A line that is no record comes out as a [`Problem`];
/// whether the chains hold is what [`verify`](super::verify) checks.
///
/// ```no_run
/// use mcp_secure::audit::{Filter, query};
/// let refused = Filter { outcome: Some("permission_denied".to_owned()), ..Filter::default() };
/// for record in query("support-desk-data/audit".as_ref(), &refused)? {
///     match record {
///         Ok(entry) => println!("{} {:?}", entry.time, entry.record.tool),
///         Err(problem) => eprintln!("{problem}"),
///     }
/// }
/// # Ok::<(), mcp_secure::audit::AuditError>(())
/// ```
pub fn query(dir: &Path, filter: &Filter) -> Result<Records, AuditError> {
    let mut sources = sources(dir)?;
    // Files that cannot say when they begin come first: their faults are not to be overlooked.
    sources.sort_by_key(|s| s.begins);
    Ok(Records {
        waiting: sources.into(),
        open: Vec::new(),
        problems: VecDeque::new(),
        filter: filter.clone(),
    })
}

/// The last `count` records of an audit folder, oldest first.
pub fn tail(dir: &Path, count: usize) -> Result<Vec<Result<Entry, Problem>>, AuditError> {
    let sources = sources(dir)?;
    let mut found = Vec::new();
    for source in sources {
        let mut cursor = Cursor::open(source)?;
        // Counting lines is cheap; only the last ones are parsed.
        let mut last = VecDeque::new();
        for line in cursor.lines.by_ref() {
            let line = line.map_err(|e| AuditError::folder(Path::new(&cursor.name), &e))?;
            if line.ended {
                last.push_back(line);
            }
            if last.len() > count {
                last.pop_front();
            }
        }
        found.extend(
            last.into_iter().map(|l| line::read(&l.bytes).map_err(|f| cursor.problem(l.number, f))),
        );
    }
    // A line that is no record has no time and is shown first, with the oldest.
    found.sort_by(|a, b| a.as_ref().ok().map(order).cmp(&b.as_ref().ok().map(order)));
    let (bad, good): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_err);
    let skip = good.len().saturating_sub(count);
    Ok(bad.into_iter().chain(good.into_iter().skip(skip)).collect())
}

fn order(entry: &Entry) -> (Timestamp, &str, u64) {
    (entry.time_ms, &entry.writer, entry.seq)
}

/// What [`query`] returns.
pub struct Records {
    /// Not begun yet, so that a folder of a thousand files needs no thousand handles.
    waiting: VecDeque<Source>,
    open: Vec<Cursor>,
    problems: VecDeque<Problem>,
    filter: Filter,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// One file, with the record that comes next in it.
struct Cursor {
    name: String,
    lines: Lines,
    head: Option<Entry>,
}

impl Cursor {
    fn open(source: Source) -> Result<Self, AuditError> {
        let lines = Lines::open(&source.path)?;
        Ok(Self { name: source.name, lines, head: None })
    }

    fn problem(&self, line: u64, fault: Fault) -> Problem {
        Problem {
            file: self.name.clone(),
            line,
            seq: fault.seq,
            what: fault.what.says().to_owned(),
        }
    }

    fn advance(&mut self, problems: &mut VecDeque<Problem>) {
        self.head = None;
        while let Some(line) = self.lines.next() {
            let line = match line {
                Ok(line) if line.ended => line,
                // Half a record at the end, never acknowledged.
                Ok(_) => return,
                Err(error) => {
                    let what = format!("the file cannot be read: {error}");
                    problems.push_back(Problem {
                        file: self.name.clone(),
                        line: 0,
                        seq: None,
                        what,
                    });
                    return;
                }
            };
            match line::read(&line.bytes) {
                Ok(entry) => {
                    self.head = Some(entry);
                    return;
                }
                Err(fault) => problems.push_back(self.problem(line.number, fault)),
            }
        }
    }
}

impl Records {
    /// The open cursor whose record is oldest.
    fn oldest(&self) -> Option<(usize, Timestamp)> {
        let heads = self.open.iter().enumerate().filter_map(|(i, c)| Some((i, c.head.as_ref()?)));
        let (at, entry) = heads.min_by(|a, b| order(a.1).cmp(&order(b.1)))?;
        Some((at, entry.time_ms))
    }

    fn open_due(&mut self) {
        while let Some(first) = self.waiting.front() {
            let oldest = self.oldest().map(|o| o.1);
            if first.begins.is_some() && oldest.is_some_and(|oldest| first.begins > Some(oldest)) {
                return;
            }
            let Some(source) = self.waiting.pop_front() else {
                return;
            };
            let name = source.name.clone();
            match Cursor::open(source) {
                Ok(mut cursor) => {
                    cursor.advance(&mut self.problems);
                    self.open.push(cursor);
                }
                Err(error) => {
                    self.problems.push_back(Problem {
                        file: name,
                        line: 0,
                        seq: None,
                        what: error.to_string(),
                    });
                }
            }
        }
    }
}

impl Iterator for Records {
    type Item = Result<Entry, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.open_due();
            if let Some(problem) = self.problems.pop_front() {
                return Some(Err(problem));
            }
            let (at, _) = self.oldest()?;
            let cursor = self.open.get_mut(at)?;
            let entry = cursor.head.take()?;
            cursor.advance(&mut self.problems);
            if cursor.head.is_none() {
                self.open.swap_remove(at);
            }
            if self.filter.admits(&entry) {
                return Some(Ok(entry));
            }
        }
    }
}

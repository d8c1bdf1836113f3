//! What is known on the client's side of bills that two people have to approve: which were asked for, under which request,
//! who has voted, and how each ended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, call, request};

pub(crate) const TOOL: &str = "pay_shared_bill";
/// Who approves.
pub(crate) const PEOPLE: [&str; 2] = ["bob", "carol"];

/// How a bill stands after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is over, for now at least.
    Over,
    /// It is asked about again after this time.
    Again(Duration),
}

#[derive(Debug, Default)]
pub(crate) struct Known {
    next: u32,
    /// Left behind by a server that is dead.
    left: VecDeque<u32>,
    /// The tasks that clients wait for.
    tasks: BTreeMap<u32, String>,
    /// Every request that a client was told of, and its bill.
    pub(crate) asked: BTreeMap<String, u32>,
    /// Those on which the one or the other has not voted yet.
    pub(crate) ballots: [VecDeque<String>; 2],
    /// Every vote that was acknowledged: the request, who, and whether for it.
    pub(crate) votes: BTreeSet<(String, &'static str, bool)>,
    /// Requests that were taken back, as was acknowledged.
    pub(crate) withdrawn: BTreeSet<String>,
    pub(crate) done: BTreeSet<u32>,
    pub(crate) denied: BTreeSet<u32>,
    pub(crate) in_doubt: BTreeSet<u32>,
    /// What became of tasks without anybody asking twice.
    pub(crate) tasks_done: u64,
    pub(crate) commands_killed: u64,
    /// How many servers were killed that somebody had just sent a vote.
    pub(crate) doors_killed: u64,
    /// Acknowledged votes by the way they went.
    pub(crate) ways: BTreeMap<&'static str, u64>,
    /// How often a kill met a call so far on its way.
    pub(crate) met: BTreeMap<&'static str, u64>,
    pub(crate) refusals: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Known>);

/// Whether a client waits for a task of this bill, and does not call again.
pub(crate) const fn is_task(bill: u32) -> bool {
    bill.is_multiple_of(3)
}

/// Whether Carol says no to it.
pub(crate) const fn is_denied(bill: u32) -> bool {
    bill % 11 == 7
}

/// Whether its first request is taken back.
pub(crate) const fn is_withdrawn(bill: u32) -> bool {
    bill % 13 == 5
}

impl Book {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap()
    }

    /// A bill that somebody has left behind, or else a new one.
    pub(crate) fn next(&self) -> u32 {
        self.left().unwrap_or_else(|| {
            let mut known = self.lock();
            known.next += 1;
            known.next
        })
    }

    pub(crate) fn left(&self) -> Option<u32> {
        self.lock().left.pop_front()
    }

    pub(crate) fn leave(&self, bills: impl IntoIterator<Item = u32>) {
        self.lock().left.extend(bills);
    }

    /// What asks about this bill.
    pub(crate) fn message(&self, id: u64, bill: u32) -> Value {
        match self.lock().tasks.get(&bill) {
            Some(task) => request(id, "tasks/get", json!({"taskId": task}), true),
            None => request(id, "tools/call", call(TOOL, bill), is_task(bill)),
        }
    }

    /// Takes down an answer.
    pub(crate) fn heard(&self, bill: u32, message: &Value) -> Heard {
        let result = message.get("result").unwrap_or_else(|| panic!("{bill}: {message:#}"));
        let mut known = self.lock();
        let task = result["taskId"].as_str();
        match (task, result["status"].as_str()) {
            (None, _) => known.answered(bill, result),
            (Some(id), Some("working")) => {
                known.tasks.insert(bill, id.to_owned());
                known.told_of(id, bill);
                Heard::Again(Duration::from_millis(40))
            }
            (Some(_), Some("completed")) => {
                // The task is over, so that the next one who asks calls.
                known.tasks.remove(&bill);
                let before = known.done.len();
                let heard = known.answered(bill, &result["result"]);
                known.tasks_done += (known.done.len() - before) as u64;
                heard
            }
            (Some(_), Some("cancelled")) => {
                known.tasks.remove(&bill);
                Heard::Again(Duration::ZERO)
            }
            _ => panic!("{bill}: {message:#}"),
        }
    }
}

impl Known {
    /// How many there are.
    pub(crate) fn bills(&self) -> u32 {
        self.next
    }

    fn told_of(&mut self, id: &str, bill: u32) {
        if self.asked.insert(id.to_owned(), bill).is_none() {
            for ballot in &mut self.ballots {
                ballot.push_back(id.to_owned());
            }
        }
    }

    fn answered(&mut self, bill: u32, result: &Value) -> Heard {
        let answer = Answer::of(result);
        let Answer::Refused { code, executed, approval, .. } = &answer else {
            assert_eq!(result["structuredContent"]["bill"], json!(bill), "{result:#}");
            self.done.insert(bill);
            return Heard::Over;
        };
        *self.refusals.entry(code.clone()).or_default() += 1;
        match code.as_str() {
            "approval_required" => {
                if let Some(id) = approval {
                    self.told_of(id, bill);
                }
                Heard::Again(Duration::from_millis(20))
            }
            "approval_denied" => {
                self.denied.insert(bill);
                Heard::Over
            }
            "in_doubt" => {
                assert_eq!(*executed, json!("unknown"), "bill {bill}: {answer:?}");
                self.in_doubt.insert(bill);
                Heard::Over
            }
            _ => Heard::Again(Duration::from_millis(100)),
        }
    }
}

/// Waits for nobody: bills and when each is asked about.
#[derive(Debug, Default)]
pub(crate) struct Diary(BTreeSet<(Instant, u32)>);

impl Diary {
    pub(crate) fn note(&mut self, bill: u32, after: Duration) {
        self.0.insert((Instant::now() + after, bill));
    }

    /// A bill whose time has come.
    pub(crate) fn due(&mut self) -> Option<u32> {
        let (at, _) = self.0.first()?;
        if *at > Instant::now() {
            return None;
        }
        self.0.pop_first().map(|(_, bill)| bill)
    }

    /// How long there is nothing to do.
    pub(crate) fn idle(&self) -> Duration {
        let next = self.0.first().map(|(at, _)| at.saturating_duration_since(Instant::now()));
        next.unwrap_or(Duration::from_millis(50))
    }
}

//! What the client side knows: which bills were asked for, and which were answered how.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::client::{Answer, is_large};

#[derive(Debug, Default)]
struct Known {
    next: u32,
    small: bool,
    /// To be asked again, not before the time.
    again: VecDeque<(Instant, u32)>,
    done: BTreeSet<u32>,
    in_doubt: BTreeSet<u32>,
    refusals: BTreeMap<String, u64>,
    /// Requests that wait for a person.
    pending: VecDeque<String>,
    /// The runs that somebody has tried to take back.
    taking_back: BTreeSet<String>,
}

/// The bills of a round, shared by the clients of its servers.
#[derive(Debug, Default)]
pub(crate) struct Bills(Mutex<Known>);

impl Bills {
    /// Bills that need nobody's approval.
    pub(crate) fn small() -> Self {
        Self(Mutex::new(Known { small: true, ..Known::default() }))
    }

    /// The next one to ask for: one that nobody has answered yet if its time has come, else a new one.
    pub(crate) fn next(&self) -> u32 {
        self.unanswered().unwrap_or_else(|| {
            let mut known = self.0.lock().unwrap();
            known.next += 1;
            if known.small && is_large(known.next) {
                known.next += 1;
            }
            known.next
        })
    }

    /// One that was asked for and not answered for good.
    pub(crate) fn unanswered(&self) -> Option<u32> {
        let mut known = self.0.lock().unwrap();
        let due = known.again.iter().position(|(at, _)| *at <= Instant::now())?;
        known.again.remove(due).map(|(_, bill)| bill)
    }

    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().again.len()
    }

    pub(crate) fn ask_again(&self, bill: u32, after: Duration) {
        self.0.lock().unwrap().again.push_back((Instant::now() + after, bill));
    }

    pub(crate) fn heard(&self, bill: u32, answer: &Answer) {
        let mut known = self.0.lock().unwrap();
        match answer {
            Answer::Done { .. } => {
                known.done.insert(bill);
            }
            Answer::Refused { code, executed, approval, .. } => {
                *known.refusals.entry(code.clone()).or_default() += 1;
                let waits = approval.as_ref().filter(|_| code == "approval_required");
                if let Some(id) = waits.filter(|id| !known.pending.contains(id)) {
                    known.pending.push_back(id.clone());
                }
                if code == "in_doubt" {
                    assert_eq!(executed, "unknown", "bill {bill}: {answer:?}");
                    known.in_doubt.insert(bill);
                } else {
                    let wait = Duration::from_millis(300);
                    known.again.push_back((Instant::now() + wait, bill));
                }
            }
        }
    }

    /// A request that waits for a person. It is told of again should it still wait when its call is made again.
    pub(crate) fn pending(&self) -> Option<String> {
        self.0.lock().unwrap().pending.pop_front()
    }

    pub(crate) fn takes_back(&self, run: &str) {
        self.0.lock().unwrap().taking_back.insert(run.to_owned());
    }

    pub(crate) fn taking_back(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().taking_back.clone()
    }

    pub(crate) fn done(&self) -> BTreeSet<u32> {
        self.0.lock().unwrap().done.clone()
    }

    pub(crate) fn in_doubt(&self) -> BTreeSet<u32> {
        self.0.lock().unwrap().in_doubt.clone()
    }

    pub(crate) fn asked(&self) -> u32 {
        self.0.lock().unwrap().next
    }

    pub(crate) fn refusals(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap().refusals.clone()
    }
}

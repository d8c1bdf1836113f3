//! Which approved requests this process runs, and which it has tried to run and when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::gate::Gate;
use crate::approval::ApprovalId;

/// What this process does, or has tried to do, with requests that people approved.
#[derive(Default)]
pub(super) struct Tasks(Mutex<HashMap<ApprovalId, Going>>);

enum Going {
    /// It runs, or is about to.
    On(watch::Receiver<()>),
    /// It could not be run.
    Not(Tried),
}

/// What came of it so far. Whoever asks is not kept waiting because nobody vouches for them, and the other way round.
#[derive(Clone, Default)]
struct Tried {
    by_server: Tries,
    by_asker: Tries,
    why: String,
}

impl Tried {
    const fn of(&self, asks: bool) -> Tries {
        if asks { self.by_asker } else { self.by_server }
    }

    /// The same after one more try that came to nothing.
    fn again(self, asks: bool, why: String) -> Self {
        let now =
            Tries { times: self.of(asks).times.saturating_add(1), last: Some(Instant::now()) };
        if asks {
            Self { by_asker: now, why, ..self }
        } else {
            Self { by_server: now, why, ..self }
        }
    }

    fn is_recent(&self) -> bool {
        let last = self.by_server.last.max(self.by_asker.last);
        last.is_some_and(|last| last.elapsed() < Duration::from_secs(600))
    }
}

#[derive(Clone, Copy, Default)]
struct Tries {
    times: u32,
    last: Option<Instant>,
}

impl Tries {
    /// Whether it is time for another try: after a second, two, four, and so on up to `most`.
    fn is_over(&self, most: Duration) -> bool {
        let wait = Duration::from_secs(1 << self.times.saturating_sub(1).min(16));
        self.last.is_none_or(|last| last.elapsed() >= wait.min(most))
    }
}

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, HashMap<ApprovalId, Going>> {
        // Every change is one operation, so a holder that panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it could not be run, if it could not.
    pub(super) fn why_not(&self, id: &ApprovalId) -> Option<String> {
        match self.lock().get(id) {
            Some(Going::Not(tried)) => Some(tried.why.clone()),
            _ => None,
        }
    }

    /// What is forgotten: tries at requests that are over or were decided elsewhere long ago.
    fn tidy(going: &mut HashMap<ApprovalId, Going>) {
        if going.len() > 4096 {
            going.retain(|_, going| match going {
                Going::On(_) => true,
                Going::Not(tried) => tried.is_recent(),
            });
        }
    }
}

/// Whether a run of a task may begin.
pub(super) enum Turn {
    /// It does, for as long as this is there; the end of it is heard on the other.
    Begins(Ongoing, watch::Receiver<()>),
    /// This process runs it already.
    IsOn(watch::Receiver<()>),
    /// It could not be run a moment ago.
    Later,
}

/// Why a run is tried again that did not even come to an end.
const CUT_OFF: &str = "it broke off";

/// The run of a task in this process. However it ends, whoever waits for it hears.
pub(super) struct Ongoing {
    pub(super) gate: Arc<Gate>,
    pub(super) id: ApprovalId,
    tried: Tried,
    pub(super) asks: bool,
    why_not: Option<String>,
    _ends: watch::Sender<()>,
}

impl Ongoing {
    /// Begins, unless this process runs it already, or could not less than `again` ago. `asks`: its requester is there.
    pub(super) fn begin(gate: &Arc<Gate>, id: ApprovalId, again: Duration, asks: bool) -> Turn {
        let mut going = gate.tasks.lock();
        let tried = match going.get(&id) {
            Some(Going::On(ends)) => return Turn::IsOn(ends.clone()),
            Some(Going::Not(tried)) if !tried.of(asks).is_over(again) => return Turn::Later,
            Some(Going::Not(tried)) => tried.clone(),
            None => Tried::default(),
        };
        let (ends, ended) = watch::channel(());
        going.insert(id, Going::On(ended.clone()));
        drop(going);
        let (gate, why_not) = (Arc::clone(gate), Some(CUT_OFF.to_owned()));
        Turn::Begins(Self { gate, id, tried, asks, why_not, _ends: ends }, ended)
    }

    /// It is over, or could not be run and why.
    pub(super) fn ends(mut self, why_not: Option<String>) {
        self.why_not = why_not;
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let mut going = self.gate.tasks.lock();
        match self.why_not.take() {
            Some(why) => {
                let tried = std::mem::take(&mut self.tried).again(self.asks, why);
                going.insert(self.id, Going::Not(tried));
                Tasks::tidy(&mut going);
            }
            None => drop(going.remove(&self.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_run_is_tried_again_ever_less_often_and_never_not_at_all() {
        let tried = |times, ago| Tries {
            times,
            last: Some(Instant::now().checked_sub(Duration::from_secs(ago)).unwrap()),
        };
        let most = Duration::from_secs(60);
        assert!(!tried(1, 0).is_over(most));
        assert!(tried(1, 1).is_over(most));
        assert!(!tried(4, 7).is_over(most));
        assert!(tried(4, 8).is_over(most));
        assert!(!tried(u32::MAX, 59).is_over(most));
        assert!(tried(u32::MAX, 60).is_over(most));
    }

    #[test]
    fn whoever_asks_does_not_wait_for_what_the_server_tried() {
        let most = Duration::from_secs(60);
        let tried = Tried::default().again(false, String::new()).again(false, String::new());
        assert!(!tried.of(false).is_over(most) && tried.of(true).is_over(most));
        let tried = tried.again(true, String::new());
        assert!(!tried.of(false).is_over(most) && !tried.of(true).is_over(most));
    }
}

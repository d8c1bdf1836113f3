//! What everybody knows in the end, compared: the clients, the people, the store, the record and the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mcp_secure::approval::{Approval, State, StateKind, Verdict};
use mcp_secure::store::{ApprovalFilter, Resolution, Resolved, RunFilter, RunRecord, RunState};
use serde_json::Value;

use crate::book::{PEOPLE, TOOL};
use crate::client::Answer;
use crate::races::vote;
use crate::voters::Hall;

/// How many doubts are ended by the command, which starts a process each time; the others at the store.
const BY_COMMAND: usize = 5;

/// What there was, in figures. Lost, run twice and unrecorded are none, or it ends.
#[derive(Debug, Default)]
pub(crate) struct Reckoned {
    /// Requests for approval.
    approvals: u64,
    votes: u64,
    runs: u64,
    pub(crate) done: u64,
    pub(crate) in_doubt: u64,
    /// Of those in doubt, how many had been carried out.
    happened: u64,
    denied: u64,
    withdrawn: u64,
    /// Runs that were given up before their body began.
    given_up: u64,
    tasks_done: u64,
}

impl Reckoned {
    pub(crate) fn add(&mut self, other: &Self) {
        self.approvals += other.approvals;
        self.votes += other.votes;
        self.runs += other.runs;
        self.done += other.done;
        self.in_doubt += other.in_doubt;
        self.happened += other.happened;
        self.denied += other.denied;
        self.withdrawn += other.withdrawn;
        self.given_up += other.given_up;
        self.tasks_done += other.tasks_done;
    }
}

/// All requests for this tool, page by page.
fn approvals(hall: &Hall<'_>) -> BTreeMap<String, Approval> {
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let filter =
            ApprovalFilter { tool: Some(TOOL.to_owned()), after, ..ApprovalFilter::default() };
        let page = hall.runtime.block_on(hall.store.approvals(filter, 500)).unwrap();
        let Some(last) = page.last() else { return all };
        after = Some((last.created, last.id));
        all.extend(page.into_iter().map(|one| (one.id.to_string(), one)));
    }
}

fn runs(hall: &Hall<'_>) -> Vec<RunRecord> {
    let filter = RunFilter { tool: Some(TOOL.to_owned()), ..RunFilter::default() };
    let runs = hall.runtime.block_on(hall.store.runs(filter, 1000)).unwrap();
    assert!(runs.len() < 1000, "too many runs to look at in one round");
    runs.into_iter().map(|line| line.readable().expect("each run can be read")).collect()
}

/// The runs, or whatever else a record names, on record of this event.
fn on_record(hall: &Hall<'_>, event: &str, name: &str) -> BTreeSet<String> {
    let of = |record: &Value| record[name].as_str().map(ToOwned::to_owned);
    hall.desk.records(event).iter().filter_map(of).collect()
}

/// Holds everything against everything else, ends what is in doubt, and has every bill paid that nobody refused.
pub(crate) fn reckon(hall: &Hall<'_>) -> Reckoned {
    let (approvals, runs) = (approvals(hall), runs(hall));
    let paid = hall.desk.effects("paid when two approved");
    nothing_is_lost(hall, &approvals);
    let known = hall.book.lock();
    let (done, denied) = (known.done.clone(), known.denied.clone());
    let (doubted, tasks_done, bills) = (known.in_doubt.clone(), known.tasks_done, known.bills());
    drop(known);
    for bill in 1..=bills {
        let said = [&done, &denied, &doubted].iter().filter(|said| said.contains(&bill)).count();
        assert_eq!(said, 1, "bill {bill} was answered in {said} ways");
        let times = paid.get(&bill).map_or(0, Vec::len);
        let right = match (done.contains(&bill), denied.contains(&bill)) {
            (true, _) => times == 1,
            (_, true) => times == 0,
            _ => times <= 1,
        };
        assert!(right, "bill {bill} was paid {times} times");
    }
    each_runs_once_and_as_people_decided(&approvals, &runs, &paid);
    each_is_on_record(hall, &runs);
    let in_doubt: Vec<_> = runs.iter().filter(|run| run.state == RunState::InDoubt).collect();
    let requests: BTreeSet<&String> = paid.values().flatten().collect();
    let happened = in_doubt.iter().filter(|run| requests.contains(&run.request_id)).count();
    for (number, run) in in_doubt.iter().enumerate() {
        resolve(hall, run, requests.contains(&run.request_id), number < BY_COMMAND);
    }
    all_is_paid_in_the_end(hall, &denied);
    hall.desk.run(&["audit", "verify"]);
    let count = |kind| approvals.values().filter(|one| one.state.kind() == kind).count() as u64;
    Reckoned {
        approvals: approvals.len() as u64,
        votes: approvals.values().map(|one| one.votes.len() as u64).sum(),
        runs: runs.len() as u64,
        done: count(StateKind::Done),
        in_doubt: in_doubt.len() as u64,
        happened: happened as u64,
        denied: count(StateKind::Denied),
        withdrawn: count(StateKind::Withdrawn),
        given_up: runs.iter().filter(|run| run.state == RunState::NoEffect).count() as u64,
        tasks_done,
    }
}

/// Every request that a client was told of is there, with every vote that was acknowledged, and what was taken back is.
fn nothing_is_lost(hall: &Hall<'_>, approvals: &BTreeMap<String, Approval>) {
    let known = hall.book.lock();
    for (id, bill) in &known.asked {
        let found = approvals.get(id).unwrap_or_else(|| panic!("{id} is lost"));
        assert_eq!(found.arguments["bill"], *bill, "{id}");
    }
    for (id, person, approves) in &known.votes {
        let verdict = if *approves { Verdict::Approve } else { Verdict::Deny };
        let cast = approvals[id].votes.iter().find(|cast| cast.person == *person);
        assert_eq!(cast.map(|cast| cast.verdict), Some(verdict), "{person} on {id}");
    }
    for id in &known.withdrawn {
        assert_eq!(approvals[id].state.kind(), StateKind::Withdrawn, "{id}");
    }
}

/// Each run has an approval of its own, by both people, and each effect a run of its own.
fn each_runs_once_and_as_people_decided(
    approvals: &BTreeMap<String, Approval>,
    runs: &[RunRecord],
    paid: &BTreeMap<u32, Vec<String>>,
) {
    let mut used = BTreeSet::new();
    for run in runs {
        let id = run.approval.expect("a run without an approval").to_string();
        let approval = &approvals[&id];
        assert!(used.insert(id), "run twice: {approval:?}");
        let by: BTreeSet<_> = approval
            .votes
            .iter()
            .filter(|cast| cast.verdict == Verdict::Approve)
            .map(|cast| cast.person.as_str())
            .collect();
        assert_eq!(by, PEOPLE.into(), "not by both: {approval:?}");
        let same = match &approval.state {
            State::Done { .. } => run.state == RunState::Done,
            State::InDoubt { run: held, .. } => {
                run.state == RunState::InDoubt && *held == run.run_id
            }
            // It counted as lost before its body began, and was given up.
            State::Failed { resolved_by: None, .. } => {
                run.state == RunState::NoEffect
                    && !paid.values().flatten().any(|request| *request == run.request_id)
            }
            _ => false,
        };
        assert!(same, "{run:?} is not as its approval is: {approval:?}");
    }
    for approval in approvals.values().filter(|one| !used.contains(&one.id.to_string())) {
        let kind = approval.state.kind();
        let idle = matches!(kind, StateKind::Denied | StateKind::Withdrawn);
        assert!(idle, "{kind} without a run, and nobody has heard of it: {approval:?}");
    }
    let began: BTreeSet<&String> = runs.iter().map(|run| &run.request_id).collect();
    for request in paid.values().flatten() {
        assert!(began.contains(request), "paid by {request}, which is no run");
    }
}

/// Every run has its intent on record, and how it ended or that nobody knows.
fn each_is_on_record(hall: &Hall<'_>, runs: &[RunRecord]) {
    let [intents, outcomes] = ["intent", "outcome"].map(|event| on_record(hall, event, "run_id"));
    let mut in_doubt = BTreeSet::new();
    for run in runs {
        let id = run.run_id.to_string();
        assert!(intents.contains(&id), "no intent of {run:?}");
        match run.state {
            RunState::InDoubt if !outcomes.contains(&id) => drop(in_doubt.insert(id)),
            // Nothing happened, and nobody waits for the disk to say so.
            RunState::InDoubt | RunState::NoEffect => {}
            _ => assert!(outcomes.contains(&id), "no end of {run:?} is on record"),
        }
    }
    // Who found one lost may have been killed before that was written down; somebody else is told of it half a minute later.
    let (server, begun) = (hall.desk.serve(), Instant::now());
    loop {
        let recovered = on_record(hall, "recovery", "run_id");
        in_doubt.retain(|id| !recovered.contains(id));
        if in_doubt.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "not on record: {in_doubt:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
    drop(server);
}

/// Bob looks into the ledger and says what became of a run.
fn resolve(hall: &Hall<'_>, run: &RunRecord, happened: bool, by_command: bool) {
    if by_command {
        let found = if happened { "--done" } else { "--not-done" };
        let id = run.run_id.to_string();
        let reason = "the ledger says so";
        hall.desk.run(&["runs", "resolve", &id, found, "--as", "bob", "--reason", reason]);
        return;
    }
    let found = if happened { Resolution::Done } else { Resolution::NotDone };
    let bob = vote("bob", Verdict::Approve).voter;
    let resolving = hall.store.resolve_run(&run.run_id, found, bob);
    let resolved = hall.runtime.block_on(resolving).unwrap();
    assert!(matches!(resolved, Resolved::To(_)), "{resolved:?}");
}

/// After all doubts are ended, whoever asks again hears how it ended, and what never happened is asked for anew.
fn all_is_paid_in_the_end(hall: &Hall<'_>, denied: &BTreeSet<u32>) {
    let mut client = hall.desk.serve();
    let doubted = hall.book.lock().in_doubt.clone();
    for bill in doubted {
        let before = hall.desk.effects("paid when two approved").contains_key(&bill);
        let mut answer = client.ask_of(TOOL, bill);
        if let Answer::Refused { code, approval: Some(id), .. } = &answer
            && code == "approval_required"
        {
            assert!(!before, "bill {bill} is paid, and asked for again");
            assert!(!hall.book.lock().asked.contains_key(id), "{id} is back");
            for person in PEOPLE {
                let found = hall.approval(id);
                let vote = vote(person, Verdict::Approve);
                hall.runtime.block_on(hall.store.decide(&found.id, found.effect, vote)).unwrap();
            }
            answer = client.ask_of(TOOL, bill);
        }
        match answer {
            Answer::Done { replayed } => assert_eq!(replayed, before, "bill {bill}"),
            Answer::Refused { executed, .. } => assert!(executed == true && before, "bill {bill}"),
        }
    }
    let paid = hall.desk.effects("paid when two approved");
    for bill in 1..=hall.book.lock().bills() {
        let times = paid.get(&bill).map_or(0, Vec::len);
        assert_eq!(times, usize::from(!denied.contains(&bill)), "bill {bill}");
    }
}

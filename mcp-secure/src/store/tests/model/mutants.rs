//! One rule broken at a time. A check that finds none of them would hold whatever the code does.

use super::promises::Promise;
use super::rules::Rules;
use crate::approval::{Approval, Event, Outcome, Party, State, Verdict, Vote, VoteRefused, count};
use crate::clock::Timestamp;
use crate::store::RunResult;
use crate::store::judge::{Ended, voiding};

pub(super) struct Mutant {
    /// What it lets happen.
    pub(super) what: &'static str,
    pub(super) rules: Rules,
    /// What the onlooker has to miss first.
    pub(super) breaks: Promise,
    /// Shown where few requests may wait.
    pub(super) capped: bool,
}

const REAL: Rules = Rules::REAL;

/// `State::after` with ways that are not there.
macro_rules! with_way {
    ($state:pat, $event:pat => $next:expr) => {
        Rules {
            after: |state, event, now, expires| match (state, &event) {
                ($state, $event) => {
                    let next: fn(&Event, Timestamp) -> State = $next;
                    Ok(next(&event, now))
                }
                _ => state.after(event, now, expires),
            },
            ..REAL
        }
    };
}

fn started(event: &Event, at: Timestamp) -> State {
    match event {
        Event::Start { run } => State::Running { run: *run, at },
        other => panic!("{other:?} starts nothing"),
    }
}

/// `count` about a request, or a voter, that is not as it is.
macro_rules! counting {
    (|$approval:ident, $vote:ident| $change:expr) => {
        Rules {
            count: |approval, shown, vote, now| {
                let mut $approval: Approval = approval.clone();
                let mut $vote: Vote = vote.clone();
                // One of the two may be left as it is.
                let _ = (&mut $approval, &mut $vote);
                $change;
                count(&$approval, shown, &$vote, now)
            },
            ..REAL
        }
    };
}

fn everybody_resolves<'a>(_: &Party, by: &'a Party) -> Result<&'a str, VoteRefused> {
    Ok(by.person.as_deref().unwrap_or(&by.subject))
}

/// What is only shown to fail where two persons decide says so by its promise.
pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = ways();
    all.extend(votes());
    all.extend(stores());
    all.extend(caps());
    all
}

fn mutant(what: &'static str, breaks: Promise, rules: Rules) -> Mutant {
    Mutant { what, rules, breaks, capped: false }
}

fn ways() -> Vec<Mutant> {
    use Promise::{Agree, Closed, Doubt, NotRevived, Quorum, RunsOnce, Terminal};
    vec![
        mutant(
            "what nobody decided runs",
            Quorum,
            with_way!(State::Pending, Event::Start { .. } => started),
        ),
        mutant(
            "what runs already runs",
            RunsOnce,
            with_way!(State::Running { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what is done runs again",
            RunsOnce,
            with_way!(State::Done { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what failed runs again",
            RunsOnce,
            with_way!(State::Failed { resolved_by: None, .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what is in doubt runs again",
            RunsOnce,
            with_way!(State::InDoubt { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what a person found not done runs again",
            NotRevived,
            with_way!(State::Failed { resolved_by: Some(_), .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what is found not done is approved again",
            NotRevived,
            with_way!(State::InDoubt { .. }, Event::ResolveNotDone { .. } => |_, at| State::Approved { at }),
        ),
        mutant(
            "what was denied runs",
            Closed,
            with_way!(State::Denied { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what was written down as expired runs",
            Closed,
            with_way!(State::Expired { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what has run out runs until that is written down",
            Closed,
            with_way!(State::Approved { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what was withdrawn runs",
            Closed,
            with_way!(State::Withdrawn { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what was called off runs",
            Closed,
            with_way!(State::Void { .. }, Event::Start { .. } => started),
        ),
        mutant(
            "what was denied is withdrawn",
            Terminal,
            with_way!(State::Denied { .. }, Event::Withdraw => |_, at| State::Withdrawn { at }),
        ),
        mutant(
            "what is done is called off",
            Terminal,
            with_way!(State::Done { .. }, Event::Void { .. } => |_, at| State::Void { at, why: String::new() }),
        ),
        mutant(
            "what runs is withdrawn",
            Agree,
            with_way!(State::Running { .. }, Event::Withdraw => |_, at| State::Withdrawn { at }),
        ),
        mutant(
            "what runs runs out",
            Agree,
            Rules {
                sweeps_everything: true,
                ..with_way!(State::Running { .. }, Event::Expire => |_, at| State::Expired { at })
            },
        ),
        mutant(
            "a run tells too late and is believed",
            Doubt,
            Rules {
                late_is_kept: false,
                ..with_way!(
                    State::InDoubt { .. },
                    Event::Finish { .. } | Event::Fail { .. } => |event, at| match event {
                        Event::Fail { error, .. } => {
                            State::Failed { at, error: error.clone(), resolved_by: None }
                        }
                        _ => State::Done { at, result: None, resolved_by: None },
                    }
                )
            },
        ),
    ]
}

fn votes() -> Vec<Mutant> {
    use Promise::{Bound, Closed, Quorum, Votes};
    vec![
        mutant(
            "one person votes under two accounts",
            Votes,
            Rules {
                indexes: false,
                ..counting!(|approval, vote| {
                    for cast in &mut approval.votes {
                        cast.person = cast.subject.clone();
                    }
                })
            },
        ),
        mutant(
            "the requester decides",
            Votes,
            counting!(|approval, vote| approval.allow_requester = true),
        ),
        mutant(
            "who acts for the requester decides",
            Votes,
            counting!(|approval, vote| approval.requester.actors.clear()),
        ),
        mutant(
            "the client that asked decides",
            Votes,
            counting!(|approval, vote| vote.voter.client = "another".to_owned()),
        ),
        mutant(
            "who acts for a person decides",
            Votes,
            counting!(|approval, vote| vote.voter.actors.clear()),
        ),
        mutant(
            "an account that is nobody's decides",
            Votes,
            counting!(|approval, vote| {
                vote.voter.person.get_or_insert_with(|| "a bot".to_owned());
            }),
        ),
        mutant(
            "another tenant decides",
            Votes,
            counting!(|approval, vote| vote.voter.tenant = approval.requester.tenant.clone()),
        ),
        mutant(
            "one person is enough for two",
            Quorum,
            counting!(|approval, vote| approval.quorum = 1),
        ),
        mutant(
            "a denial does not end it",
            Closed,
            Rules {
                count: |approval, shown, vote, now| {
                    let outcome = count(approval, shown, vote, now)?;
                    let next = outcome.next.filter(|_| vote.verdict == Verdict::Approve);
                    Ok(Outcome { next, ..outcome })
                },
                ..REAL
            },
        ),
        mutant(
            "a vote counts that comes too late",
            Closed,
            Rules {
                count: |approval, shown, vote, _| {
                    count(approval, shown, vote, Timestamp::from_millis(0))
                },
                ..REAL
            },
        ),
        mutant(
            "a vote counts on what was decided",
            Closed,
            counting!(|approval, vote| approval.state = State::Pending),
        ),
        mutant(
            "a vote counts on what was not shown",
            Bound,
            Rules {
                count: |approval, _, vote, now| count(approval, &approval.effect, vote, now),
                ..REAL
            },
        ),
    ]
}

fn stores() -> Vec<Mutant> {
    use Promise::{
        Answered, Bound, CalledOff, Closed, Doubt, Ends, Honest, Lease, NoError, Own, Standing,
    };
    vec![
        mutant("an approval fits another call", Bound, Rules { fits: |_, _, _| Ok(()), ..REAL }),
        mutant(
            "what was looked up is believed when it is used",
            Closed,
            Rules { looks_again: false, ..REAL },
        ),
        mutant(
            "people are asked beside a request that stands",
            Standing,
            Rules { looks_for_what_stands: false, indexes: false, ..REAL },
        ),
        mutant(
            "people are asked beside a request that stands, and the index alone says no",
            NoError,
            Rules { looks_for_what_stands: false, ..REAL },
        ),
        mutant(
            "people are asked beside a doubt",
            Standing,
            Rules { doubt_stands: false, indexes: false, ..REAL },
        ),
        mutant(
            "people are asked again about what was answered",
            Answered,
            Rules { answers_repeat: false, ..REAL },
        ),
        mutant("anybody withdraws", Own, Rules { own_alone: false, ..REAL }),
        mutant("the requester resolves", Doubt, Rules { may_resolve: everybody_resolves, ..REAL }),
        mutant("a lost lease is held again", Doubt, Rules { lost_is_lost: false, ..REAL }),
        mutant("a lease that holds lapses", Lease, Rules { leases_hold: false, ..REAL }),
        mutant("a lease never lapses", Ends, Rules { leases_lapse: false, ..REAL }),
        mutant(
            "what runs is never in doubt",
            Ends,
            with_way!(State::Running { .. }, Event::Doubt { .. } => |event, at| match event {
                Event::Doubt { run, .. } => State::Running { run: *run, at },
                other => panic!("{other:?}"),
            }),
        ),
        mutant(
            "an outcome nobody knows counts as none",
            Honest,
            Rules {
                ended: |run, result| {
                    Ended::of(
                        run,
                        match result {
                            RunResult::Unknown { why } => {
                                RunResult::NoEffect { error: why, answer: None }
                            }
                            known => known,
                        },
                    )
                },
                ..REAL
            },
        ),
        mutant(
            "calling off leaves what was approved",
            CalledOff,
            Rules {
                voiding: |approval, why| match approval.state {
                    State::Approved { .. } => Event::Withdraw,
                    _ => voiding(approval, why),
                },
                ..REAL
            },
        ),
    ]
}

fn caps() -> Vec<Mutant> {
    use Promise::{Admitted, Capped};
    let all = [
        mutant("more requests wait than may", Capped, Rules { cap_holds: false, ..REAL }),
        mutant(
            "each client has places of its own",
            Capped,
            Rules { cap_is_of_the_account: false, ..REAL },
        ),
        mutant(
            "what ran out takes a place",
            Admitted,
            Rules { cap_is_of_what_waits: false, ..REAL },
        ),
    ];
    all.map(|mutant| Mutant { capped: true, ..mutant }).into()
}

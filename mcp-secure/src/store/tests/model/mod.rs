//! A model of approvals, explored as a whole, and held against the stores.
//!
//! Two replicas, a requester who repeats the call through two clients, persons with one account or two and accounts with
//! no person behind them, a sweep, and time. What decides is the code that the stores run (`State::after`, `count`,
//! `judge`). A replica dies at any moment; a body that nobody waits for any more may still act; votes, withdrawals and
//! calling off come at any time. Times count by what is left of them, and requests that nobody can be answered with any
//! more are left out, so that the space has an end though neither time nor the number of requests has one: what is
//! promised of it is promised of every run of events, however long.

mod action;
mod explore;
mod mutants;
mod people;
mod promises;
mod refine;
mod rules;
mod transact;
mod world;

use std::sync::OnceLock;

use explore::{Space, explore};
use mutants::mutants;
use promises::Promise;
use rules::Rules;
use transact::Model;

/// The whole space with these settings. It has to have at least so many worlds, lest the model loses a part of what it
/// covers and nobody notices.
fn explored(model: &Model, at_least: usize) -> Space {
    let begun = std::time::Instant::now();
    let space = match explore(model) {
        Ok(space) => space,
        Err(broken) => panic!("{:?}:\n{}", broken.promise, broken.story),
    };
    println!(
        "quorum {}, requester {}, capped {}: {} worlds, {} steps, {} moves, {} deep, {:.1?}",
        model.quorum,
        model.requester_may,
        model.capped,
        space.worlds.len(),
        space.steps.iter().map(Vec::len).sum::<usize>(),
        space.moves,
        space.depth,
        begun.elapsed()
    );
    assert!(space.worlds.len() >= at_least, "{} worlds", space.worlds.len());
    space
}

/// The space where two persons have to approve, explored once.
fn two_persons() -> &'static Space {
    static SPACE: OnceLock<Space> = OnceLock::new();
    SPACE.get_or_init(|| explored(&Model::new(Rules::REAL, 2, false), 5_300))
}

/// The space where one person has to approve and one request may wait, explored once.
fn one_may_wait() -> &'static Space {
    static SPACE: OnceLock<Space> = OnceLock::new();
    SPACE.get_or_init(|| explored(&Model::new(Rules::REAL, 1, false).capped(), 10_300))
}

#[test]
fn nothing_that_can_happen_breaks_a_promise_where_one_person_decides_and_one_request_may_wait() {
    one_may_wait();
}

#[test]
fn nothing_that_can_happen_breaks_a_promise_where_two_persons_decide() {
    two_persons();
}

#[test]
fn nothing_that_can_happen_breaks_a_promise_where_the_requester_may_be_one_of_two() {
    explored(&Model::new(Rules::REAL, 2, true), 6_800);
}

#[test]
fn each_rule_is_missed_when_it_is_broken() {
    let (mut missed, mut not_seen) = (Vec::new(), Vec::new());
    for mutant in mutants() {
        let model = Model::new(mutant.rules, 2, false);
        match explore(&if mutant.capped { model.capped() } else { model }) {
            Err(broken) if broken.promise == mutant.breaks => {
                println!("{} after {} steps: {:?}", mutant.what, broken.steps, broken.promise);
                missed.push(broken.promise);
            }
            Err(other) => not_seen.push(format!(
                "{}: {:?} is broken, and not {:?}:\n{}",
                mutant.what, other.promise, mutant.breaks, other.story
            )),
            Ok(space) => {
                not_seen.push(format!("{}: not in {} worlds", mutant.what, space.worlds.len()));
            }
        }
    }
    assert!(not_seen.is_empty(), "{}", not_seen.join("\n"));
    let never: Vec<_> = Promise::ALL.iter().filter(|promise| !missed.contains(promise)).collect();
    assert!(never.is_empty(), "no mutant breaks {never:?}");
}

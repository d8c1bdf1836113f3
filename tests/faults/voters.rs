//! Two people who vote, in a process of their own, or by a command or at a server that may be killed in the middle of it, and
//! a requester who thinks better of some.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp_secure::approval::{Approval, ApprovalId, StateKind, Verdict};
use mcp_secure::store::{Decided, Moved, Store};
use tokio::runtime::Runtime;

use crate::book::{Book, PEOPLE, is_denied, is_withdrawn};
use crate::desk::Desk;
use crate::door::{Door, Said, Way};
use crate::races::vote;
use crate::round::Dice;

/// How long a command takes at most that is killed, starting included.
const A_COMMAND: u64 = 200;

/// What everybody needs.
pub(crate) struct Hall<'a> {
    pub(crate) desk: &'a Desk<'a>,
    pub(crate) book: &'a Book,
    pub(crate) runtime: &'a Runtime,
    pub(crate) store: Arc<dyn Store>,
    /// Where people decide over HTTP.
    pub(crate) door: Door,
    /// A voter has found something wrong, so that nobody waits for their votes.
    pub(crate) fallen: AtomicBool,
}

/// Says so when it goes in a panic.
struct Fall<'a>(&'a AtomicBool);

impl Drop for Fall<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Hall<'_> {
    pub(crate) fn approval(&self, id: &str) -> Approval {
        let id: ApprovalId = id.parse().unwrap();
        let found = self.runtime.block_on(self.store.approval(&id)).unwrap();
        found.unwrap_or_else(|| panic!("{id} is lost, which a client was told of"))
    }

    /// Votes as the one or the other until `stop`.
    pub(crate) fn votes(&self, me: usize, mut dice: Dice, stop: &AtomicBool) {
        let _fall = Fall(&self.fallen);
        while !stop.load(Ordering::Relaxed) {
            let next = self.book.lock().ballots[me].pop_front();
            let Some(id) = next else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            std::thread::sleep(Duration::from_millis(dice.between(0, 15)));
            if !self.vote(me, &id, &mut dice) {
                self.book.lock().ballots[me].push_back(id);
            }
        }
    }

    /// False where it is not known to count yet.
    fn vote(&self, me: usize, id: &str, dice: &mut Dice) -> bool {
        let found = self.approval(id);
        let bill = self.bill(id);
        if me == 0 && is_withdrawn(bill) && self.first_of(bill, id) {
            return self.withdraw(&found);
        }
        let voted = found.votes.iter().any(|cast| cast.person == PEOPLE[me]);
        if voted || found.state.kind() != StateKind::Pending {
            return true;
        }
        let denies = me == 1 && is_denied(bill);
        match dice.between(0, 5) {
            0 => self.votes_by_command(me, id, denies, dice),
            1 => self.votes_at_the_door(Way::Inbox, me, &found, denies, dice),
            2 | 3 => self.votes_at_the_door(Way::Api, me, &found, denies, dice),
            _ => self.votes_here(me, &found, denies),
        }
    }

    fn votes_by_command(&self, me: usize, id: &str, denies: bool, dice: &mut Dice) -> bool {
        let word = if denies { "deny" } else { "approve" };
        let command = ["approvals", word, id, "--as", PEOPLE[me]];
        if dice.between(0, 1) == 0 {
            let after = Duration::from_millis(dice.between(0, A_COMMAND));
            let killed = u64::from(self.desk.killed(&command, after));
            self.book.lock().commands_killed += killed;
            return false;
        }
        let counts = self.desk.try_run(&command).status.success();
        if counts {
            self.counts("command", me, id, denies);
        }
        counts
    }

    fn votes_at_the_door(
        &self,
        way: Way,
        me: usize,
        found: &Approval,
        denies: bool,
        dice: &mut Dice,
    ) -> bool {
        let id = found.id.to_string();
        let (said, killed) = self.door.vote(self.desk, way, me, &id, denies, dice);
        self.book.lock().doors_killed += u64::from(killed);
        match said {
            Said::Counts => self.counts(way.as_str(), me, &id, denies),
            Said::TooLate => {}
            // It is looked whether it counts before it is sent again.
            Said::Nothing => return false,
        }
        true
    }

    /// A vote was acknowledged.
    fn counts(&self, way: &'static str, me: usize, id: &str, denies: bool) {
        let mut known = self.book.lock();
        known.votes.insert((id.to_owned(), PEOPLE[me], !denies));
        *known.ways.entry(way).or_default() += 1;
    }

    fn votes_here(&self, me: usize, found: &Approval, denies: bool) -> bool {
        let verdict = if denies { Verdict::Deny } else { Verdict::Approve };
        let deciding = self.store.decide(&found.id, found.effect, vote(PEOPLE[me], verdict));
        match self.runtime.block_on(deciding) {
            Ok(Decided::Counted(_)) => self.counts("store", me, &found.id.to_string(), denies),
            // It may have been decided a moment before.
            Ok(Decided::Refused(_)) => {}
            // Others may have held the store for too long. It is looked whether it counts before it is cast again.
            Err(_) => return false,
        }
        true
    }

    fn bill(&self, id: &str) -> u32 {
        self.book.lock().asked[id]
    }

    /// Whether no request for this bill was taken back before.
    fn first_of(&self, bill: u32, id: &str) -> bool {
        let known = self.book.lock();
        let others = known.withdrawn.iter().filter(|other| known.asked[*other] == bill);
        others.count() == 0 || known.withdrawn.contains(id)
    }

    fn withdraw(&self, found: &Approval) -> bool {
        let taking = self.store.withdraw(&found.id, found.requester.clone());
        match self.runtime.block_on(taking) {
            Ok(Moved::To(_)) => {
                self.book.lock().withdrawn.insert(found.id.to_string());
            }
            Ok(_) => {}
            Err(_) => return false,
        }
        true
    }
}

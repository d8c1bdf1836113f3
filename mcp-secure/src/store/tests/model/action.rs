//! What can happen next, and what it is answered with.

use super::people::{Account, CLIENTS};
use super::world::{Ending, Replica, World};
use crate::approval::{StateKind, TransitionRefused, Verdict, VoteRefused};
use crate::clock::Timestamp;
use crate::store::{CommitRefused, Finished, Renewed, Resolution, RunState};

/// A call that is not the approved one, though it names the approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Forgery {
    OtherClient,
    OtherAccount,
    OtherEffect,
    OtherTool,
    OtherDigest,
}

impl Forgery {
    const ALL: [Self; 5] = [
        Self::OtherClient,
        Self::OtherAccount,
        Self::OtherEffect,
        Self::OtherTool,
        Self::OtherDigest,
    ];
}

/// One step of anybody. A replica is named by its place, a request by its place in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Twelve hours go by.
    Wait,
    /// The call is made, or made again, through this client, and people are asked.
    Ask {
        client: usize,
    },
    /// A replica looks up what stands for the call.
    Look {
        replica: usize,
        client: usize,
    },
    /// It commits a run of any request at once, by its id alone, whatever stands and whatever it looked up before.
    Rush {
        replica: usize,
        slot: usize,
    },
    /// It commits a run of what it has found.
    Commit {
        replica: usize,
    },
    /// It tries to commit the same run once more.
    CommitAgain {
        replica: usize,
    },
    /// The body has its effect.
    Act {
        replica: usize,
    },
    Renew {
        replica: usize,
    },
    Finish {
        replica: usize,
        ending: Ending,
    },
    /// The process dies.
    Crash {
        replica: usize,
    },
    Vote {
        slot: usize,
        account: Account,
        verdict: Verdict,
    },
    /// A vote on what was shown before, or in another request.
    StaleVote {
        slot: usize,
    },
    WithdrawOwn {
        slot: usize,
        client: usize,
    },
    WithdrawOthers {
        slot: usize,
        account: Account,
    },
    /// What would run is no longer what people approved.
    Void {
        slot: usize,
    },
    /// An operator calls everything off that stands.
    VoidAll,
    /// A call that names somebody else's approval, or another effect's.
    Forge {
        slot: usize,
        forgery: Forgery,
    },
    /// A process looks for what lapsed and what ran out, and records it.
    Sweep,
    /// A person says what became of a run in doubt; `by_run` names the run and not the request.
    Resolve {
        slot: usize,
        account: Account,
        found: Resolution,
        by_run: bool,
    },
}

/// What the store says to it. The world's own numbers stand for ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Nothing,
    Created(usize),
    Existing(usize),
    RanOut(usize),
    Found(Option<usize>),
    Counted,
    VoteRefused(VoteRefused),
    Moved,
    NotFound,
    NotMoved(TransitionRefused),
    NotAllowed(VoteRefused),
    NotInDoubt(RunState),
    AllMoved(Vec<usize>),
    Running {
        lease_until: Timestamp,
    },
    NotRunning(CommitRefused),
    Renewed(Renewed),
    Finished(Finished),
    Swept {
        lapsed: Vec<usize>,
        ran_out: Vec<usize>,
    },
    /// The operation failed, and nothing has changed.
    Error,
}

/// Everything that anybody can do in this world.
pub(super) fn possible(world: &World) -> Vec<Action> {
    let mut all = vec![Action::Wait, Action::Sweep, Action::VoidAll];
    all.extend((0..CLIENTS.len()).map(|client| Action::Ask { client }));
    for (replica, holds) in world.replicas.iter().enumerate() {
        match holds {
            Replica::Idle => {
                let look = |client| Action::Look { replica, client };
                all.extend((0..CLIENTS.len()).map(look));
                let rush = |slot| Action::Rush { replica, slot };
                all.extend((0..world.slots.len()).map(rush));
            }
            Replica::Found(_) => {
                all.extend([Action::Commit { replica }, Action::Crash { replica }]);
            }
            Replica::Began(_) | Replica::Acted(_) => {
                let endings: &[_] = if matches!(holds, Replica::Began(_)) {
                    all.push(Action::Act { replica });
                    &[Ending::NoEffect, Ending::NeverBegan, Ending::Unknown]
                } else {
                    &[Ending::Done, Ending::Failed, Ending::Unknown]
                };
                all.extend(
                    endings.iter().map(|ending| Action::Finish { replica, ending: *ending }),
                );
                all.extend([
                    Action::CommitAgain { replica },
                    Action::Renew { replica },
                    Action::Crash { replica },
                ]);
            }
        }
    }
    for slot in 0..world.slots.len() {
        about(world, slot, &mut all);
    }
    all
}

/// What can be done to one request. Where everybody is refused for the same reason, one of them tries.
fn about(world: &World, slot: usize, all: &mut Vec<Action>) {
    let kind = world.slots[slot].state.kind();
    let everybody = &Account::ALL[..];
    let one = &[Account::Carol][..];
    for account in if kind == StateKind::Pending { everybody } else { one } {
        for verdict in [Verdict::Approve, Verdict::Deny] {
            all.push(Action::Vote { slot, account: *account, verdict });
        }
    }
    for account in if kind == StateKind::InDoubt { everybody } else { one } {
        for found in [Resolution::Done, Resolution::NotDone] {
            for by_run in [false, true] {
                all.push(Action::Resolve { slot, account: *account, found, by_run });
            }
        }
    }
    all.extend((0..CLIENTS.len()).map(|client| Action::WithdrawOwn { slot, client }));
    all.extend(one.iter().map(|account| Action::WithdrawOthers { slot, account: *account }));
    all.extend([Action::StaleVote { slot }, Action::Void { slot }]);
    all.extend(Forgery::ALL.map(|forgery| Action::Forge { slot, forgery }));
}

impl Action {
    /// The same step about things that stand elsewhere.
    pub(super) fn moved(
        self,
        slots: impl Fn(usize) -> usize,
        replicas: impl Fn(usize) -> usize,
    ) -> Self {
        let mut to = self;
        match &mut to {
            Self::Wait | Self::Ask { .. } | Self::VoidAll | Self::Sweep => {}
            Self::Rush { replica, slot } => {
                (*replica, *slot) = (replicas(*replica), slots(*slot));
            }
            Self::Look { replica, .. }
            | Self::Commit { replica }
            | Self::CommitAgain { replica }
            | Self::Act { replica }
            | Self::Renew { replica }
            | Self::Finish { replica, .. }
            | Self::Crash { replica } => *replica = replicas(*replica),
            Self::Vote { slot, .. }
            | Self::StaleVote { slot }
            | Self::WithdrawOwn { slot, .. }
            | Self::WithdrawOthers { slot, .. }
            | Self::Void { slot }
            | Self::Forge { slot, .. }
            | Self::Resolve { slot, .. } => *slot = slots(*slot),
        }
        to
    }
}

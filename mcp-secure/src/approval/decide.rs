use super::{Approval, CastVote, Event, Party, State, StateKind, TransitionRefused, Verdict, Vote};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::identity::{LOCAL_ISSUER, is_clients_own};

/// Why a vote is not counted. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoteRefused {
    /// No such request, or it is another tenant's: the two are not told apart.
    #[error("no such approval request")]
    NotFound,
    /// The digest is not the request's: what the person saw is not what would run.
    #[error("the request is not the one that was shown; look at it again")]
    StaleDigest,
    /// It is decided, or gone.
    #[error("the request is `{0}` and can no longer be decided")]
    NotPending(StateKind),
    /// It ran out.
    #[error("the request has expired; the call has to be made again")]
    Expired,
    /// This person has voted.
    #[error("this person has already voted")]
    AlreadyVoted,
    /// The voter asked for it, or acts for who asked.
    #[error("the requester cannot decide their own request; ask somebody else")]
    Requester,
    /// It cannot be told whether the voter asked for it, or acts for who asked: they are of different issuers, and the
    /// claim that names the person is missing.
    #[error(
        "it cannot be told whether you asked for this yourself; decide at the issuer of whoever asked, or have the claim that \
         names the person put into the tokens that ask"
    )]
    UnknownRequester,
    /// No human stands behind the voter.
    #[error("only a person can decide, and no person is known behind this account")]
    NoPerson,
    /// Somebody acts on the voter's behalf, so it is not the person who speaks.
    #[error("a decision cannot be made on a person's behalf; sign in directly")]
    Delegated,
    /// The client that asked is the client that decides.
    #[error("the client that asked cannot carry the decision; decide in another one")]
    SameClient,
}

/// What a counted vote leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The vote to store.
    pub(crate) vote: CastVote,
    /// The state to move to; `None` while people are missing.
    pub(crate) next: Option<State>,
}

/// Judges one vote on `approval`, shown to the voter under `digest`.
///
/// Refusals are in an order that tells a stranger nothing: another tenant hears `NotFound` before anything else.
pub(crate) fn count(
    approval: &Approval,
    digest: &Digest,
    vote: &Vote,
    now: Timestamp,
) -> Result<Outcome, VoteRefused> {
    let person = eligible(&approval.requester, &vote.voter, approval.allow_requester)?;
    if approval.effect != *digest {
        return Err(VoteRefused::StaleDigest);
    }
    match approval.state.clone().as_of(now, approval.expires).kind() {
        StateKind::Pending => {}
        StateKind::Expired => return Err(VoteRefused::Expired),
        other => return Err(VoteRefused::NotPending(other)),
    }
    if approval.votes.iter().any(|cast| has_voted(cast, &vote.voter, person)) {
        return Err(VoteRefused::AlreadyVoted);
    }
    let needed = usize::try_from(approval.quorum.max(1)).unwrap_or(usize::MAX);
    let event = match vote.verdict {
        Verdict::Deny => {
            Some(Event::Deny { person: person.to_owned(), reason: vote.reason.clone() })
        }
        Verdict::Approve if approval.approvals().saturating_add(1) >= needed => {
            Some(Event::Approve)
        }
        Verdict::Approve => None,
    };
    let next = event.map(|e| approval.state.after(e, now, approval.expires)).transpose().map_err(
        |no| match no {
            TransitionRefused::Expired => VoteRefused::Expired,
            _ => VoteRefused::NotPending(approval.state.kind()),
        },
    )?;
    Ok(Outcome { vote: cast(person, vote, now), next })
}

/// Whether `who` may say how a doubtful run ended: a person other than `asked`, whatever the tool allows.
pub(crate) fn may_resolve<'a>(asked: &Party, who: &'a Party) -> Result<&'a str, VoteRefused> {
    eligible(asked, who, false)
}

/// Whether `who` may say how a doubtful rollback ended, which `asked` took. That is done where people decide, and never
/// through a client of an agent's: two persons may have it done in one place.
pub(crate) fn may_resolve_rollback<'a>(
    asked: &Party,
    who: &'a Party,
) -> Result<&'a str, VoteRefused> {
    another_person(asked, who, false)
}

/// The person behind `who`, if they are somebody who may speak on what `asked` has asked for.
fn eligible<'a>(
    asked: &Party,
    who: &'a Party,
    allow_requester: bool,
) -> Result<&'a str, VoteRefused> {
    let person = another_person(asked, who, allow_requester)?;
    if asked.client == who.client {
        return Err(VoteRefused::SameClient);
    }
    Ok(person)
}

/// The person behind `who`, if they are known, speak for themselves, and are not behind what `asked` has asked for.
fn another_person<'a>(
    asked: &Party,
    who: &'a Party,
    allow_requester: bool,
) -> Result<&'a str, VoteRefused> {
    if asked.tenant != who.tenant {
        return Err(VoteRefused::NotFound);
    }
    let Some(person) = who.person.as_deref().filter(|p| !p.trim().is_empty()) else {
        return Err(VoteRefused::NoPerson);
    };
    if !who.actors.is_empty() {
        return Err(VoteRefused::Delegated);
    }
    let same_person = asked.person.as_deref().is_some_and(|asking| is_same(asking, person));
    if (same_account(asked, &who.issuer, &who.subject) || same_person) && !allow_requester {
        return Err(VoteRefused::Requester);
    }
    // Those who act for the requester never decide, even where the requester may.
    for actor in &asked.actors {
        acts_as(actor, asked, who, person)?;
    }
    // A program that acts for itself is nobody. Behind any other account there is a person, whom only a claim can name
    // at another issuer. The sandbox says itself who is nobody.
    let is_nobody = is_clients_own(&asked.subject, &asked.client) || asked.issuer == LOCAL_ISSUER;
    if asked.person.is_none() && asked.issuer != who.issuer && !is_nobody {
        return Err(VoteRefused::UnknownRequester);
    }
    Ok(person)
}

/// Whether two names are one person's: an address is the same one in capitals.
fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn same_account(party: &Party, issuer: &str, subject: &str) -> bool {
    party.issuer == issuer && party.subject == subject
}

/// A person votes once, whichever account it is through; and an account votes once, whomever it is said to be by then.
fn has_voted(cast: &CastVote, who: &Party, person: &str) -> bool {
    is_same(&cast.person, person) || same_account(who, &cast.issuer, &cast.subject)
}

/// Refuses a voter who is this actor, or may be.
///
/// A token calls an actor `issuer|subject` (RFC 8693 section 4.1, which names no person), the people of a sandbox by a
/// bare name. One of another issuer than the voter's cannot be told from the voter, unless it is the client that asked:
/// that is a program.
fn acts_as(actor: &str, asked: &Party, who: &Party, person: &str) -> Result<(), VoteRefused> {
    // A bare name is one of the voter's own issuer.
    let (issuer, subject) = actor.split_once('|').unwrap_or((&who.issuer, actor));
    let of_voters = issuer == who.issuer;
    let is_voter = if of_voters {
        subject == who.subject || is_same(actor, person)
    } else {
        is_same(subject, person)
    };
    if is_voter {
        return Err(VoteRefused::Requester);
    }
    let is_client = is_clients_own(subject, &asked.client);
    if of_voters || is_client { Ok(()) } else { Err(VoteRefused::UnknownRequester) }
}

fn cast(person: &str, vote: &Vote, at: Timestamp) -> CastVote {
    let voter = &vote.voter;
    CastVote {
        person: person.to_owned(),
        issuer: voter.issuer.clone(),
        subject: voter.subject.clone(),
        client: voter.client.clone(),
        verdict: vote.verdict,
        reason: vote.reason.clone(),
        method: voter.method,
        policy: vote.policy.clone(),
        account: Some(voter.clone()),
        at,
    }
}

//! Cedar policies: default deny, indexed by action, any error denies.
//!
//! The schema that policies are checked against is made from the tools themselves, so a policy that names an action,
//! attribute or argument there is not, or that could never apply, keeps the server from starting: it would otherwise
//! be a rule that silently never matches.
//!
//! What a policy sees:
//!
//! | | |
//! |---|---|
//! | `principal` | `User::"<issuer>\|<subject>"` in its `Role::"..."`, `Scope::"..."` and `Tenant::"..."`; attributes `issuer`, `subject`, `tenant`, `client`, `method`, `roles`, `scopes`, `actors`, and `person` where it is known |
//! | `action` | `Action::"<tool>"` in `Action::"<permission>"`; `Action::"decide:<tool>"`, `rollback:`, `resolve:`, `reveal:` in theirs |
//! | `resource` | the declared type, as `Order::"ord_5001"`, in its `Tenant::"..."`, with `tenant` and the listed attributes; `Application::"<server>"` where a tool names none |
//! | `context` | `args`, `client`, `risk`, `now`; and `requester` where one person judges another's call |

mod action;
mod engine;
mod entities;
mod facts;
mod fault;
mod known;
mod load;
mod memo;
mod reads;
mod schema;
mod settled;
mod shape;
mod source;
mod tenant;
mod verdict;

#[cfg(test)]
mod tests;

pub use engine::PolicyEngine;
pub use facts::{Act, ActionFacts, Question, Requester, ResourceFacts};
pub use fault::PolicyFault;
pub use source::Policies;
pub use tenant::{Unavailable, admit, same_tenant};
pub use verdict::{DenyReason, Verdict};

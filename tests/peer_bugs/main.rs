//! Failures that other systems had, each as a test that holds it impossible here. They are numbered and named after the
//! shape of the failure; `docs/requirements.md` names them too.

#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of support-desk, which use more of it"
)]
#[path = "../support_desk/harness/mod.rs"]
mod harness;

mod app;

mod approvals;
mod deciding;
mod declarations;
mod expiry;
mod faults;
mod issuer;
mod limits;
mod policies;
mod previews;
mod races;
mod records;
mod releases;
mod repeats;
mod requirements;
mod rollbacks;
mod slowness;
mod starting;
mod stores;
mod switches;
mod tasks;
mod tasks_over;
mod transports;
mod trips;

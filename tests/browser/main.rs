//! The inbox, as people meet it: support-desk serves it, Chromium shows it.
//!
//! `UPDATE_SCREENSHOTS=1 cargo test -p mcp-secure-tests --test browser` takes the pictures of the guide anew.

mod driver;
mod forged;
#[path = "../support_desk/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of support-desk use more of it")]
mod harness;
mod shape;
mod stage;
mod window;

mod accessible;
mod deciding;
mod hostile;
mod issuer;
mod own;
mod own_requests;
mod pictures;
mod runs;
mod seeing;
mod sessions;
mod signing_in;
mod switching;
mod watching;

//! What was made at build time is what is committed, and what the program would serve.

use std::fs;

use mcp_secure::manifest::Manifest;
use ticket_app::MANIFEST;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/manifest.json");

#[test]
fn the_committed_manifest_is_the_built_one() {
    if std::env::var_os("UPDATE_MANIFEST").is_some() {
        fs::write(COMMITTED, MANIFEST).unwrap();
    }
    let committed = fs::read_to_string(COMMITTED).unwrap();
    assert_eq!(
        committed, MANIFEST,
        "run `UPDATE_MANIFEST=1 cargo test -p ticket-app` and review the change"
    );
}

#[test]
fn the_built_manifest_is_the_served_one() {
    let served = Manifest::of(
        "ticket-app",
        env!("CARGO_PKG_VERSION"),
        Some("support-platform"),
        ticket_tools::served(),
    )
    .unwrap();
    assert_eq!(served.difference(MANIFEST), None);
}

#[test]
fn a_changed_permission_is_a_difference() {
    let changed = MANIFEST.replace("ticket.draft", "ticket.read");
    assert_ne!(changed, MANIFEST);
    let served = Manifest::of(
        "ticket-app",
        env!("CARGO_PKG_VERSION"),
        Some("support-platform"),
        ticket_tools::served(),
    )
    .unwrap();
    assert!(served.difference(&changed).is_some_and(|words| words.contains("ticket.draft")));
}

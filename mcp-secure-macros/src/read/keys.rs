//! The keys of each attribute, in the order of the attribute reference.

use mcp_secure_rules::declaration::Kind;

/// Keys that every declaration takes.
const COMMON: [&str; 14] = [
    "risk",
    "permission",
    "public",
    "resource",
    "open_world",
    "rate_limit",
    "timeout",
    "max_output",
    "max_concurrent",
    "owner",
    "title",
    "name",
    "version",
    "broad",
];

/// Keys that speak of an effect, which only a tool has.
const EFFECTS: [&str; 8] = [
    "approval",
    "read_only",
    "destructive",
    "idempotent",
    "dry_run",
    "idempotency",
    "rollback",
    "irreversible",
];

/// Keys of a resource alone.
const ADDRESS: [&str; 2] = ["uri", "mime_type"];

/// The keys that an attribute takes.
pub(crate) fn known(kind: Kind) -> Vec<&'static str> {
    let own: &[&str] = match kind {
        Kind::Tool => &EFFECTS,
        Kind::Resource => &ADDRESS,
        Kind::Prompt => &[],
    };
    COMMON.iter().chain(own).copied().collect()
}

/// Why a key that another attribute takes has no meaning on this one.
pub(crate) fn misplaced(kind: Kind, key: &str) -> Option<&'static str> {
    if kind == Kind::Tool && ADDRESS.contains(&key) {
        return Some("a tool has no address, so this belongs to `#[resource]`");
    }
    if kind == Kind::Prompt && ADDRESS.contains(&key) {
        return Some("a prompt has no address, so this belongs to `#[resource]`");
    }
    if kind != Kind::Tool && EFFECTS.contains(&key) {
        return Some(
            "resources and prompts are read-only and have no effect to control, so this belongs to `#[tool]`",
        );
    }
    None
}

/// The keys of `approval(...)`.
pub(crate) const APPROVAL: [&str; 5] = ["by", "quorum", "expires", "when", "allow_requester"];
/// The keys of `idempotency(...)`.
pub(crate) const IDEMPOTENCY: [&str; 2] = ["key", "window"];
/// The keys of `rollback(path, ...)`.
pub(crate) const ROLLBACK: [&str; 2] = ["permission", "within"];
/// The keys of `#[arg(...)]`.
pub(crate) const ARG: [&str; 8] =
    ["min", "max", "min_len", "max_len", "pattern", "one_of", "default", "sensitive"];

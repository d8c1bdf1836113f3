//! The rules of a tool declaration, as pure functions over plain facts.
//!
//! The attribute macros apply them while compiling and the runtime applies them again at start-up, to hand-written
//! declarations and to those of other crates. One source, so the two can never disagree.

pub mod codes;
pub mod declaration;
pub mod house;
pub mod names;
pub mod power;
pub mod text;
pub mod units;

pub use codes::Code;
pub use declaration::{Facts, Fault};

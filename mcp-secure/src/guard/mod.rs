//! The last look at what leaves the server: its size, its schema, its characters.

#[cfg(feature = "server")]
mod output;
mod text;

#[cfg(feature = "server")]
pub(crate) use output::{Checked, check};
#[cfg(feature = "server")]
pub(crate) use text::clean_text;
pub(crate) use text::public_text;

//! Parsing: the user's tokens as a raw model with spans. Nothing is judged here but the form.

pub(crate) mod arg;
pub(crate) mod attribute;
pub(crate) mod docs;
pub(crate) mod entries;
pub(crate) mod function;
pub(crate) mod keys;
pub(crate) mod value;

//! Promises of the decision API, each named after what it holds.

mod deciding;
mod kit;
mod looking;
mod outages;
mod tokens;
mod undoing;

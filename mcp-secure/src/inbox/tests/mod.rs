//! The promises of the inbox, over real HTTP on loopback.

mod deciding;
mod kit;
mod signing_in;

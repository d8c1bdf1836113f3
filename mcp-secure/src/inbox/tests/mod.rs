//! The promises of the inbox, over real HTTP on loopback.

mod deciding;
mod forms;
mod issuer;
mod kit;
mod pages;
mod running;
mod sight;
mod signing_in;
mod trouble;

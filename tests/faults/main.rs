//! What can happen to a server at the worst moment. Nothing that was acknowledged is lost, nothing happens twice, nothing
//! happens unrecorded, and what nobody can know is said to be in doubt until a person has found out.
//!
//! `MCP_SECURE_KILLS=2000` makes it that many kills over both stores instead of a hundred, for at most
//! `MCP_SECURE_KILL_MINUTES`, which is 20 unless said. `MCP_SECURE_SEED` repeats the times of another run.
//! `MCP_SECURE_RACES=10000` has two processes race so often for an approval, on each store. `MCP_SECURE_HANGS` is how often
//! the database hangs meanwhile in a test of its own.

mod approved;
mod bills;
mod book;
mod client;
mod clocks;
mod desk;
mod door;
mod http;
mod kills;
mod outages;
mod people;
mod races;
mod reckoning;
mod round;
mod voters;
mod wire;

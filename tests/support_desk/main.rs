//! support-desk driven from outside, as a stranger would: by the official clients, by hand-written bytes, and on the
//! command line. Nothing here links the framework; what holds, holds for the program.

mod harness;

mod announcements;
mod approvals;
mod cli;
mod clients;
mod disk;
mod doubt;
mod hostile_http;
mod hostile_stdio;
mod limits;
mod private;
mod processes;
mod refusals;
mod repeats;
mod store;
mod switches;
mod undoing;

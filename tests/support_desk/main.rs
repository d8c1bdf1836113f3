//! support-desk driven from outside, as a stranger would: by the official clients, by hand-written bytes, and on the
//! command line. Nothing here links the framework; what holds, holds for the program.

mod harness;

mod announcements;
mod api;
mod approvals;
mod browsing;
mod channels_agents;
mod channels_links;
mod channels_replicas;
mod channels_tasks;
mod cli;
mod clients;
mod disk;
mod doubt;
mod every_channel;
mod hostile_http;
mod hostile_stdio;
mod limits;
mod oidc;
mod private;
mod processes;
mod refusals;
mod repeats;
mod store;
mod switches;
mod undoing;

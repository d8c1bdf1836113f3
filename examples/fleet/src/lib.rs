//! fleet: one application, served by three processes that share one PostgreSQL, behind a proxy that knows nothing of it.
//!
//! [`app`] is the application: its [`tools`], and its own [`database`], with a table that counts what really happened.
//! [`up`] starts everything; [`proxy`] hands each request to the next server.

pub mod app;
pub mod database;
pub mod proxy;
pub mod tools;
pub mod up;

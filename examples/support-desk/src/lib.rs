//! support-desk: customers, orders and tickets that an AI agent may read, and changes that it may draft or ask for.
//!
//! [`desk`] is the application as it would be without agents. [`tools`] is what agents get of it, each function with
//! its policy. [`app`] puts both together; the rules of who may do what are in `policies/`.

pub mod app;
pub mod desk;
pub mod tools;

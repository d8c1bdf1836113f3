//! Who is calling: principals, and the authenticators that alone make them.

mod principal;

pub use principal::{Method, Principal};

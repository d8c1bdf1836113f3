//! The command line every application gets.

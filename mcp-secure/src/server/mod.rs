//! The builder, and serving over stdio and HTTP.

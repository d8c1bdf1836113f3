//! The record: append-only, hash-chained, durable before a mutating body runs.

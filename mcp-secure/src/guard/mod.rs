//! The last look at what leaves the server.

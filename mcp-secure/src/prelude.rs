//! What an application imports: `use mcp_secure::prelude::*;`.

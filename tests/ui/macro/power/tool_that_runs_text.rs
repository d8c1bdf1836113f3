use mcp_secure::prelude::*;

/// Runs a script on the build machine.
#[tool(risk = "high", permission = "build.run", approval)]
async fn execute_command(line: String) {
    let _ = line;
}

fn main() {}

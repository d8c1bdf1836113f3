use mcp_secure::prelude::*;

/// Runs a script on the build machine.
#[tool(name = "run_script", risk = "high", permission = "build.run", approval)]
async fn harmless(text: String) {
    let _ = text;
}

fn main() {}

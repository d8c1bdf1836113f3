//! Writes the manifest of the tools, or stops the build with everything that is wrong with them.

use std::path::Path;
use std::{env, fs};

use mcp_secure::manifest::Manifest;

fn main() -> Result<(), String> {
    let manifest = Manifest::of(
        "ticket-app",
        env!("CARGO_PKG_VERSION"),
        Some("support-platform"),
        ticket_tools::served(),
    )
    .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let folder = env::var("OUT_DIR").map_err(|error| error.to_string())?;
    fs::write(Path::new(&folder).join("manifest.json"), manifest.to_json())
        .map_err(|error| error.to_string())?;
    // Cargo runs this again when the library with the tools changes; nothing else goes in.
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

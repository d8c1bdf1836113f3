//! The packages that are checked: the same tools, once declared with `#[tool]`, once on a bare rmcp router.

use std::fmt::Write as _;
use std::path::Path;

use crate::Flavour;

/// The whole workspace. It takes the versions of the project's own lock file.
pub(crate) fn workspace(folder: &Path, root: &Path, sizes: &[usize]) {
    let _ = std::fs::create_dir_all(folder);
    let mut members = Vec::new();
    for flavour in [Flavour::Secure, Flavour::Bare] {
        for size in sizes {
            let package = flavour.package(*size);
            write(&folder.join(&package).join("src/lib.rs"), &source(flavour, *size, 0));
            let manifest = format!(
                "[package]\nname = \"{package}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}",
                dependencies(flavour, root)
            );
            write(&folder.join(&package).join("Cargo.toml"), &manifest);
            members.push(format!("\"{package}\""));
        }
    }
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[profile.dev]\ndebug = \"line-tables-only\"\n",
        members.join(", ")
    );
    write(&folder.join("Cargo.toml"), &manifest);
    std::fs::copy(root.join("rust-toolchain.toml"), folder.join("rust-toolchain.toml")).unwrap();
    // Cargo adds what is only in here and keeps the rest.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    write(&folder.join("mcp-secure.toml"), "");
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    if std::fs::read_to_string(path).ok().as_deref() != Some(text) {
        std::fs::write(path, text).unwrap();
    }
}

fn dependencies(flavour: Flavour, root: &Path) -> String {
    let both = "schemars = \"1\"\nserde = { version = \"1\", features = [\"derive\"] }\n";
    match flavour {
        Flavour::Secure => {
            format!("mcp-secure = {{ path = \"{}\" }}\n{both}", root.join("mcp-secure").display())
        }
        Flavour::Bare => format!(
            "rmcp = {{ version = \"3.11\", default-features = false, features = [\"macros\", \"server\"] }}\n{both}"
        ),
    }
}

/// `turn` changes the body of the last tool and nothing else.
pub(crate) fn source(flavour: Flavour, size: usize, turn: usize) -> String {
    match flavour {
        Flavour::Secure => secure(size, turn),
        Flavour::Bare => bare(size, turn),
    }
}

fn secure(size: usize, turn: usize) -> String {
    let mut text = String::from(
        "use mcp_secure::prelude::*;\nuse schemars::JsonSchema;\nuse serde::Serialize;\n\n\
         pub struct Book { pub name: String }\n\n#[derive(State)]\npub struct App { pub book: Book }\n\n",
    );
    for n in 0..size {
        let extra = if n + 1 == size { turn } else { 0 };
        write!(
            text,
            "/// What the shelf number {n} holds.\n#[derive(Debug, Serialize, JsonSchema, ToolOutput)]\npub struct Shelf{n} {{\n    \
             /// Its name.\n    pub name: String,\n    /// How many things lie there.\n    pub count: u32,\n}}\n\n\
             /// Says what the shelf number {n} holds.\n#[tool(risk = \"low\", permission = \"shelf.read\", read_only)]\n\
             pub async fn read_shelf_{n}(\n    book: &Book,\n    /// Whose shelf it is.\n    #[arg(max_len = 40)]\n    \
             customer: String,\n    /// How many things to count at most.\n    #[arg(min = 1, max = 100)]\n    limit: u32,\n\
             ) -> Result<Shelf{n}, ToolError> {{\n    let name = format!(\"{{}} of {{customer}}\", book.name);\n    \
             Ok(Shelf{n} {{ name, count: limit + {extra} }})\n}}\n\n"
        )
        .unwrap();
    }
    let names: Vec<String> = (0..size).map(|n| format!("read_shelf_{n}")).collect();
    write!(text, "pub fn served() -> ToolSet<App> {{\n    tools![{}]\n}}\n", names.join(", "))
        .unwrap();
    text
}

fn bare(size: usize, turn: usize) -> String {
    let mut text = String::from(
        "use rmcp::handler::server::wrapper::{Json, Parameters};\nuse rmcp::{ErrorData, ServerHandler, tool, tool_handler, tool_router};\n\
         use schemars::JsonSchema;\nuse serde::{Deserialize, Serialize};\n\npub struct Book { pub name: String }\n\n\
         pub struct App { pub book: Book }\n\n",
    );
    for n in 0..size {
        write!(
            text,
            "/// What the shelf number {n} holds.\n#[derive(Debug, Serialize, JsonSchema)]\npub struct Shelf{n} {{\n    \
             /// Its name.\n    pub name: String,\n    /// How many things lie there.\n    pub count: u32,\n}}\n\n\
             #[derive(Debug, Deserialize, JsonSchema)]\npub struct ReadShelf{n} {{\n    /// Whose shelf it is.\n    \
             #[schemars(length(max = 40))]\n    pub customer: String,\n    /// How many things to count at most.\n    \
             #[schemars(range(min = 1, max = 100))]\n    pub limit: u32,\n}}\n\n"
        )
        .unwrap();
    }
    text.push_str("#[tool_router]\nimpl App {\n");
    for n in 0..size {
        let extra = if n + 1 == size { turn } else { 0 };
        write!(
            text,
            "    /// Says what the shelf number {n} holds.\n    #[tool(annotations(read_only_hint = true))]\n    \
             pub async fn read_shelf_{n}(\n        &self,\n        Parameters(ReadShelf{n} {{ customer, limit }}): Parameters<ReadShelf{n}>,\n    \
             ) -> Result<Json<Shelf{n}>, ErrorData> {{\n        let name = format!(\"{{}} of {{customer}}\", self.book.name);\n        \
             Ok(Json(Shelf{n} {{ name, count: limit + {extra} }}))\n    }}\n\n"
        )
        .unwrap();
    }
    text.push_str("}\n\n#[tool_handler]\nimpl ServerHandler for App {}\n");
    text
}

//! What takes a package of its own: house rules, which are read from the package's folder, and lints of a whole library.
//!
//! Each folder of `crates/` becomes a member of a workspace that is checked in one go of cargo, beside trybuild's and
//! with what that has built.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::folder;

/// Where cargo puts what it builds: this test's own program is in `<target>/<profile>/deps`.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf()
}

fn cases() -> Vec<String> {
    let mut cases: Vec<String> = fs::read_dir(folder().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    cases.sort();
    cases
}

/// Writes a workspace of these members and returns its folder. Each test has its own, for tests run at once.
fn workspace(name: &str, cases: &[String]) -> PathBuf {
    let root = target().join("tests/crates").join(name);
    let ours = mcp_secure_tests::programs::workspace();
    let mut manifest = String::from("[workspace]\nresolver = \"3\"\nmembers = [");
    for case in cases {
        write!(manifest, "\"{case}\", ").unwrap();
        let member = root.join(case);
        drop(fs::remove_dir_all(&member));
        fs::create_dir_all(&member).unwrap();
        for file in fs::read_dir(folder().join("crates").join(case)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), member.join(file.file_name())).unwrap();
        }
        let package = format!(
            "[package]\nname = \"{case}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
             [lib]\npath = \"lib.rs\"\n\n\
             [dependencies]\nmcp-secure = {{ path = {:?}, default-features = false }}\nschemars = \"1\"\nserde = {{ version = \"1\", features = [\"derive\"] }}\n",
            ours.join("mcp-secure")
        );
        fs::write(member.join("Cargo.toml"), package).unwrap();
    }
    manifest.push_str("]\n");
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    fs::copy(ours.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
    root
}

/// What cargo says of each member; the folder of the member is left out of it.
fn said(command: &str, root: &Path, cases: &[String]) -> BTreeMap<String, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([command, "--offline", "--keep-going", "--message-format=json", "--quiet"])
        .args(cases.iter().flat_map(|case| ["--package", case]))
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target().join("tests/trybuild"))
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS");
    let output = cargo.output().unwrap();
    let mut said: BTreeMap<String, String> =
        cases.iter().map(|case| (case.clone(), String::new())).collect();
    let mut finished = false;
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        finished |= message["reason"] == "build-finished";
        let rendered = message["message"]["rendered"].as_str().unwrap_or_default();
        // What cargo counts up at the end depends on how many there are and says nothing.
        if rendered.starts_with("error: aborting")
            || rendered.starts_with("error: could not compile")
        {
            continue;
        }
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let is_error = message["message"]["level"] == "error";
        assert!(!is_error || said.contains_key(name), "what the members need:\n{rendered}");
        if let Some(all) = said.get_mut(name) {
            let rendered = rendered.replace(&format!("{}/", root.join(name).display()), "");
            all.push_str(&rendered.replace(&format!("{name}/"), ""));
        }
    }
    assert!(finished, "cargo did not run: {}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn a_house_rule_refuses_with_its_message() {
    let cases: Vec<String> = cases().into_iter().filter(|case| case.starts_with("house")).collect();
    assert!(cases.len() >= 6, "{cases:?}");
    let root = workspace("house", &cases);
    let mut wrong = Vec::new();
    for (case, said) in said("check", &root, &cases) {
        let expected = folder().join("crates").join(&case).join("expected.stderr");
        if std::env::var_os("TRYBUILD").is_some_and(|wish| wish == "overwrite") {
            fs::write(&expected, &said).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if said != expected || said.is_empty() {
            wrong.push(format!("{case}: expected\n{expected}\nbut was\n{said}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nrun again with TRYBUILD=overwrite if that is right",
        wrong.join("\n")
    );
}

/// The library denies every lint that a user may deny, and the expansion trips none: neither rustc's nor clippy's.
#[test]
fn the_expansion_trips_no_lint_that_a_user_may_deny() {
    let cases = [String::from("lints_denied")];
    let root = workspace("lints", &cases);
    let said = said("clippy", &root, &cases);
    assert_eq!(said["lints_denied"], "");
}

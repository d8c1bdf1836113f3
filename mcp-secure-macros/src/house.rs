//! The house rules file, `mcp-secure.toml`, from the package's folder up to the workspace root.

use std::fs;
use std::path::{Path, PathBuf};

use mcp_secure_rules::declaration::{Facts, Fault};
use mcp_secure_rules::house::{FILE_NAME, HouseRules};

/// What the house demands of a declaration.
#[derive(Debug, Clone, Default)]
pub(crate) struct House {
    rules: Vec<HouseRules>,
    /// The files read, absolute.
    pub(crate) files: Vec<String>,
    /// What is wrong with the files themselves.
    pub(crate) faults: Vec<String>,
}

impl House {
    /// The rules for the package that is being compiled.
    ///
    /// The file is read for each declaration: it is small, and a long-lived editor process must not hold an old one.
    pub(crate) fn of_package() -> Self {
        std::env::var_os("CARGO_MANIFEST_DIR")
            .map(|folder| Self::from(Path::new(&folder)))
            .unwrap_or_default()
    }

    /// The rules for a package in `folder`. Every file between it and the workspace root holds, so that a member cannot
    /// demand less than its workspace.
    pub(crate) fn from(folder: &Path) -> Self {
        let mut house = Self::default();
        for folder in folders(folder) {
            let file = folder.join(FILE_NAME);
            let shown = file.display().to_string();
            match fs::read_to_string(&file) {
                Ok(text) => house.add(shown, &text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => house
                    .faults
                    .push(format!("the house rules in `{shown}` cannot be read: {error}")),
            }
        }
        house
    }

    /// Adds one file's rules.
    pub(crate) fn add(&mut self, file: String, text: &str) {
        match HouseRules::parse(text) {
            Ok(rules) => self.rules.push(rules),
            Err(faults) => {
                let faults = faults.into_iter().map(|fault| {
                    format!("the house rules file `{FILE_NAME}` is at fault: {fault}")
                });
                self.faults.extend(faults);
            }
        }
        self.files.push(file);
    }

    /// What the declaration lacks.
    pub(crate) fn check(&self, facts: &Facts<'_>) -> Vec<Fault> {
        self.rules.iter().flat_map(|rules| rules.check(facts)).collect()
    }
}

/// The package's folder and those above it up to the workspace root; the package's alone if there is no workspace.
fn folders(package: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for folder in package.ancestors() {
        folders.push(folder.to_path_buf());
        if is_workspace_root(folder) {
            return folders;
        }
    }
    folders.truncate(1);
    folders
}

fn is_workspace_root(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with("[workspace")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_at_the_workspace_root_holds_for_each_member() {
        let root = tempfile::tempdir().unwrap();
        let member = root.path().join("crates/app");
        fs::create_dir_all(&member).unwrap();
        fs::write(root.path().join("Cargo.toml"), "[workspace]\nmembers = [\"crates/*\"]").unwrap();
        fs::write(member.join("Cargo.toml"), "[package]").unwrap();
        assert!(House::from(&member).files.is_empty());
        fs::write(root.path().join(FILE_NAME), "[require]\nowner = true").unwrap();
        let house = House::from(&member);
        assert_eq!(house.files, [root.path().join(FILE_NAME).display().to_string()]);
        assert_eq!(house.rules.len(), 1);
        // A member may demand more, never less.
        fs::write(member.join(FILE_NAME), "max_risk = \"low\"").unwrap();
        assert_eq!(House::from(&member).rules.len(), 2);
    }

    #[test]
    fn a_package_without_a_workspace_looks_into_its_own_folder_only() {
        let outer = tempfile::tempdir().unwrap();
        let package = outer.path().join("app");
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("Cargo.toml"), "[package]").unwrap();
        fs::write(outer.path().join(FILE_NAME), "max_risk = \"low\"").unwrap();
        assert!(House::from(&package).files.is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_fault_and_never_no_rules() {
        let package = tempfile::tempdir().unwrap();
        fs::create_dir(package.path().join(FILE_NAME)).unwrap();
        assert_eq!(House::from(package.path()).faults.len(), 1);
        fs::remove_dir(package.path().join(FILE_NAME)).unwrap();
        fs::write(package.path().join(FILE_NAME), "requires = 1").unwrap();
        assert_eq!(House::from(package.path()).faults.len(), 1);
    }
}

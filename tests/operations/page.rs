//! The page, and a walk through one of its sections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use mcp_secure_tests::programs::workspace;

use crate::harness::{Desk, Finished, program};

/// A numbered step of the page.
#[derive(Debug)]
struct Step {
    number: usize,
    commands: Vec<String>,
}

/// The steps below `## <title>`.
fn section(title: &str) -> Vec<Step> {
    let page = std::fs::read_to_string(workspace().join("docs/src/operations.md")).unwrap();
    let mut lines = page.lines().skip_while(|line| *line != format!("## {title}")).skip(1);
    let mut steps: Vec<Step> = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            break;
        }
        if let Some((number, _)) = line.split_once(". ")
            && let Ok(number) = number.parse()
        {
            steps.push(Step { number, commands: Vec::new() });
        }
        if line.trim() == "```sh" {
            let block: Vec<&str> =
                lines.by_ref().map(str::trim).take_while(|line| *line != "```").collect();
            let step = steps.last_mut().expect("a command belongs to a step");
            step.commands.extend(block.into_iter().map(ToOwned::to_owned));
        }
    }
    let numbers: Vec<usize> = steps.iter().map(|step| step.number).collect();
    assert_eq!(numbers, (1..=steps.len()).collect::<Vec<_>>(), "{title}: the steps are in order");
    assert!(!steps.is_empty(), "{title} is not on the page");
    steps
}

/// The titles of all sections.
pub(crate) fn titles() -> Vec<String> {
    let page = std::fs::read_to_string(workspace().join("docs/src/operations.md")).unwrap();
    page.lines().filter_map(|line| line.strip_prefix("## ")).map(ToOwned::to_owned).collect()
}

/// Somebody who does what the section says, in order.
pub(crate) struct Walk<'a> {
    desk: &'a Desk,
    steps: Vec<Step>,
    at: usize,
    run: BTreeSet<String>,
    variables: BTreeMap<&'static str, String>,
    umask: Option<String>,
}

impl<'a> Walk<'a> {
    pub(crate) fn of(desk: &'a Desk, title: &str) -> Self {
        let steps = section(title);
        Self { desk, steps, at: 0, run: BTreeSet::new(), variables: BTreeMap::new(), umask: None }
    }

    /// Begins in the middle, where another section sends to. What stands before is done there.
    pub(crate) fn skip_to(&mut self, number: usize) {
        self.at = number - 1;
        self.run.extend(self.steps.iter().take(self.at).flat_map(|step| step.commands.clone()));
    }

    /// What `$NAME` stands for from now on.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.insert(name, value.into());
    }

    /// Goes to the next step, which has to be this one, and reads its commands.
    #[track_caller]
    pub(crate) fn step(&mut self, number: usize) -> Vec<String> {
        self.at += 1;
        assert_eq!(self.at, number, "the steps are done in order");
        let step = self.steps.get(number - 1);
        step.unwrap_or_else(|| panic!("there is no step {number}")).commands.clone()
    }

    /// Does a step: every command of it succeeds. What they print, one after another.
    #[track_caller]
    pub(crate) fn does(&mut self, number: usize) -> Vec<Finished> {
        let commands = self.step(number);
        assert!(!commands.is_empty(), "step {number} has commands");
        let done: Vec<Finished> = commands.iter().map(|command| self.run(command)).collect();
        for finished in &done {
            finished.succeeded();
        }
        done
    }

    /// Does a step that is nobody's command: what it takes is done by the test.
    #[track_caller]
    pub(crate) fn by_hand(&mut self, number: usize) {
        let commands = self.step(number);
        assert!(commands.is_empty(), "step {number} has commands: {commands:?}");
    }

    /// Runs a command in the folder that holds the data folder.
    pub(crate) fn run(&mut self, command: &str) -> Finished {
        self.run.insert(command.to_owned());
        if command.starts_with("umask") {
            self.umask = Some(command.to_owned());
        }
        // One shell for each command, so what a shell would remember goes before it.
        let line = match &self.umask {
            Some(umask) => format!("{umask}; {command}"),
            None => command.to_owned(),
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(folder(self.desk)).env("PATH", path(self.desk));
        shell.env_remove("MCP_SECURE_DATA").env_remove("MCP_SECURE_STORE").envs(&self.variables);
        shell.envs(self.desk.store().map(|address| ("MCP_SECURE_STORE", address)));
        Finished::of(&mut shell)
    }

    /// Nothing of the section was left out.
    #[track_caller]
    pub(crate) fn ends(self) {
        assert_eq!(self.at, self.steps.len(), "every step was done");
        let commands = self.steps.iter().flat_map(|step| &step.commands);
        let left: Vec<&String> = commands.filter(|command| !self.run.contains(*command)).collect();
        assert!(left.is_empty(), "commands that were not run: {left:#?}");
    }
}

/// Where an operator stands.
pub(crate) fn folder(desk: &Desk) -> PathBuf {
    desk.data().parent().unwrap().to_owned()
}

/// The search path, with `support-desk` on it, and PostgreSQL's own programs where that is the store.
fn path(desk: &Desk) -> std::ffi::OsString {
    let bin = folder(desk).join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(program(), bin.join("support-desk")).unwrap();
    }
    let mut path = vec![bin];
    if desk.store().is_some() {
        path.push(mcp_secure_test_postgres::program("pg_dump").parent().unwrap().to_owned());
    }
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    std::env::join_paths(path).unwrap()
}

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser};

use super::args::{Approvals, Audit, Cli, Command};
use super::*;
use crate::audit::Record;
use crate::catalog::StartFault;
use crate::identity::{Directory, LocalIssuer, People, Person};
use crate::manifest::Manifest;
use crate::pipeline::{Brake, ServerInfo};
use crate::server::{HttpSettings, Opened};
use crate::tool::{BoxFuture, ToolSet};

struct Desk {
    info: ServerInfo,
    people: Directory,
    faults: Vec<StartFault>,
}

impl Desk {
    fn new() -> Self {
        let info = ServerInfo {
            name: "desk".into(),
            version: "1.2.3".into(),
            owner: None,
            instructions: None,
        };
        let people = People::new().with(Person::new("alice", "acme")).build().unwrap();
        Self { info, people, faults: vec![] }
    }

    async fn run(self, arguments: &[&str]) -> ExitCode {
        let arguments =
            std::iter::once("desk").chain(arguments.iter().copied()).map(OsString::from);
        run(Arc::new(self), arguments).await
    }
}

impl App for Desk {
    fn info(&self) -> &ServerInfo {
        &self.info
    }

    fn manifest(&self) -> Result<Manifest, Vec<StartFault>> {
        Manifest::of("desk", "1.2.3", None, ToolSet::<()>::default())
    }

    fn check<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<CheckReport, Vec<StartFault>>> {
        let report = CheckReport { tools: 0, policies: 0, notes: vec![] };
        let found = if self.faults.is_empty() { Ok(report) } else { Err(self.faults.clone()) };
        Box::pin(async move { found })
    }

    fn people(&self) -> &Directory {
        &self.people
    }

    fn inbox_base(&self) -> Option<crate::inbox::Base> {
        None
    }

    fn inbox(
        &self,
        _: &DataDir,
        _: SocketAddr,
        _: Option<crate::inbox::Base>,
    ) -> Result<InboxParts, NoInbox> {
        Err(NoInbox::Off)
    }

    fn local_issuer(&self, data: &DataDir) -> Result<LocalIssuer, String> {
        LocalIssuer::open(data, "desk").map_err(|error| error.to_string())
    }

    fn api(
        &self,
        _: &DataDir,
        _: &Arc<dyn Opened>,
    ) -> Result<Option<Arc<crate::api::Api>>, String> {
        Ok(None)
    }

    fn local_decisions(&self) -> Result<(), String> {
        Ok(())
    }

    fn http(&self, addr: SocketAddr) -> HttpSettings {
        HttpSettings::new(addr)
    }

    fn brake<'a>(
        &'a self,
        _: Option<&'a DataDir>,
        _: Option<&'a StoreSource>,
    ) -> BoxFuture<'a, Result<Brake, String>> {
        Box::pin(async { Err("not in this test".to_owned()) })
    }

    fn record_alone<'a>(&'a self, _: &'a DataDir, _: Record) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Err("not in this test".to_owned()) })
    }

    fn open(
        &self,
        _: DataDir,
        _: Opening,
        _: Option<StoreSource>,
    ) -> BoxFuture<'_, Result<Arc<dyn Opened>, Vec<StartFault>>> {
        Box::pin(async { Err(vec![StartFault::server("not in this test")]) })
    }
}

fn parsed(line: &str) -> Cli {
    Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refused(line: &str) -> clap::Error {
    Cli::try_parse_from(line.split(' ')).err().unwrap_or_else(|| panic!("{line} was taken"))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_line_of_the_contract_is_taken() {
    for line in [
        "desk",
        "desk serve --stdio",
        "desk serve --stdio --as alice",
        "desk serve --http 127.0.0.1:8080",
        "desk token --as alice",
        "desk token --as alice --expires 30m",
        "desk manifest --format markdown",
        "desk manifest --write FILE",
        "desk manifest --check FILE",
        "desk check",
        "desk approvals list --as bob --format json",
        "desk approvals show apr_1 --as bob",
        "desk approvals approve apr_1 --as bob --digest aa --reason why",
        "desk approvals deny apr_1 --as bob",
        "desk approvals withdraw apr_1 --as alice",
        "desk approvals list --as bob --tool t --text order",
        "desk inbox link --as bob",
        "desk inbox link --as bob --expires 1m --inbox-url https://desk.example.com",
        "desk token --as bob --for approvals",
        "desk runs list --as bob --state in_doubt --tool t --limit 5 --format json",
        "desk runs show run_1 --as bob",
        "desk runs rollback run_1 --as bob --reason why",
        "desk runs resolve run_1 --done --as bob --reason why",
        "desk runs resolve run_1 --not-done --as bob --reason why",
        "desk audit verify",
        "desk audit tail -n 5 --format table",
        "desk audit query --user alice --tool t --outcome ok --since 1h --data DIR",
        "desk --data DIR --color never audit verify",
        "desk completions bash",
    ] {
        parsed(line);
    }
}

#[test]
fn wrong_usage_is_told_before_anything_happens() {
    for line in [
        "desk serve --stdio --http 127.0.0.1:1",
        "desk serve --http 127.0.0.1:1 --as alice",
        "desk serve --http nowhere",
        "desk token",
        "desk token --as alice --expires soon",
        "desk token --as alice --for everything",
        "desk inbox link",
        "desk approvals withdraw apr_1",
        "desk approvals approve --as bob",
        "desk approvals approve apr_1",
        "desk runs rollback run_1",
        "desk runs resolve run_1 --as bob --reason why",
        "desk runs resolve run_1 --done --not-done --as bob --reason why",
        "desk runs resolve run_1 --done --as bob",
        "desk manifest --write A --check B",
        "desk audit",
        "desk conjure",
    ] {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
}

#[cfg(feature = "remote")]
#[test]
fn at_a_server_the_token_says_who_acts() {
    for line in [
        "desk approvals list --server https://mcp.example.com",
        "desk approvals approve apr_1 --server https://mcp.example.com --token-file token.txt",
        "desk runs list --server https://mcp.example.com",
        "desk switch off everything --server https://mcp.example.com",
    ] {
        parsed(line);
    }
    for line in [
        "desk approvals list --token-file token.txt",
        "desk approvals list --as bob --token-file token.txt",
        "desk inbox link --server https://mcp.example.com",
        "desk token --server https://mcp.example.com",
    ] {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
}

#[test]
fn the_bare_program_serves_on_this_machine_alone() {
    assert!(parsed("desk").command.is_none());
    let Command::Serve(serve) = Command::serve_on_this_machine() else { panic!() };
    assert!(!serve.stdio && serve.http.is_none() && serve.person.is_none());
}

#[test]
fn b30_a_decision_names_who_decides() {
    let Some(Command::Approvals(Approvals::Approve(decide))) =
        parsed("desk approvals approve apr_1 --as bob").command
    else {
        panic!()
    };
    assert_eq!((decide.who.person.as_deref(), decide.digest), (Some("bob"), None));
    let Some(Command::Audit(Audit::Tail { lines })) = parsed("desk audit tail").command else {
        panic!()
    };
    assert_eq!(lines, 20);
}

#[test]
fn the_help_says_what_each_exit_code_means() {
    let help = Cli::command().render_help().to_string();
    let (_, codes) = help.split_once("Exit codes:").expect("the help tells of exit codes");
    for code in ["0", "1", "2", "3"] {
        let line = codes.lines().find(|line| line.trim_start().starts_with(code));
        assert!(line.is_some_and(|line| line.trim().len() > 10), "{code} is not in {codes}");
    }
    assert!(codes.contains("could not be recorded"), "{codes}");
}

#[test]
fn every_command_is_named_where_the_command_line_is_documented() {
    let source = include_str!("../server/builder.rs");
    let (before, _) = source.split_once("pub async fn cli(self)").unwrap();
    let lines = before.trim_end().lines().rev().take_while(|line| line.trim().starts_with("///"));
    let comment: String = lines.collect();
    for command in Cli::command().get_subcommands() {
        let name = format!("`{}`", command.get_name());
        assert!(comment.contains(&name), "{name} is not in the comment of `ServerBuilder::cli`");
    }
}

#[tokio::test]
async fn exit_codes_tell_done_refused_and_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    assert_eq!(Desk::new().run(&["--data", data, "check"]).await, ExitCode::SUCCESS);
    let mut faulty = Desk::new();
    faulty.faults = vec![StartFault::server("one"), StartFault::server("two")];
    assert_eq!(faulty.run(&["check"]).await, ExitCode::from(1));
    assert_eq!(Desk::new().run(&["serve", "--as", "alice"]).await, ExitCode::from(2));
    assert_eq!(Desk::new().run(&["conjure"]).await, ExitCode::from(2));
    assert_eq!(Desk::new().run(&["--help"]).await, ExitCode::SUCCESS);
    // Nothing there is a refusal, and does not make a folder.
    assert_eq!(Desk::new().run(&["--data", data, "audit", "verify"]).await, ExitCode::from(1));
    assert!(!Path::new(data).exists());
    assert_eq!(
        Desk::new().run(&["--data", data, "token", "--as", "nobody"]).await,
        ExitCode::from(1)
    );
    assert_eq!(
        Desk::new().run(&["--data", data, "token", "--as", "alice"]).await,
        ExitCode::SUCCESS
    );
    let ids = ["approvals", "show", "not-an-id", "--as", "alice"];
    assert_eq!(Desk::new().run(&[&["--data", data], &ids[..]].concat()).await, ExitCode::from(2));
}

#[tokio::test]
async fn b38_a_person_is_chosen_by_name_in_a_sandbox_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    DataDir::open_or_create(&data, DataDirKind::Production).unwrap();
    let data = data.to_str().unwrap();
    for arguments in [&["token", "--as", "alice"][..], &["approvals", "list", "--as", "alice"]] {
        let code = Desk::new().run(&[&["--data", data], arguments].concat()).await;
        assert_eq!(code, ExitCode::from(1), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_manifest_that_differs_fails_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.json");
    let file = file.to_str().unwrap();
    assert_eq!(Desk::new().run(&["manifest", "--write", file]).await, ExitCode::SUCCESS);
    assert_eq!(Desk::new().run(&["manifest", "--check", file]).await, ExitCode::SUCCESS);
    std::fs::write(file, "{}\n").unwrap();
    assert_eq!(Desk::new().run(&["manifest", "--check", file]).await, ExitCode::from(1));
}

//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::desk::Who;
use super::span;
use crate::inbox::Base;
use crate::store::SwitchScope;

/// Below the help.
const EXIT_CODES: &str = "\
Exit codes:
  0  it was done
  1  it was refused, or it failed
  2  it was called wrongly, and nothing was done
  3  it was done, and could not be recorded";

/// An MCP server whose tools carry their policy.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// The data folder: store, audit record and local keys.
    #[arg(long, global = true, env = "MCP_SECURE_DATA", value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// The store, where it is not the file in the data folder: `postgres://user@host/database`.
    #[arg(
        long,
        global = true,
        env = "MCP_SECURE_STORE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(super) store: Option<String>,
    /// How results are shown; a table on a terminal and JSON elsewhere, unless said.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// Whether tables have colours; `NO_COLOR` is heeded too.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For a review; the manifest only.
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve MCP. Without a command, the same as `serve --http 127.0.0.1:8080`.
    Serve(Serve),
    /// Print a bearer token of the local issuer, for development: one that calls tools, or one that decides.
    Token(Token),
    /// Print what is served: schemas, risk, permissions, controls, fingerprints.
    Manifest(Manifest),
    /// Make every start-up check and report all faults at once.
    Check,
    /// Look at requests for approval and decide on them.
    #[command(subcommand)]
    Approvals(Approvals),
    /// Look at what has run, take it back, and resolve what is in doubt.
    #[command(subcommand)]
    Runs(Runs),
    /// Let people sign in to the web page on which they decide.
    #[command(subcommand)]
    Inbox(InboxCommand),
    /// Switch a tool, a tenant or everything off at once, and on again, in every process of the store.
    #[command(subcommand)]
    Switch(SwitchCommand),
    /// Verify and read the audit record.
    #[command(subcommand)]
    Audit(Audit),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// What the bare program does.
    pub(super) fn serve_on_this_machine() -> Self {
        Self::Serve(Serve { stdio: false, http: None, person: None, inbox_url: None })
    }
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Over standard input and output, for a host that starts this program.
    #[arg(long, conflicts_with = "http")]
    pub(super) stdio: bool,
    /// Over HTTP on this address; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub(super) http: Option<SocketAddr>,
    /// The person at the other end of standard input, in a sandbox.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "http")]
    pub(super) person: Option<String>,
    /// Where people decide, as clients are told: the address that `/inbox` comes after, as `https://desk.example.com`.
    #[arg(long, env = "MCP_SECURE_INBOX_URL", value_name = "URL", value_parser = Base::parse)]
    pub(super) inbox_url: Option<Base>,
}

#[derive(Debug, Args)]
pub(super) struct Token {
    /// Whose token.
    #[arg(long = "as", value_name = "NAME")]
    pub(super) person: String,
    /// How long it is valid: `30s`, `15m`, `1h`, `2d`.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span::duration)]
    pub(super) expires: Duration,
    /// What it is for. One token is never for both.
    #[arg(long = "for", value_enum, default_value_t = Purpose::Mcp, value_name = "PURPOSE")]
    pub(super) purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Purpose {
    /// Calling tools.
    Mcp,
    /// Deciding over HTTP.
    Approvals,
}

#[derive(Debug, Args)]
pub(super) struct Manifest {
    /// Write it to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(super) write: Option<PathBuf>,
    /// Compare it with this file, and fail if they differ.
    #[arg(long, value_name = "FILE")]
    pub(super) check: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Approvals {
    /// The requests that you made, or could decide on.
    List {
        #[command(flatten)]
        who: Who,
        /// Only requests that stand so, as `pending` or `done`.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only this tool's.
        #[arg(long, value_name = "NAME")]
        tool: Option<String>,
        /// Only those with this text in their id, tool, resource, or the account or person that asked.
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// One request, with everything there is to decide on.
    Show {
        /// The request.
        id: String,
        #[command(flatten)]
        who: Who,
    },
    /// Let it run, once.
    Approve(Decide),
    /// Do not let it run.
    Deny(Decide),
    /// Take back a request of your own that has not run.
    Withdraw {
        /// The request.
        id: String,
        #[command(flatten)]
        who: Who,
    },
    /// Make every request of your tenant useless that waits, or is approved and not used yet.
    Void(Void),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Void {
    /// All of them.
    #[arg(long, group = "which")]
    pub(super) all: bool,
    /// Those asked for before a time (RFC 3339), or longer ago than a span (`15m`, `2d`).
    #[arg(long, group = "which", value_name = "WHEN")]
    pub(super) before: Option<String>,
    #[command(flatten)]
    pub(super) who: Who,
    /// Why, for the record and for people who may see the request. The agent is not told.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The request.
    pub(super) id: String,
    #[command(flatten)]
    pub(super) who: Who,
    /// The digest of what was looked at. Left out, what is shown now is decided on.
    #[arg(long, value_name = "DIGEST")]
    pub(super) digest: Option<String>,
    /// Why, for the record and for people who may see the request. The agent is not told.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum InboxCommand {
    /// Print a link that signs somebody in, once, in a sandbox. Whoever has it is that person.
    Link {
        /// Who signs in.
        #[arg(long = "as", value_name = "NAME")]
        person: String,
        /// How long it can be used: `30s`, `10m`, `1h` at most. Unless said, as the server is set up.
        #[arg(long, value_name = "SPAN", value_parser = span::duration)]
        expires: Option<Duration>,
        /// Where the inbox is, if not at `http://127.0.0.1:8080` or where the application says.
        #[arg(long, env = "MCP_SECURE_INBOX_URL", value_name = "URL", value_parser = Base::parse)]
        inbox_url: Option<Base>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SwitchCommand {
    /// What is off.
    List {
        #[command(flatten)]
        who: Who,
    },
    /// Off: calls are refused from now on; those that run are not stopped.
    Off(Switch),
    /// On again.
    On(Switch),
}

#[derive(Debug, Args)]
pub(super) struct Switch {
    /// `everything`, `tenant:NAME` or `tool:NAME`.
    pub(super) scope: SwitchScope,
    #[command(flatten)]
    pub(super) who: Who,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Runs {
    /// The runs of your tenant that you may see.
    List {
        #[command(flatten)]
        who: Who,
        /// Only runs that stand so, as `done` or `in_doubt`.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only this tool's.
        #[arg(long, value_name = "NAME")]
        tool: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// One run.
    Show {
        /// The run.
        id: String,
        #[command(flatten)]
        who: Who,
    },
    /// Take back what a run did, once.
    Rollback {
        /// The run.
        id: String,
        #[command(flatten)]
        who: Who,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Say what became of a run in doubt. Takes a person other than who called.
    Resolve(Resolve),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("found").required(true))]
pub(super) struct Resolve {
    /// The run.
    pub(super) id: String,
    /// What it does has happened.
    #[arg(long, group = "found")]
    pub(super) done: bool,
    /// What it does has never happened. It may be called again; an approval stays used up.
    #[arg(long, group = "found")]
    pub(super) not_done: bool,
    #[command(flatten)]
    pub(super) who: Who,
    /// How, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check every record against its chain, and name the first bad one.
    Verify,
    /// The newest records.
    Tail {
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
    },
    /// Find records.
    Query {
        /// The account or the person.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// The tool.
        #[arg(long, value_name = "NAME")]
        tool: Option<String>,
        /// The code (`ok`, `permission_denied`), `true`, `false`, `unknown`, or the event.
        #[arg(long, value_name = "OUTCOME")]
        outcome: Option<String>,
        /// Not older: a time (RFC 3339) or a span back from now (`15m`, `2d`).
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// The tenant.
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
}

//! The command line every application gets: serve, token, manifest, check, approvals, runs, inbox, switch, audit.
//!
//! What was asked for goes to standard output, everything else to standard error. The exit code is 0 when it was done, 1
//! when it was refused or failed, 2 when it was called wrongly, 3 when it was done and could not be recorded.

mod app;
mod approvals;
mod args;
mod audit;
mod declared;
mod desk;
mod escape;
mod inbox;
mod output;
mod runs;
mod serve;
mod span;
mod switch;
mod token;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};

pub(crate) use app::{App, CheckReport, InboxParts, NoInbox, Opening};
use args::{Cli, Command};
pub(crate) use escape::is_unsafe;
use output::Output;

use crate::identity::{DataDir, DataDirKind};
use crate::store::{StoreError, StoreSource};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was called wrongly: exit 2.
    Usage(String),
    /// It was refused, or it failed: exit 1. Each cause is one line.
    Failed(Vec<String>),
    /// It did its work and the news is bad, which it has told: exit 1.
    Told,
    /// It did its work, and no record says so, which it has told: exit 3.
    Unrecorded,
}

impl Failure {
    pub(crate) fn because(why: impl std::fmt::Display) -> Self {
        Self::Failed(vec![why.to_string()])
    }

    pub(crate) fn all<T: std::fmt::Display>(causes: &[T]) -> Self {
        Self::Failed(causes.iter().map(ToString::to_string).collect())
    }
}

/// What every command gets.
struct Context {
    app: Arc<dyn App>,
    output: Output,
    /// The program as it was called, for hints that can be copied.
    program: String,
    data: PathBuf,
    /// The store, where an operator named one.
    store: Option<StoreSource>,
    /// Whether `data` was named, so that hints name it too.
    data_named: bool,
}

impl Context {
    /// The data folder, made as a sandbox on first use.
    fn data_or_new(&self) -> Result<DataDir, Failure> {
        DataDir::open_or_create(&self.data, DataDirKind::Sandbox).map_err(Failure::because)
    }

    /// The data folder, which has to be there.
    fn data(&self) -> Result<DataDir, Failure> {
        if !self.data.exists() {
            let shown = self.data.display();
            return Err(Failure::because(format!(
                "there is no data folder `{shown}`; name it with `--data`, or serve once to make it"
            )));
        }
        DataDir::open(&self.data).map_err(Failure::because)
    }

    /// A command of this program, as a hint.
    fn hint(&self, rest: &str) -> String {
        let data = if self.data_named {
            format!(" --data {}", self.data.display())
        } else {
            String::new()
        };
        format!("{}{data} {rest}", self.program)
    }
}

/// Runs the command line of `app`.
pub(crate) async fn run(
    app: Arc<dyn App>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match parse(&*app, &arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version are what was asked for; anything else is wrong usage.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(cli.format, cli.color);
    output.log_to_stderr();
    let program = arguments
        .first()
        .map_or_else(|| app.info().name.clone(), |p| p.to_string_lossy().into_owned());
    let data_named = cli.data.is_some();
    let data = cli.data.unwrap_or_else(|| PathBuf::from(format!("{}-data", app.info().name)));
    let store = match cli.store.as_deref().map(str::parse).transpose() {
        Ok(store) => store,
        Err(error) => {
            let error: StoreError = error;
            output.error(&error.to_string());
            return ExitCode::from(2);
        }
    };
    let context = Context { app, output, program, data, store, data_named };
    let command = cli.command.unwrap_or_else(Command::serve_on_this_machine);
    match dispatch(&context, command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::from(1),
        Err(Failure::Unrecorded) => ExitCode::from(3),
        Err(Failure::Usage(why)) => {
            context.output.error(&why);
            ExitCode::from(2)
        }
        Err(Failure::Failed(causes)) => {
            for cause in &causes {
                context.output.error(cause);
            }
            ExitCode::from(1)
        }
    }
}

fn parse(app: &dyn App, arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command =
        Cli::command().name(app.info().name.clone()).version(app.info().version.clone());
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

async fn dispatch(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(context, args).await,
        Command::Token(args) => token::run(context, &args),
        Command::Manifest(args) => declared::manifest(context, &args),
        Command::Check => declared::check(context).await,
        Command::Approvals(args) => approvals::run(context, args).await,
        Command::Runs(args) => runs::run(context, args).await,
        Command::Inbox(args) => inbox::run(context, args).await,
        Command::Switch(args) => switch::run(context, args).await,
        Command::Audit(args) => audit::run(context, args),
        Command::Completions { shell } => completions(context, shell),
    }
}

fn completions(context: &Context, shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut command = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, context.app.info().name.clone(), &mut script);
    Output::raw(&String::from_utf8_lossy(&script))
}

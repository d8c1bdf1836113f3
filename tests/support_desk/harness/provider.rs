//! The OpenID provider that people sign in at: the npm package `oidc-provider`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio as Pipe};

use mcp_secure_tests::programs::workspace;

use super::desk::{Desk, Server};
use super::tools::node;

/// The provider, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Provider {
    child: Child,
    stdin: Option<ChildStdin>,
    /// It does not write to a pipe that nobody holds.
    _stdout: BufReader<ChildStdout>,
    pub(crate) issuer: String,
}

impl Provider {
    /// One that is called by `name`, a name of this machine, and sends people back to `back`.
    fn start(back: &str, name: &str) -> Self {
        let mut child = Command::new(node())
            .arg(workspace().join("tests/clients/oidc-provider.mjs"))
            .args([back, name])
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .stderr(Pipe::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let issuer = stdout
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("issuer ").map(ToOwned::to_owned))
            .expect("the provider starts; run `scripts/setup-tests` first");
        Self { stdin: child.stdin.take(), _stdout: stdout, child, issuer }
    }

    /// The desk with an inbox to which people sign in at a provider of this name.
    pub(crate) fn open(desk: &Desk, name: &str) -> (Server, Self) {
        let mut provider = None;
        let server = Server::start(|address| {
            let started = Self::start(&format!("http://{address}/inbox/oidc/callback"), name);
            let mut command = desk.command(&["serve", "--http", address]);
            command.env("SUPPORT_DESK_OIDC_ISSUER", &started.issuer);
            command.env("SUPPORT_DESK_OIDC_CLIENT", "support-desk-inbox");
            command.env("SUPPORT_DESK_OIDC_SECRET", "secret-of-the-inbox");
            provider = Some(started);
            command
        });
        (server, provider.unwrap())
    }

    /// Takes it away; its address refuses connections then.
    pub(crate) fn stop(&mut self) {
        self.stdin = None;
        self.child.wait().unwrap();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! Starts a database, three servers and the proxy, says what to try, and ends them all again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use mcp_secure_test_postgres as postgres;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::DATABASE;
use crate::database::Database;
use crate::proxy;

/// Where the proxy listens, unless `FLEET_ADDRESS` says otherwise.
const ADDRESS: &str = "127.0.0.1:8090";
/// How many servers.
const REPLICAS: usize = 3;
/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the fleet until somebody says stop.
pub async fn up() -> io::Result<()> {
    if !postgres::installed() {
        return Err(io::Error::other(
            "PostgreSQL is missing; install it with `apt install postgresql`, or run `scripts/setup-tests`",
        ));
    }
    let address = std::env::var("FLEET_ADDRESS").unwrap_or_else(|_| ADDRESS.to_owned());
    let door = TcpListener::bind(&address)
        .await
        .map_err(|error| io::Error::other(format!("`{address}`: {error}")))?;
    let mut stop = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);

    eprintln!("starting PostgreSQL");
    // It does not outlive this program, so it need not wait for the disk; a real one does.
    let server = tokio::task::spawn_blocking(postgres::Server::start).await?;
    let url = server.url(&server.database());
    let folder = tempfile::Builder::new().prefix("mcps-fleet").tempdir()?;
    let fleet = Fleet { folder: folder.path().to_owned(), url, program: std::env::current_exe()? };

    let database = Database::new(&fleet.url).map_err(io::Error::other)?;
    database.set_up().await.map_err(io::Error::other)?;
    eprintln!("starting {REPLICAS} servers");
    let mut addresses = Vec::new();
    let mut replicas = JoinSet::new();
    let ending = CancellationToken::new();
    for number in 1..=REPLICAS {
        let at = free().await?;
        addresses.push(at);
        let child = fleet.start(number, at).await?;
        replicas.spawn(fleet.clone().keep(number, at, child, ending.clone()));
    }
    let endpoint = format!("http://{}/mcp", door.local_addr()?);
    let doorman = tokio::spawn(proxy::run(door, addresses));
    fleet.explain(&endpoint).await?;

    tokio::select! {
        _ = stop.0.recv() => {}
        _ = stop.1.recv() => {}
    }
    eprintln!("stopping");
    doorman.abort();
    ending.cancel();
    while replicas.join_next().await.is_some() {}
    tokio::task::spawn_blocking(move || drop(server)).await?;
    folder.close()
}

/// What every server is started with.
#[derive(Clone)]
struct Fleet {
    folder: PathBuf,
    url: String,
    program: PathBuf,
}

impl Fleet {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("MCP_SECURE_DATA", self.data())
            .env("MCP_SECURE_STORE", &self.url)
            .env(DATABASE, &self.url)
            .kill_on_drop(true);
        command
    }

    /// Starts a server and waits until it takes connections.
    async fn start(&self, number: usize, at: SocketAddr) -> io::Result<Child> {
        let log = self.folder.join(format!("replica-{number}.log"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut child = self
            .command()
            .args(["serve", "--http", &at.to_string()])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // A Ctrl-C at the terminal is for this program, which then ends the servers in good order.
            .process_group(0)
            .spawn()?;
        let begun = Instant::now();
        while TcpStream::connect(at).await.is_err() {
            if child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(io::Error::other(format!("server {number} does not start:\n{said}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        eprintln!("  server {number} at {at}, process {}", child.id().unwrap_or_default());
        Ok(child)
    }

    /// Does what a supervisor does: a server that ends is started again, until everything ends.
    async fn keep(
        self,
        number: usize,
        at: SocketAddr,
        mut child: Child,
        ending: CancellationToken,
    ) {
        loop {
            tokio::select! {
                biased;
                () = ending.cancelled() => return end(child).await,
                _ = child.wait() => eprintln!("server {number} ended; starting it again"),
            }
            loop {
                tokio::select! {
                    () = ending.cancelled() => return,
                    started = self.start(number, at) => match started {
                        Ok(again) => {
                            child = again;
                            break;
                        }
                        Err(error) => eprintln!("{error}"),
                    }
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Writes a file to source, and says what to try with it.
    async fn explain(&self, endpoint: &str) -> io::Result<()> {
        let token =
            self.command().args(["token", "--as", "alice", "--expires", "8h"]).output().await?;
        let token = String::from_utf8_lossy(&token.stdout).trim().to_owned();
        let shell = self.folder.join("fleet.sh");
        std::fs::write(&shell, self.shell(endpoint, &token))?;
        println!("{}", words(endpoint, &token, &shell));
        Ok(())
    }

    fn shell(&self, endpoint: &str, token: &str) -> String {
        format!(
            r#"export MCP_SECURE_DATA='{data}' MCP_SECURE_STORE='{url}' {DATABASE}='{url}'
TOKEN='{token}'
fleet() {{ '{program}' "$@"; }}
# call TOOL ARGUMENTS: which server answered, and what
call() {{
    curl -s -D - {endpoint} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
        -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \
        -H 'Mcp-Method: tools/call' -H "Mcp-Name: $1" \
        -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"'"$1"'","arguments":'"$2"',"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"curl","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}' |
        grep -e '^x-replica' -e '{{'
}}
"#,
            data = self.data().display(),
            url = self.url,
            program = self.program.display(),
        )
    }
}

fn words(endpoint: &str, token: &str, shell: &Path) -> String {
    format!(
        "\nthe fleet serves MCP at {endpoint}\ntoken of alice: {token}\n
Three things to try, in another terminal:

. {shell}

# 1. Every call is answered by another server; a payment is taken once whoever is asked.
call get_order '{{\"order_id\":\"ord_1\"}}'
call capture_payment '{{\"order_id\":\"ord_1\"}}'
call capture_payment '{{\"order_id\":\"ord_1\"}}'

# 2. Ask for a refund, decide as bob with the id it answers, and ask again: it runs on another server.
call refund_order '{{\"order_id\":\"ord_1\",\"amount_cents\":500}}'
fleet approvals approve apr_... --as bob
call refund_order '{{\"order_id\":\"ord_1\",\"amount_cents\":500}}'

# 3. Switch a tool off as carol: within a second every server refuses it.
fleet switch off tool:get_order --as carol
call get_order '{{\"order_id\":\"ord_1\"}}'

Ctrl-C stops everything and leaves nothing behind.",
        shell = shell.display()
    )
}

/// A port that is free now.
async fn free() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}

/// Asks a server to end, and makes it where it does not.
async fn end(mut child: Child) {
    if let Some(pid) = child.id() {
        drop(Command::new("kill").args(["-TERM", &pid.to_string()]).status().await);
    }
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        drop(child.kill().await);
    }
}

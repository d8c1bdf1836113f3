//! A PostgreSQL server of the test's own, from the system's package: in a temporary folder, on a Unix socket, gone with
//! the process that started it, however that ends.
//!
//! A missing server is a failure that says what to run, never a skipped test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test ends where something is amiss"
)]

mod clock;
mod network;

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

pub use clock::MachineClock;
use network::Network;

/// How long a server has to answer or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with an empty cluster.
pub struct Server {
    folder: PathBuf,
    durable: bool,
    network: Option<Network>,
    clock: Option<MachineClock>,
    running: Mutex<Option<Child>>,
    databases: AtomicU64,
}

impl Server {
    /// Starts one that waits for the disk, on a machine whose [`clock`](Server::clock) can be set back.
    #[must_use]
    pub fn durable_with_a_clock() -> Self {
        let mut server = Self::made(true, &[], None);
        server.clock = Some(MachineClock::kept_in(&server.folder));
        server.run();
        server
    }

    /// The clock of its machine, where it has one of its own.
    pub const fn clock(&self) -> Option<&MachineClock> {
        self.clock.as_ref()
    }

    /// Starts one. It forgets on a crash of the machine, which is what makes it quick.
    #[must_use]
    pub fn start() -> Self {
        Self::with(false, &[], None)
    }

    /// Starts one that waits for the disk, as a real one does.
    #[must_use]
    pub fn durable() -> Self {
        Self::with(true, &[], None)
    }

    /// The same, with a log in files of one mebibyte: [`Server::limit_files`] can then stop tables from growing and leave
    /// the log its room.
    #[must_use]
    pub fn durable_with_a_small_log() -> Self {
        Self::with(true, &["--wal-segsize=1"], None)
    }

    /// The one that the tests of this process share. It ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one that is reached over loopback's network as well, by TLS alone: its certificate is for `name`, from an
    /// authority made for it.
    #[must_use]
    pub fn over_tls(name: &str) -> Self {
        Self::with(false, &[], Some(Network::with_tls(name)))
    }

    /// The same without TLS.
    #[must_use]
    pub fn over_plaintext() -> Self {
        Self::with(false, &[], Some(Network::plain()))
    }

    fn with(durable: bool, cluster: &[&str], network: Option<Network>) -> Self {
        let server = Self::made(durable, cluster, network);
        server.run();
        server
    }

    /// One that does not run yet.
    fn made(durable: bool, cluster: &[&str], network: Option<Network>) -> Self {
        let folder = tempfile::Builder::new().prefix("mcps-pg").tempdir().unwrap().keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        if let Some((uid, gid)) = account() {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let server = Self {
            folder,
            durable,
            network,
            clock: None,
            running: Mutex::default(),
            databases: AtomicU64::new(0),
        };
        let made = as_user(&program("initdb"))
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .args(cluster)
            .arg("-D")
            .arg(server.folder.join("data"))
            .current_dir(&server.folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        if let Some(network) = &server.network {
            network.set_up(&server.folder);
        }
        server
    }

    /// Starts the server again after [`Server::stop`].
    pub fn run(&self) {
        let sync = if self.durable { "on" } else { "off" };
        let network = self.network.as_ref().map_or_else(
            || "-c listen_addresses=".to_owned(),
            |network| network.words(&self.folder),
        );
        let words = format!(
            "'{}' -D '{data}' -c fsync={sync} -c full_page_writes={sync} {network} -c max_connections=200 \
             -c unix_socket_directories='{folder}' -c unix_socket_permissions=0777",
            program("postgres").display(),
            data = self.folder.join("data").display(),
            folder = self.folder.display(),
        );
        *self.running.lock().unwrap() = Some(self.supervise(&words, "INT", "server.log"));
        self.wait(|| self.answers());
    }

    /// The size in bytes that no file of the running server may pass, or `unlimited`: what a full disk does to it, without
    /// a disk to fill and without any right that a test may lack.
    pub fn limit_files(&self, limit: &str) {
        let Some(server) = self.pid() else { return };
        // First the one that starts the others, which then begin with the limit.
        for pid in std::iter::once(server).chain(children(server)) {
            let set = as_user(Path::new("prlimit"))
                .args(["--pid", &pid.to_string(), &format!("--fsize={limit}:unlimited")])
                .output()
                .expect("`prlimit` is missing, which these tests need; install `util-linux`");
            let gone = !Path::new("/proc").join(pid.to_string()).exists();
            assert!(
                set.status.success() || gone,
                "`prlimit` may not limit the database's files here, so a full disk can not be tested; allow the system call \
                 `prlimit64` to this container: {}",
                String::from_utf8_lossy(&set.stderr)
            );
        }
    }

    /// Lets everything that works for clients stand still for so long, as a disk does that hangs.
    pub fn hang(&self, length: Duration) {
        let Some(server) = self.pid() else { return };
        let all = children(server);
        let tell = |signal: &str| {
            for pid in &all {
                // One may be gone meanwhile.
                let told = as_user(Path::new("kill")).args([signal, &pid.to_string()]).output();
                told.expect("`kill` is missing, which these tests need; install `procps`");
            }
        };
        tell("-STOP");
        std::thread::sleep(length);
        tell("-CONT");
    }

    /// The process that starts all others.
    fn pid(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }

    /// What all its processes have taken of the processors so far, those that have ended too.
    ///
    /// # Panics
    ///
    /// Where the server does not run.
    #[must_use]
    pub fn processor_time(&self) -> std::time::Duration {
        let server = self.pid().expect("a server that runs");
        let own = |pid| ticks(pid).map_or(0, |ticks| ticks[0] + ticks[1]);
        let ended = ticks(server).map_or(0, |ticks| ticks[2] + ticks[3]);
        let living: u64 = children(server).into_iter().map(own).sum();
        // Hundredths of a second on every Linux, proc(5).
        std::time::Duration::from_millis(10 * (own(server) + ended + living))
    }

    /// Stops the server at once, as a crash would: nothing is said to its clients.
    pub fn crash(&self) {
        let pid = self.pid().expect("a server that runs");
        assert!(Command::new("kill").args(["-QUIT", &pid.to_string()]).status().unwrap().success());
        self.stop();
    }

    /// Stops the server and keeps its data.
    pub fn stop(&self) {
        std::fs::write(self.folder.join("keep"), "").unwrap();
        let child = self.running.lock().unwrap().take();
        if let Some(mut child) = child {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
        std::fs::remove_file(self.folder.join("keep")).unwrap();
    }

    /// Whether it takes connections.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.try_sql("postgres", "SELECT 1").is_ok()
    }

    /// Makes an empty database and answers its name.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        name
    }

    /// What a client connects with.
    #[must_use]
    pub fn connection(&self, database: &str) -> String {
        self.connection_at(database, self.port())
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/{database}", self.port())
    }

    /// What a client over the network connects with that takes `host` for the server's name, and asks for TLS or not.
    #[must_use]
    pub fn network_url(&self, host: &str, database: &str, sslmode: &str) -> String {
        // The name need not be known to this machine.
        let port = self.port();
        format!("postgres://postgres@{host}:{port}/{database}?hostaddr=127.0.0.1&sslmode={sslmode}")
    }

    /// The certificate of the authority that vouches for this server over TLS.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        network::authority(&self.folder)
    }

    fn port(&self) -> u16 {
        self.network.as_ref().map_or(5432, Network::port)
    }

    fn connection_at(&self, database: &str, port: u16) -> String {
        format!("host={} port={port} user=postgres dbname={database}", self.folder.display())
    }

    /// Runs SQL as the superuser and answers what `psql` prints, unaligned.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let done = Command::new(program("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(self.connection(database))
            .output()
            .unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
    }

    /// Puts pgbouncer in transaction mode before the server. It ends when it is dropped.
    #[must_use]
    pub fn pooler(&self) -> Pooler<'_> {
        static PORTS: AtomicU64 = AtomicU64::new(6432);
        let port = u16::try_from(PORTS.fetch_add(1, Ordering::Relaxed)).unwrap();
        let (folder, server_port) = (self.folder.display(), self.port());
        let config = self.folder.join(format!("pgbouncer-{port}.ini"));
        let text = format!(
            "[databases]\n* = host={folder} port={server_port} user=postgres\n\
             [pgbouncer]\npool_mode = transaction\nauth_type = any\nlisten_addr =\nlisten_port = {port}\n\
             unix_socket_dir = {folder}\nmax_client_conn = 200\ndefault_pool_size = 6\n\
             server_idle_timeout = 5\n"
        );
        std::fs::write(&config, text).unwrap();
        let words = format!("'{}' -q '{}'", program("pgbouncer").display(), config.display());
        let child = self.supervise_keeping(&words, "INT", &format!("pgbouncer-{port}.log"));
        let pooler = Pooler { server: self, port, child };
        // The socket is there before anybody listens on it.
        let socket = self.folder.join(format!(".s.PGSQL.{port}"));
        self.wait(|| UnixStream::connect(&socket).is_ok());
        pooler
    }

    /// Has `sh` start `words` and watch this process: when it is gone, or lets go, the program ends and its folder too.
    fn supervise(&self, words: &str, signal: &str, log: &str) -> Child {
        let clean = format!("[ -e '{0}/keep' ] || rm -rf '{0}'", self.folder.display());
        self.sh(words, signal, log, &clean)
    }

    fn supervise_keeping(&self, words: &str, signal: &str, log: &str) -> Child {
        self.sh(words, signal, log, ":")
    }

    fn sh(&self, words: &str, signal: &str, log: &str, clean: &str) -> Child {
        let user = user_words().join(" ");
        let log = self.folder.join(log);
        let script = format!(
            "{user} {words} </dev/null >>'{}' 2>&1 & pid=$!\ncat >/dev/null\nkill -{signal} $pid 2>/dev/null\nwait $pid\n{clean}",
            log.display()
        );
        let mut command = Command::new("sh");
        if let Some(clock) = &self.clock {
            clock.worn_by(&mut command);
        }
        command
            .args(["-c", &script])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C at the terminal is for the program that started this one, which then ends it in good order.
            .process_group(0)
            .spawn()
            .unwrap()
    }

    fn wait(&self, ready: impl Fn() -> bool) {
        let begun = Instant::now();
        while !ready() {
            let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "the server does not answer:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.lock().unwrap().take() {
            drop(child.stdin.take());
            drop(child.wait());
        } else {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

/// What `/proc` says of a process behind its name, which may hold anything: its state, its parent and so on, proc(5).
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// The time a process has taken of the processors: its own as a program and in the system, then that of its children
/// that have ended.
fn ticks(pid: u32) -> Option<[u64; 4]> {
    let stat = stat(pid)?;
    let ticks = |nth: usize| stat.get(nth)?.parse().ok();
    Some([ticks(11)?, ticks(12)?, ticks(13)?, ticks(14)?])
}

/// The processes that this one has started.
fn children(of: u32) -> Vec<u32> {
    let is_child = |pid: &u32| stat(*pid).is_some_and(|stat| stat.get(1) == Some(&of.to_string()));
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}

/// A pooler in transaction mode.
pub struct Pooler<'a> {
    server: &'a Server,
    port: u16,
    child: Child,
}

impl Pooler<'_> {
    /// What a client connects with.
    #[must_use]
    pub fn connection(&self, database: &str) -> String {
        self.server.connection_at(database, self.port)
    }
}

impl Drop for Pooler<'_> {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// Whether what [`Server::start`] needs is installed.
#[must_use]
pub fn installed() -> bool {
    ["initdb", "postgres", "psql"].iter().all(|name| find(name).is_some())
}

/// Where a program of the server or its clients is.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| {
        panic!("`{name}` is missing, which these tests need; run `scripts/setup-tests`")
    })
}

/// The path of a program of the server, the newest there is.
fn find(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| {
        path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0)
    });
    let beside = versions.into_iter().rev().map(|version| version.join("bin").join(name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(["/usr/sbin".into()]).collect();
    beside.chain(folders.into_iter().map(|folder| folder.join(name))).find(|path| path.exists())
}

/// The account that a server runs as where the tests run as root, whom it refuses.
fn account() -> Option<(u32, u32)> {
    static ACCOUNT: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *ACCOUNT.get_or_init(|| {
        let id = |words: &[&str]| {
            let said = Command::new("id").args(words).output().ok()?;
            String::from_utf8(said.stdout).ok()?.trim().parse::<u32>().ok()
        };
        if id(&["-u"])? != 0 {
            return None;
        }
        let name = if id(&["-u", "postgres"]).is_some() { "postgres" } else { "nobody" };
        Some((id(&["-u", name])?, id(&["-g", name])?))
    })
}

fn user_words() -> Vec<String> {
    account().map_or_else(Vec::new, |(uid, gid)| {
        vec![
            "setpriv".into(),
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".into(),
        ]
    })
}

fn as_user(program: &Path) -> Command {
    match user_words().split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        None => Command::new(program),
    }
}

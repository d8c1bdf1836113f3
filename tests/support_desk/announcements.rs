//! Webhooks of the whole program: to a receiver that misbehaves, past `kill -9`, and to the example that comes with it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio as Pipe};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mcp_secure::webhook::{Verified, Verifier};
use serde_json::json;

use crate::harness::{Desk, PATIENCE, Server, refund_arguments, refusal_code, structured};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A message as it came.
#[derive(Debug, Clone)]
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn verified(&self) -> Verified {
        let verifier = Verifier::new([SECRET.into()]).unwrap();
        verifier.verify(|name| self.header(name), &self.body).unwrap()
    }
}

/// What a receiver answers, by how many messages came before; nothing: it never answers.
type Answer = Box<dyn Fn(usize) -> Option<&'static str> + Send>;

const WELL: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// A receiver on this machine, which knows HTTP as far as it must.
struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(message) = read(&mut stream) else { continue };
                let before = {
                    let mut all = all.lock().unwrap();
                    all.push(message);
                    all.len() - 1
                };
                match answer(before) {
                    Some(answer) => drop(stream.write_all(answer.as_bytes())),
                    None => held.push(stream),
                }
            }
        });
        Self { address, seen }
    }

    fn well() -> Self {
        Self::start(Box::new(|_| Some(WELL)))
    }

    fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    /// The first `many` messages, when they have come.
    #[track_caller]
    fn wait_for(&self, many: usize) -> Vec<Message> {
        let begun = Instant::now();
        loop {
            let seen = self.seen();
            if seen.len() >= many {
                return seen;
            }
            assert!(begun.elapsed() < 2 * PATIENCE, "{} of {many} messages came", seen.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The program with a webhook to this receiver, and proxies in its environment that lead to `trap`.
    fn command(&self, desk: &Desk, arguments: &[&str], trap: SocketAddr) -> Command {
        let mut command = desk.command(arguments);
        command.env("MCP_SECURE_WEBHOOK_URL", format!("http://{}/hook", self.address));
        command.env("MCP_SECURE_WEBHOOK_SECRET", SECRET);
        for name in
            ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        {
            command.env(name, format!("http://{trap}"));
        }
        command.env_remove("no_proxy").env_remove("NO_PROXY");
        command
    }

    fn serve(&self, desk: &Desk, trap: SocketAddr) -> Server {
        Server::start(|address| {
            let serve = ["serve", "--http", address, "--inbox-url", "https://desk.example.com"];
            self.command(desk, &serve, trap)
        })
    }
}

fn read(stream: &mut TcpStream) -> Option<Message> {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let message = Message { head, body: Vec::new() };
    let mut body = vec![0; message.header("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Message { body, ..message })
}

/// Asks for a refund, and returns the id of the request.
fn ask(desk: &Desk, server: &Server) -> String {
    let asked = server.ask(&desk.token("alice"), "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
    structured(&asked)["approval_id"].as_str().unwrap().to_owned()
}

#[test]
fn each_change_of_a_request_is_announced_whoever_makes_it() {
    let (desk, receiver, trap) = (Desk::new(), Receiver::well(), Receiver::well());
    let server = receiver.serve(&desk, trap.address);
    let id = ask(&desk, &server);
    receiver.wait_for(1);
    // By another process, which itself tells nobody.
    desk.approve(&id, "bob");
    receiver.wait_for(2);
    let done = server.ask(&desk.token("alice"), "request_refund", &refund_arguments());
    assert_eq!(structured(&done)["status"], "refunded", "{done:#}");
    let all: Vec<Verified> = receiver.wait_for(4).iter().map(Message::verified).collect();
    let kinds: Vec<_> = all.iter().map(|one| one.announcement.kind.as_str()).collect();
    let expected = ["approval.pending", "approval.approved", "approval.running", "approval.done"];
    assert_eq!(kinds, expected);
    for one in &all {
        let data = &one.announcement.data;
        assert_eq!(
            (&data.id, data.tool.as_str(), data.tenant.as_str()),
            (&id, "request_refund", "acme")
        );
        assert_eq!(data.requester.person.as_deref(), Some("alice"));
        let url = format!("https://desk.example.com/inbox/requests/{id}");
        assert_eq!(data.decide_url, Some(url));
        assert_eq!(data.resources[0].id.as_deref(), Some("ord_5001"));
    }
    assert_eq!(all[1].announcement.data.approvals, 1);
    // Neither what is asked for nor why is told.
    for message in receiver.seen() {
        let text = String::from_utf8(message.body).unwrap();
        assert!(!text.contains("12000") && !text.contains("damaged"), "{text}");
    }
    assert!(trap.seen().is_empty(), "a proxy of the environment was asked");
}

#[test]
fn an_announcement_survives_kill_9_between_two_tries() {
    let bad = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 7\r\nconnection: close\r\n\r\nhunter2";
    let receiver =
        Receiver::start(Box::new(move |before| Some(if before == 0 { bad } else { WELL })));
    let (desk, trap) = (Desk::new(), Receiver::well());
    let mut server = receiver.serve(&desk, trap.address);
    let id = ask(&desk, &server);
    receiver.wait_for(1);
    std::thread::sleep(Duration::from_millis(500));
    server.kill();
    desk.approve(&id, "bob");
    let _again = receiver.serve(&desk, trap.address);
    let seen = receiver.wait_for(3);
    let said: Vec<_> = seen.iter().map(|one| one.verified().announcement.kind).collect();
    assert_eq!(said, ["approval.pending", "approval.pending", "approval.approved"]);
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert!(trap.seen().is_empty(), "a proxy of the environment was asked");
}

#[test]
fn an_announcement_survives_kill_9_in_the_middle_of_a_try() {
    let receiver = Receiver::start(Box::new(|before| (before > 0).then_some(WELL)));
    let (desk, trap) = (Desk::new(), Receiver::well());
    let mut server = receiver.serve(&desk, trap.address);
    ask(&desk, &server);
    receiver.wait_for(1);
    server.kill();
    let again = receiver.serve(&desk, trap.address);
    let seen = receiver.wait_for(2);
    assert_eq!(seen[0].verified().id, seen[1].verified().id);
    // And nothing comes after that.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(receiver.seen().len(), 2);
    again.terminate();
}

#[test]
fn b20_a_webhook_that_hangs_holds_up_no_call() {
    let (desk, hangs, trap) = (Desk::new(), Receiver::start(Box::new(|_| None)), Receiver::well());
    let server = hangs.serve(&desk, trap.address);
    let id = ask(&desk, &server);
    hangs.wait_for(1);
    let token = desk.token("alice");
    let begun = Instant::now();
    desk.approve(&id, "bob");
    let done = server.ask(&token, "request_refund", &refund_arguments());
    assert_eq!(structured(&done)["status"], "refunded", "{done:#}");
    for number in 1001..1006 {
        let customer = json!({"customer_id": format!("cus_{number}")});
        server.ask(&token, "get_account_health_summary", &customer);
    }
    // One attempt takes ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert!(server.terminate().success());
    assert!(begun.elapsed() < Duration::from_secs(8), "the end waits for the webhook");
}

#[test]
fn what_is_wrong_with_a_webhook_is_said_before_anything_is_served() {
    let desk = Desk::new();
    let mut command = desk.command(&["check"]);
    command.env("MCP_SECURE_WEBHOOK_URL", "https://u:hunter2@127.0.0.1/hunter2#x");
    let checked = crate::harness::Finished::of(command.env("MCP_SECURE_WEBHOOK_SECRET", "hunter2"));
    checked.exited_with(1);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    for expected in ["a secret is `whsec_`", "a user or a password", "a fragment", "not public"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    let mut command = desk.command(&["serve", "--http", "127.0.0.1:0"]);
    command.env("MCP_SECURE_WEBHOOK_URL", "http://hooks.example.com/");
    let served = crate::harness::Finished::of(command.env("MCP_SECURE_WEBHOOK_SECRET", SECRET));
    served.exited_with(1);
    assert!(served.stderr.contains("does not lead to this machine"), "{served:#?}");
}

/// The example, killed when dropped.
struct Example {
    child: Child,
    heard: Arc<Mutex<Vec<String>>>,
    url: String,
    secret: String,
}

impl Example {
    fn start() -> Self {
        let mut child = Command::new(mcp_secure_tests::programs::program("webhook-receiver"))
            .arg("127.0.0.1:0")
            .env_remove("MCP_SECURE_WEBHOOK_SECRET")
            .stdout(Pipe::piped())
            .stderr(Pipe::piped())
            .spawn()
            .unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (all, lines) =
            (Arc::clone(&heard), BufReader::new(child.stdout.take().unwrap()).lines());
        std::thread::spawn(move || lines.for_each(|line| all.lock().unwrap().push(line.unwrap())));
        // It says how to start the server.
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut setting = |name: &str| {
            let line = said.find(|line| line.contains(name)).unwrap();
            line.trim_end_matches(" \\").split_once('=').unwrap().1.to_owned()
        };
        let (url, secret) =
            (setting("MCP_SECURE_WEBHOOK_URL="), setting("MCP_SECURE_WEBHOOK_SECRET="));
        std::thread::spawn(move || said.for_each(drop));
        Self { child, heard, url, secret }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// What it answers to a message with these headers.
    fn answers(&self, headers: &str, body: &str) -> String {
        let address = self.url.trim_start_matches("http://").trim_end_matches("/hook");
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "POST /hook HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_example_prints_what_is_signed_and_refuses_what_is_not() {
    let (desk, example) = (Desk::new(), Example::start());
    let server = Server::start(|address| {
        let mut command = desk.command(&["serve", "--http", address]);
        command.env("MCP_SECURE_WEBHOOK_URL", &example.url);
        command.env("MCP_SECURE_WEBHOOK_SECRET", &example.secret);
        command
    });
    let id = ask(&desk, &server);
    desk.approve(&id, "bob");
    let begun = Instant::now();
    while example.heard().len() < 2 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", example.heard());
        std::thread::sleep(Duration::from_millis(50));
    }
    let about = "request_refund (high risk) on ord_5001, asked by alice of acme";
    let expected = [
        format!("approval.pending  {about}, 0 of 1 have approved"),
        format!("approval.approved  {about}, 1 of 1 have approved"),
    ];
    let decide = format!(", decide at http://{}/inbox/requests/{id}", server.address);
    assert_eq!(example.heard(), expected.map(|line| line + &decide));

    let refused = "HTTP/1.1 401 Unauthorized";
    assert_eq!(example.answers("", "{}"), refused);
    let forged = format!(
        "webhook-id: {id}_denied\r\nwebhook-timestamp: {}\r\nwebhook-signature: v1,AAAA\r\n",
        std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
    );
    assert_eq!(example.answers(&forged, "{}"), refused);
    let large = "x".repeat(100_000);
    assert_eq!(example.answers(&forged, &large), "HTTP/1.1 413 Payload Too Large");
    std::thread::sleep(Duration::from_millis(200));
    let heard: BTreeSet<String> = example.heard().into_iter().collect();
    assert_eq!((heard.len(), example.heard().len()), (2, 2));
}

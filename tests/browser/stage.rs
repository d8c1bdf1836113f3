//! A server of a test's own, and the browsers of the people who use it.

use std::sync::{Condvar, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::harness::{Desk, Server, refund_arguments, refusal_code, structured};
use crate::window::Window;

/// How many tests have browsers open at once: a browser takes a core and some hundred megabytes.
const AT_ONCE: usize = 2;

static OPEN: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

/// The right to open browsers. A test that opens two has one, so that no two tests wait for each other.
#[derive(Debug)]
pub(crate) struct Turn(());

impl Turn {
    pub(crate) fn take() -> Self {
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open =
            LEFT.wait_while(open, |open| *open >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *open += 1;
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        LEFT.notify_one();
    }
}

/// A support desk that listens, on a folder of its own.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) desk: Desk,
    // Dropped last.
    _turn: Turn,
}

impl Stage {
    #[track_caller]
    pub(crate) fn open() -> Self {
        Self::of(Desk::new())
    }

    /// The same of another desk.
    #[track_caller]
    pub(crate) fn of(desk: Desk) -> Self {
        let turn = Turn::take();
        Self { server: desk.serve(), desk, _turn: turn }
    }

    /// A browser that has signed in nowhere.
    #[track_caller]
    pub(crate) fn window(&self) -> Window {
        Window::open(&format!("http://{}", self.server.address))
    }

    /// A one-time link for somebody, as whoever runs the server makes it.
    #[track_caller]
    pub(crate) fn link(&self, name: &str) -> String {
        let inbox = format!("http://{}", self.server.address);
        let made = self.desk.run(&["inbox", "link", "--as", name, "--inbox-url", &inbox]);
        made.succeeded().stdout.trim().to_owned()
    }

    /// A browser in which somebody has signed in; it shows what waits.
    #[track_caller]
    pub(crate) fn signed_in(&self, name: &str) -> Window {
        let window = self.window();
        self.sign_in(&window, name);
        window
    }

    #[track_caller]
    pub(crate) fn sign_in(&self, window: &Window, name: &str) {
        window.go(&self.link(name));
        window.press(&format!("Sign in as {name}"));
        window.see("Sign out");
    }

    /// What an agent hears that calls a tool for somebody.
    #[track_caller]
    pub(crate) fn call(&self, name: &str, tool: &str, arguments: &Value) -> Value {
        self.server.ask(&self.desk.token(name), tool, arguments)
    }

    /// An agent asks for something that people have to decide on. Returns the id of the request.
    #[track_caller]
    pub(crate) fn asked(&self, name: &str, tool: &str, arguments: &Value) -> String {
        let answer = self.call(name, tool, arguments);
        assert_eq!(refusal_code(&answer), "approval_required", "{answer:#}");
        structured(&answer)["approval_id"].as_str().unwrap().to_owned()
    }

    /// Alice's agent asks for the refund of every scenario.
    #[track_caller]
    pub(crate) fn refund(&self) -> String {
        self.asked("alice", "request_refund", &refund_arguments())
    }

    /// Alice's agent asks to close an account, for a reason in its own words.
    #[track_caller]
    pub(crate) fn closing(&self, customer: &str, reason: &str) -> String {
        self.asked("alice", "close_account", &json!({"customer_id": customer, "reason": reason}))
    }

    /// A request as the command line shows it.
    #[track_caller]
    pub(crate) fn request(&self, id: &str) -> Value {
        self.desk.run(&["approvals", "show", id, "--as", "bob", "--format", "json"]).json()
    }
}

/// The path of a request's page.
pub(crate) fn page_of(id: &str) -> String {
    format!("/inbox/requests/{id}")
}

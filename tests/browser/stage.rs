//! A server of a test's own, and the browsers of the people who use it.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::harness::{Desk, Server};
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
        let turn = Turn::take();
        let desk = Desk::new();
        Self { server: desk.serve(), desk, _turn: turn }
    }

    /// A browser that has signed in nowhere.
    #[track_caller]
    pub(crate) fn window(&self) -> Window {
        Window::open(&format!("http://{}", self.server.address))
    }
}

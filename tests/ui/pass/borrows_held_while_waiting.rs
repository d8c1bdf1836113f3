//! What the server lends may be held across an `await`; no lifetime has to be written.

use std::sync::Mutex;

use mcp_secure::prelude::*;

struct Orders {
    first: String,
}

type Ledger = Mutex<Vec<u64>>;

#[derive(State)]
struct App {
    orders: Orders,
    #[state(write)]
    ledger: Ledger,
    #[state(skip)]
    _spare: Orders,
}

/// Books the first order.
#[tool(risk = "medium", permission = "order.book", destructive = false)]
async fn book_first(caller: &Principal, orders: &Orders, ledger: &Ledger, mut times: u64) -> Content {
    let first = &orders.first;
    for _ in 0..3 {
        std::future::ready(()).await;
        times += 1;
    }
    ledger.lock().unwrap().push(times);
    Content::text(format!("{first} by {}", caller.subject))
}

pub(super) fn main() {
    let _: ToolSet<App> = tools![book_first];
}

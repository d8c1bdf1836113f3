//! The application's state, its people, and the server of one replica.

use mcp_secure::prelude::*;
use mcp_secure::server::ServerBuilder;

use crate::database::{Database, DatabaseError, OrderBook, Till};
use crate::tools::{capture_payment, get_order, refund_order, send_receipt};

/// The variable that names the application's own database. The store of the framework is another matter: `--store`.
pub const DATABASE: &str = "FLEET_DATABASE";

/// What the server lends to tools.
#[derive(State)]
pub struct App {
    orders: OrderBook,
    #[state(write)]
    till: Till,
}

impl App {
    /// Connects when it is first used, so that a server starts though the database does not answer yet.
    pub fn open() -> Result<Self, DatabaseError> {
        let url = std::env::var(DATABASE).map_err(|_| DatabaseError::NotNamed)?;
        let database = Database::new(&url)?;
        Ok(Self { orders: OrderBook::new(database.clone()), till: Till::new(database) })
    }
}

/// The server of one replica. Nothing in it knows how many there are.
pub fn server() -> ServerBuilder<App> {
    Server::builder(|_| App::open())
        .info("fleet", env!("CARGO_PKG_VERSION"))
        .owner("fleet-team")
        // A session would live in one process; without them every replica answers every request.
        .sessions(false)
        .people(
            People::new()
                .with(Person::new("alice", "acme").roles(["support"]))
                .with(Person::new("bob", "acme").roles(["support", "support_lead"]))
                .with(Person::new("carol", "acme").roles(["operator"])),
        )
        .tools(tools![get_order, capture_payment, refund_order, send_receipt])
        .policies(Policies::from_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")))
}

//! Where an attack on a decision takes place.

use serde_json::{Value, json};

use super::deciding::{Decision, Place, Taken};
use crate::harness::{Desk, Server, refusal_code, structured};

/// A desk with a server, and one of the places.
pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) desk: Desk,
    pub(super) server: Server,
}

/// The attack at each place, with a desk of its own.
pub(super) fn at_every_place(attack: impl Fn(&Scene)) {
    for place in Place::ALL {
        eprintln!("at {place:?}");
        let desk = Desk::new();
        let server = desk.serve();
        let scene = Scene { place, desk, server };
        attack(&scene);
        scene.desk.effects_are_on_record();
        scene.desk.audit_holds();
    }
}

pub(super) fn refund(order: u32) -> Value {
    json!({"order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged"})
}

impl Scene {
    /// Somebody's agent asks; the id of the request.
    #[track_caller]
    pub(super) fn asked(&self, name: &str, tool: &str, arguments: &Value) -> String {
        let asked = self.call(name, tool, arguments);
        assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
        structured(&asked)["approval_id"].as_str().unwrap().to_owned()
    }

    pub(super) fn call(&self, name: &str, tool: &str, arguments: &Value) -> Value {
        self.server.ask(&self.desk.token(name), tool, arguments)
    }

    pub(super) fn decides(&self, who: &str, decision: &Decision<'_>) -> Taken {
        self.place.decide(&self.desk, &self.server, who, decision)
    }

    /// Somebody approves the request as it is shown.
    pub(super) fn approves(&self, who: &str, id: &str) -> Taken {
        self.decides(who, &Decision { id, verdict: "approve", ..Decision::default() })
    }

    /// The request as a lead sees it who does nothing here.
    #[track_caller]
    pub(super) fn request(&self, id: &str) -> Value {
        self.desk.run(&["approvals", "show", id, "--as", "carol", "--format", "json"]).json()
    }

    /// It stands so, and this many have voted.
    #[track_caller]
    pub(super) fn stands(&self, id: &str, state: &str, votes: usize) {
        let found = self.request(id);
        assert_eq!(found["state"], json!(state), "{found:#}");
        assert_eq!(found["votes"].as_array().unwrap().len(), votes, "{found:#}");
    }
}

impl Taken {
    #[track_caller]
    pub(super) fn counted(&self) {
        assert!(self.counts, "{self:#?}");
    }

    #[track_caller]
    pub(super) fn refused(&self) {
        assert!(!self.counts, "{self:#?}");
    }
}

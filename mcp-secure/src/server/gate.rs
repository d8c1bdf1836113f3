//! The gate as transports see it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::face::{Answering, AnsweringTask, Catalogue, Face, Shown, TaskWish};
use crate::approval::ApprovalId;
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::identity::{AuthError, Authenticated, Authenticator};
use crate::pipeline::{Gate, Incoming, Refusal, Served, ServerInfo, TaskAsked, Transport};
use crate::tool::spec::Kind;

impl Face for Gate {
    fn call(self: Arc<Self>, incoming: Incoming) -> Answering {
        Box::pin(async move { Self::call(&self, incoming).await })
    }

    fn task(self: Arc<Self>, asked: TaskAsked, wish: TaskWish) -> AnsweringTask {
        Box::pin(async move {
            match wish {
                TaskWish::Look => Self::task(&self, asked).await.map(Some),
                TaskWish::Cancel => self.cancel_task(asked).await.map(|()| None),
                TaskWish::Update => self.update_task(asked).await.map(|()| None),
            }
        })
    }

    fn asks_people(&self, tool: Option<&str>) -> bool {
        Self::asks_people(self, tool)
    }

    fn has_inbox(&self) -> bool {
        Self::has_inbox(self)
    }

    fn until_decided(
        self: Arc<Self>,
        id: ApprovalId,
        until: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(async move { Self::until_decided(&self, id, until).await })
    }

    fn may_list(&self, caller: &Authenticated) -> Result<(), (Arc<str>, Box<Refusal>)> {
        Self::may_list(self, caller)
    }

    fn shown(&self, caller: &Authenticated, which: Catalogue) -> Vec<Shown> {
        let listed = match which {
            Catalogue::Tools => self.tools(caller),
            Catalogue::Resources => self.resources(caller),
            Catalogue::Prompts => self.prompts(caller),
        };
        listed.iter().map(|served| shown(served)).collect()
    }

    fn declares(&self, which: Catalogue) -> bool {
        self.declares(|kind| match which {
            Catalogue::Tools => matches!(kind, Kind::Tool),
            Catalogue::Resources => matches!(kind, Kind::Resource { .. }),
            Catalogue::Prompts => matches!(kind, Kind::Prompt),
        })
    }

    fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.switchings()
    }

    fn info(&self) -> &ServerInfo {
        Self::info(self)
    }

    fn authenticator(&self) -> &dyn Authenticator {
        Self::authenticator(self)
    }

    fn turned_away(&self, peer: &str, before: u64) {
        let record = Record::new(Event::Refusal)
            .transport(Transport::Http.as_str())
            .detail(serde_json::json!({"peer": peer, "refused_before": before}))
            .outcome(OutcomeNote::new(Executed::No, "too_many_requests"));
        if let Err(error) = self.audit().queued(record) {
            tracing::warn!(%error, "a refusal could not be recorded");
        }
    }

    fn unauthenticated(&self, why: AuthError, transport: Transport) {
        let outcome = OutcomeNote::new(Executed::No, "unauthenticated").error(why.code());
        let record = Record::new(Event::Refusal).transport(transport.as_str()).outcome(outcome);
        // Nobody is let in for a record that could not be written, so there is nothing to take back.
        if let Err(error) = self.audit().queued(record) {
            tracing::warn!(%error, "a refusal could not be recorded");
        }
    }
}

fn shown(served: &Served) -> Shown {
    Shown {
        spec: served.spec,
        input_schema: Arc::clone(&served.input_schema),
        output_schema: served.output_schema.clone(),
        preview_schema: served.preview_schema.clone(),
    }
}

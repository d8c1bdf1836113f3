//! What has to be done though nobody calls: runs that were lost, requests that ran out.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::gate::Gate;
use super::switches::READ_EVERY;
use crate::approval::ApprovalId;
use crate::audit::{ApprovalNote, AuditError, Event, Executed, OutcomeNote, Record, Who};
use crate::store::LapsedRun;

impl Gate {
    /// Puts lost runs in doubt and records each; once at start-up and then by the timer.
    pub(crate) async fn recover(&self) -> Result<usize, String> {
        self.renew_held().await?;
        let (lapsed, expired) = (self.store.recover().await, self.store.expire_due().await);
        let (mut runs, mut approvals) = (Vec::new(), Vec::new());
        let written = async {
            for run in lapsed.iter().flatten() {
                self.audit.durable(lost(run)).await?;
                runs.push(run.run_id);
            }
            for id in expired.iter().flatten() {
                self.audit.durable(ran_out(id)).await?;
                approvals.push(*id);
            }
            Ok::<_, AuditError>(())
        }
        .await;
        // The store tells of what is not on record again, this process or another.
        if !runs.is_empty() || !approvals.is_empty() {
            self.store.told(runs, approvals).await.map_err(|error| error.to_string())?;
        }
        written.map_err(|error| error.to_string())?;
        let lapsed = lapsed.map_err(|error| error.to_string())?;
        expired.map_err(|error| error.to_string())?;
        Ok(lapsed.len())
    }

    /// Reads what is switched off, again and again, for as long as the gate is there.
    pub(crate) fn watch_switches(self: &Arc<Self>) {
        let gate: Weak<Self> = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(READ_EVERY).await;
                let Some(gate) = gate.upgrade() else { return };
                if let Err(error) = gate.read_switches().await {
                    tracing::warn!(%error, "what is switched off can not be read; it will count as off soon");
                }
            }
        });
    }

    /// Keeps doing so for as long as the gate is there.
    pub(crate) fn keep_up(self: &Arc<Self>) {
        self.note_found_off();
        let gate: Weak<Self> = Arc::downgrade(self);
        let pause = (self.settings.lease / 3).max(Duration::from_millis(200));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(gate) = gate.upgrade() else { return };
                if let Err(error) = gate.recover().await {
                    tracing::warn!(%error, "upkeep failed and will be tried again");
                }
            }
        });
    }
}

fn ran_out(id: &ApprovalId) -> Record {
    Record::new(Event::Approval).approval(ApprovalNote {
        id: id.to_string(),
        state: "expired".to_owned(),
        deciders: Vec::new(),
    })
}

fn lost(run: &LapsedRun) -> Record {
    let caller = &run.caller;
    let mut record = Record::new(Event::Recovery)
        .request_id(run.request_id.as_str())
        .tool(run.tool.as_str())
        .run_id(run.run_id.to_string())
        .principal(Who {
            issuer: caller.issuer.clone(),
            subject: caller.subject.clone(),
            person: caller.person.clone(),
            tenant: caller.tenant.clone(),
            client: caller.client.clone(),
            method: caller.method,
            actors: caller.actors.clone(),
        })
        .outcome(OutcomeNote::new(Executed::Unknown, "in_doubt"));
    record.approval = run.approval.as_ref().map(|id| ApprovalNote {
        id: id.to_string(),
        state: "in_doubt".to_owned(),
        deciders: Vec::new(),
    });
    record
}

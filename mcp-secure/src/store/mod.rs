//! What must survive a restart: approvals and running rows.

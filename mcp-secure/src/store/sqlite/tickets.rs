//! Tickets: what a browser holds a secret to. Only the secret's digest is here.

use super::worker::Tx;
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::row::{json, millis, parse};
use crate::store::{NewTicket, StoreError, Ticket, TicketKind};
use rusqlite::{OptionalExtension as _, params};

pub(super) fn put(tx: &Tx<'_>, digest: &Digest, new: &NewTicket) -> Result<(), StoreError> {
    tx.conn
        .prepare_cached(
            "INSERT INTO tickets (kind, digest, content, expires) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            new.kind.as_str(),
            digest.as_bytes(),
            json(&new.content)?,
            tx.now.plus_millis(millis(new.expires_in_ms)).millis(),
        ])?;
    Ok(())
}

pub(super) fn find(
    tx: &Tx<'_>,
    kind: TicketKind,
    digest: &Digest,
) -> Result<Option<Ticket>, StoreError> {
    let sql =
        "SELECT content, expires FROM tickets WHERE kind = ?1 AND digest = ?2 AND expires > ?3";
    read(tx, sql, kind, digest)
}

/// One statement, so that of several who take it at once one gets it.
pub(super) fn take(
    tx: &Tx<'_>,
    kind: TicketKind,
    digest: &Digest,
) -> Result<Option<Ticket>, StoreError> {
    let sql = "DELETE FROM tickets WHERE kind = ?1 AND digest = ?2 AND expires > ?3 RETURNING content, expires";
    read(tx, sql, kind, digest)
}

pub(super) fn renew(
    tx: &Tx<'_>,
    kind: TicketKind,
    digest: &Digest,
    expires_in_ms: u64,
) -> Result<bool, StoreError> {
    let renewed = tx
        .conn
        .prepare_cached(
            "UPDATE tickets SET expires = ?1 WHERE kind = ?2 AND digest = ?3 AND expires > ?4",
        )?
        .execute(params![
            tx.now.plus_millis(millis(expires_in_ms)).millis(),
            kind.as_str(),
            digest.as_bytes(),
            tx.now.millis(),
        ])?;
    Ok(renewed == 1)
}

fn read(
    tx: &Tx<'_>,
    sql: &str,
    kind: TicketKind,
    digest: &Digest,
) -> Result<Option<Ticket>, StoreError> {
    let values = params![kind.as_str(), digest.as_bytes(), tx.now.millis()];
    let row = tx
        .conn
        .prepare_cached(sql)?
        .query_row(values, |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    let Some((content, expires)) = row else { return Ok(None) };
    Ok(Some(Ticket { content: parse(&content)?, expires: Timestamp::from_millis(expires) }))
}

//! Tickets: what a browser holds a secret to. Only the secret's digest is here.

use super::fault::Fault;
use super::pool::Tx;
use super::rows::{BYTES, INT, TEXT, get};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::row::{json, millis, parse};
use crate::store::{NewTicket, Ticket, TicketKind};

pub(super) async fn put(tx: &Tx<'_>, digest: &Digest, new: &NewTicket) -> Result<(), Fault> {
    let digest: &[u8] = digest.as_bytes();
    tx.execute(
        "INSERT INTO mcp_secure.tickets (kind, digest, content, expires) VALUES ($1, $2, $3, $4)",
        &[
            (&new.kind.as_str(), TEXT),
            (&digest, BYTES),
            (&json(&new.content)?, TEXT),
            (&tx.now.plus_millis(millis(new.expires_in_ms)).millis(), INT),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn find(
    tx: &Tx<'_>,
    kind: TicketKind,
    digest: &Digest,
) -> Result<Option<Ticket>, Fault> {
    let sql = "SELECT content, expires FROM mcp_secure.tickets WHERE kind = $1 AND digest = $2 AND expires > $3";
    read(tx, sql, kind, digest).await
}

/// One statement, so that of several who take it at once one gets it: the others wait for the row, and find it gone.
pub(super) async fn take(
    tx: &Tx<'_>,
    kind: TicketKind,
    digest: &Digest,
) -> Result<Option<Ticket>, Fault> {
    let sql = "DELETE FROM mcp_secure.tickets WHERE kind = $1 AND digest = $2 AND expires > $3 RETURNING content, expires";
    read(tx, sql, kind, digest).await
}

pub(super) async fn renew(
    tx: &Tx<'_>,
    kind: TicketKind,
    digest: &Digest,
    expires_in_ms: u64,
) -> Result<bool, Fault> {
    let digest: &[u8] = digest.as_bytes();
    let renewed = tx
        .execute(
            "UPDATE mcp_secure.tickets SET expires = $1 WHERE kind = $2 AND digest = $3 AND expires > $4",
            &[
                (&tx.now.plus_millis(millis(expires_in_ms)).millis(), INT),
                (&kind.as_str(), TEXT),
                (&digest, BYTES),
                (&tx.now.millis(), INT),
            ],
        )
        .await?;
    Ok(renewed == 1)
}

async fn read(
    tx: &Tx<'_>,
    sql: &str,
    kind: TicketKind,
    digest: &Digest,
) -> Result<Option<Ticket>, Fault> {
    let digest: &[u8] = digest.as_bytes();
    let values = [(&kind.as_str() as _, TEXT), (&digest as _, BYTES), (&tx.now.millis() as _, INT)];
    let rows = tx.query(sql, &values).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Ticket {
        content: parse(&get::<String>(row, 0)?)?,
        expires: Timestamp::from_millis(get(row, 1)?),
    }))
}

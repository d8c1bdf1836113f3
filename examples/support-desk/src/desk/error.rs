/// Why the desk did not do something.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The id names nothing. Tools rarely see it: a missing resource is refused before they run.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// More money than is left of the order.
    #[error("only {left_cents} of the order's cents are left to refund")]
    MoreThanLeft {
        /// What may still be refunded.
        left_cents: i64,
    },
    /// The order was never paid.
    #[error("the order is not paid, so there is nothing to refund")]
    NotPaid,
    /// The customer already has the status asked for.
    #[error("the customer already has this status")]
    NothingToChange,
    /// A closed account stays closed.
    #[error("the account is closed")]
    AccountClosed,
    /// What would be put back is not what the change left behind.
    #[error("the status has been changed again since, so it can not be put back")]
    ChangedSince,
    /// The refund was cancelled before.
    #[error("the refund is already cancelled")]
    AlreadyCancelled,
    /// The database refused; the text is for the log, never for a caller.
    #[error("the desk's database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A database call was lost with its thread.
    #[error("a database call did not come back")]
    Lost,
}

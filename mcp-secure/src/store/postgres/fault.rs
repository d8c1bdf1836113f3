use crate::store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why an attempt failed, which decides whether it is made again.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing happened, and another attempt may go well.
    Again(StoreError),
    /// The commit was sent and its answer never came: it may have happened.
    Lost(StoreError),
    /// Nothing happened, and another attempt would end alike.
    Final(StoreError),
}

impl Fault {
    /// For what may be repeated even if it was carried out.
    pub(super) fn repeatable(self) -> Self {
        if let Self::Lost(error) = self { Self::Again(error) } else { self }
    }

    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Again(error) | Self::Lost(error) | Self::Final(error) => error,
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            // Another replica was faster: with a new look at the rows there is an answer.
            StoreError::Raced => Self::Again(StoreError::Raced),
            other => Self::Final(other),
        }
    }
}

/// Before a commit is sent, whatever breaks takes the transaction back.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let again = error.code().is_none_or(|code| {
            code == &SqlState::T_R_SERIALIZATION_FAILURE
                || code == &SqlState::T_R_DEADLOCK_DETECTED
                || is_connection(code)
        });
        let again = again && (error.code().is_some() || is_gone(&error));
        let again = again && of_tls(&error).is_none();
        let error = store_error(&error);
        if again { Self::Again(error) } else { Self::Final(error) }
    }
}

/// What a failed `COMMIT` means.
pub(super) fn of_commit(error: &Error) -> Fault {
    let rolled_back = error.code().is_some_and(|code| {
        code == &SqlState::T_R_SERIALIZATION_FAILURE || code == &SqlState::T_R_DEADLOCK_DETECTED
    });
    let error = store_error(error);
    if rolled_back { Fault::Again(error) } else { Fault::Lost(error) }
}

/// The connection is of no more use.
fn is_gone(error: &Error) -> bool {
    error.is_closed()
        || std::error::Error::source(error)
            .is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// What is wrong with the server's certificate, or with how it speaks TLS.
fn of_tls(error: &Error) -> Option<&rustls::Error> {
    let io = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    io.get_ref()?.downcast_ref()
}

/// The server, or a pooler before it, goes away or is not there yet.
fn is_connection(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "53300")
}

pub(super) fn store_error(error: &Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        if let Some(why) = of_tls(error) {
            return StoreError::Setting(format!(
                "TLS to the database: {why}; its certificate has to be for the name in the connection string, from an \
                 authority that this system trusts or that `SSL_CERT_FILE` names"
            ));
        }
        // The driver's own words: the server's parameters are not among them.
        return if error.is_closed() || is_gone(error) {
            StoreError::Unavailable("the connection is lost".to_owned())
        } else {
            StoreError::Internal(error.to_string())
        };
    };
    let code = db.code();
    // Only the message: the detail may quote what was to be written.
    let said = || format!("{} ({})", db.message(), code.code());
    match code.code() {
        "25006" => StoreError::ReadOnly,
        "53100" => StoreError::Full,
        "55P03" => StoreError::Busy,
        "57014" => StoreError::Unavailable("the database took too long".to_owned()),
        "40001" | "40P01" => StoreError::Raced,
        "58030" => StoreError::Io(said()),
        "XX001" | "XX002" => StoreError::Corrupt(said()),
        class if class.starts_with("28") => {
            StoreError::Unavailable("the database refuses this user".to_owned())
        }
        _ if is_connection(code) => StoreError::Unavailable(said()),
        _ => StoreError::Internal(said()),
    }
}

//! The closed sets of words that the desk's tables and tools use.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An enum whose variants are stored, sent and shown as one word each.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// The word, as stored and as sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.as_str()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_str()? {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(FromSqlError::InvalidType),
                }
            }
        }
    };
}

words! {
    /// What a customer pays for.
    Plan {
        /// No charge.
        Free = "free",
        /// Small companies.
        Team = "team",
        /// A contract of its own.
        Enterprise = "enterprise",
    }
}

words! {
    /// Whether a customer is served.
    CustomerStatus {
        /// Served.
        Active = "active",
        /// Not served for a while, nothing is lost.
        Paused = "paused",
        /// Not served any more.
        Closed = "closed",
    }
}

words! {
    /// How soon somebody has to look at a ticket.
    Priority {
        /// When there is time.
        Low = "low",
        /// In turn.
        Normal = "normal",
        /// Today.
        High = "high",
        /// Now.
        Urgent = "urgent",
    }
}

words! {
    /// Why a customer gets money back.
    RefundReason {
        /// Charged twice.
        Duplicate = "duplicate",
        /// Arrived broken.
        Damaged = "damaged",
        /// Never arrived.
        NotReceived = "not_received",
        /// To keep a customer.
        Goodwill = "goodwill",
    }
}

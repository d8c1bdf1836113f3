/// Makes an id type of 128 bits, shown with a prefix: random ones, or `ordered`, where the time leads (UUID version 7) so
/// that a busy table's index grows at one end instead of all over the disk.
///
/// Ids name things and carry no power: knowing one neither decides nor reads.
macro_rules! random_id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $crate::approval::random_id! { @ rand::random(), $(#[$meta])* $name, $prefix }
    };
    (ordered $(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $crate::approval::random_id! { @ uuid::Uuid::now_v7().into_bytes(), $(#[$meta])* $name, $prefix }
    };
    (@ $fresh:expr, $(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new id, which nobody guesses, from the thread's cryptographic generator.
            #[must_use]
            pub fn random() -> Self {
                Self($fresh)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}{}", $prefix, hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{self}")
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::approval::NotAnId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let refused = $crate::approval::NotAnId { prefix: $prefix };
                let Some(digits) = text.strip_prefix($prefix) else { return Err(refused) };
                let mut bytes = [0_u8; 16];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| refused)?;
                Ok(Self(bytes))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use random_id;

/// The text is no id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is `{prefix}` and 32 hexadecimal digits")]
pub struct NotAnId {
    pub(crate) prefix: &'static str,
}

random_id! {
    /// Names one approval request: `apr_` and 32 hexadecimal digits.
    ///
    /// ```
    /// use mcp_secure::approval::ApprovalId;
    /// let id = ApprovalId::random();
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// ```
    ApprovalId, "apr_"
}

//! What a browser holds. The store keeps its digest, so who reads the store gets in nowhere.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRngCore as _;
use sha2::Sha256;

use crate::canon::Digest;

/// 256 random bits, as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(crate) struct NoRandomness;

impl Secret {
    /// A new one, from the system's generator.
    pub(crate) fn fresh() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Reads what a browser sent; anything but the very form it was given out in is nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let mut bytes = [0_u8; 32];
        if !text.bytes().all(plain) || hex::decode_to_slice(text, &mut bytes).is_err() {
            return None;
        }
        Some(Self(bytes))
    }

    /// As it is handed out.
    pub(crate) fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    /// What the store knows it by.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of_bytes(&self.0)
    }

    /// What every form of this session carries. It is made of the secret, and the secret can not be made of it.
    pub(crate) fn form_token(&self) -> String {
        self.mac().map_or_else(String::new, |mac| hex::encode(mac.finalize().into_bytes()))
    }

    /// Whether a form came from a page of this session, in a time that tells nothing.
    pub(crate) fn made(&self, token: &str) -> bool {
        let mut bytes = [0_u8; 32];
        let read = hex::decode_to_slice(token, &mut bytes).is_ok();
        // `verify_slice` compares in constant time.
        read && self.mac().is_some_and(|mac| mac.verify_slice(&bytes).is_ok())
    }

    fn mac(&self) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"mcp-secure inbox form");
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_given_out_and_in_no_other_form() {
        let secret = Secret::fresh().unwrap();
        let text = secret.reveal();
        assert_eq!(text.len(), 64);
        assert_eq!(Secret::parse(&text), Some(secret.clone()));
        let (upper, short, long) = (text.to_uppercase(), &text[1..], format!("{text}0"));
        assert!(upper == text || Secret::parse(&upper).is_none());
        assert!(Secret::parse(short).is_none() && Secret::parse(&long).is_none());
        assert!(Secret::parse("").is_none());
        assert_ne!(Secret::fresh().unwrap(), secret);
        assert!(!format!("{secret:?}").contains(&text));
    }

    #[test]
    fn a_form_token_is_one_sessions_and_is_not_the_secret() {
        let (mine, other) = (Secret::fresh().unwrap(), Secret::fresh().unwrap());
        let token = mine.form_token();
        assert!(mine.made(&token));
        assert!(!other.made(&token));
        assert_ne!(token, mine.reveal());
        assert_ne!(token, mine.digest().to_hex());
        for odd in ["", "0", &token[1..], &format!("{token}00"), &mine.reveal()] {
            assert!(!mine.made(odd), "{odd}");
        }
    }
}

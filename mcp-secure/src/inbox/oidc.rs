//! The `OpenID` provider as the inbox's way in.

use serde_json::Value;

use super::sign_in::{Begun, Provider, ProviderError};
use crate::identity::{Authenticated, OidcSignIn, SignInRefused};
use crate::tool::BoxFuture;

impl Provider for OidcSignIn {
    fn issuer(&self) -> &str {
        Self::issuer(self)
    }

    fn begin<'a>(&'a self, callback: &'a str) -> BoxFuture<'a, Result<Begun, ProviderError>> {
        Box::pin(async move {
            let (url, kept) = Self::begin(self, callback).await?;
            Ok(Begun { url, kept })
        })
    }

    fn finish<'a>(
        &'a self,
        query: &'a str,
        kept: Value,
    ) -> BoxFuture<'a, Result<Authenticated, ProviderError>> {
        Box::pin(async move { Ok(Self::finish(self, query, kept).await?) })
    }
}

impl From<SignInRefused> for ProviderError {
    fn from(refused: SignInRefused) -> Self {
        if refused.passes() {
            return Self::Unavailable(refused.to_string());
        }
        Self::Refused { code: refused.code(), says: refused.to_string() }
    }
}

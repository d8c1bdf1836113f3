//! What a provider says of itself, and its keys: asked for when somebody signs in, and kept for a few minutes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, DiscoveryError, HttpRequest, HttpResponse,
    IssuerUrl, ProviderMetadata,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::outbound::{Outbound, OutboundError};
use crate::tls::NoTls;

/// How long the provider may take for an answer. Somebody waits for it.
const WITHIN: Duration = Duration::from_secs(10);
/// The largest answer taken, in bytes; a key set with chains of certificates may be long.
const MAX_BYTES: usize = 512 * 1024;
/// How long what it said counts. A key that it has withdrawn vouches for nobody after that.
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// How long a failure is told to others who ask, so that pressing a button again and again does not reach the provider.
const FAILED_FOR: Duration = Duration::from_secs(2);

/// What the provider says of itself, beyond what the library reads.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Extra {
    /// Whether its answers name it (RFC 9207 section 3).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Extra {}

pub(super) type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What was asked last.
enum Last {
    Nothing,
    Known(Known),
    Failed(String, Instant),
}

/// What is known of a provider, and since when.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) metadata: Arc<Metadata>,
    since: Instant,
}

pub(super) struct Provider {
    issuer: IssuerUrl,
    http: Outbound,
    /// Held while somebody asks, so that the others wait for one answer.
    last: Mutex<Last>,
}

impl Provider {
    /// Nothing is asked yet: a provider that is down keeps nobody from starting.
    pub(super) fn new(issuer: IssuerUrl) -> Result<Self, NoTls> {
        let plain = crate::outbound::is_here(issuer.url()) && issuer.url().scheme() == "http";
        let http = Outbound::new(plain, WITHIN, MAX_BYTES)?;
        Ok(Self { issuer, http, last: Mutex::new(Last::Nothing) })
    }

    /// What it says of itself and its keys, or why it does not.
    pub(super) async fn known(&self) -> Result<Known, String> {
        let mut last = self.last.lock().await;
        match &*last {
            Last::Known(known) if known.since.elapsed() < KNOWN_FOR => return Ok(known.clone()),
            Last::Failed(why, at) if at.elapsed() < FAILED_FOR => return Err(why.clone()),
            _ => {}
        }
        self.ask(&mut last).await
    }

    /// The same, but newer than `old`: it may have new keys.
    pub(super) async fn newer(&self, old: &Known) -> Result<Known, String> {
        let mut last = self.last.lock().await;
        match &*last {
            Last::Known(known) if known.since > old.since => return Ok(known.clone()),
            Last::Failed(why, at) if at.elapsed() < FAILED_FOR => return Err(why.clone()),
            _ => {}
        }
        self.ask(&mut last).await
    }

    async fn ask(&self, last: &mut Last) -> Result<Known, String> {
        // Taken first: an answer is as old as its question.
        let since = Instant::now();
        let told = Metadata::discover_async(self.issuer.clone(), self).await;
        let told = told.map_err(|error| discovery(&error)).and_then(|metadata| {
            self.usable(&metadata)?;
            Ok(Known { metadata: Arc::new(metadata), since })
        });
        *last = match &told {
            Ok(known) => Last::Known(known.clone()),
            Err(why) => Last::Failed(why.clone(), Instant::now()),
        };
        told
    }

    /// The browser is sent to the one, and the code to the other.
    fn usable(&self, metadata: &Metadata) -> Result<(), String> {
        let token = metadata.token_endpoint().ok_or("it names no `token_endpoint`")?;
        for url in [metadata.authorization_endpoint().url(), token.url()] {
            if !crate::outbound::is_safe(url, self.issuer.url().scheme() == "http") {
                return Err(OutboundError::NotSafe(crate::outbound::origin(url)).to_string());
            }
        }
        Ok(())
    }
}

/// The provider as the library asks it.
impl<'c> AsyncHttpClient<'c> for Provider {
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OutboundError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)
                .map_err(|error| OutboundError::Unreachable(error.without_url().to_string()))?;
            let answered = self.http.send(request).await?;
            let mut response = HttpResponse::new(answered.body);
            *response.status_mut() = answered.status;
            *response.headers_mut() = answered.headers;
            Ok(response)
        })
    }
}

/// For the log: what went wrong, without the answer's body.
fn discovery(error: &DiscoveryError<OutboundError>) -> String {
    match error {
        DiscoveryError::Request(error) => error.to_string(),
        DiscoveryError::Parse(error) => {
            format!("what it says of itself can not be read, at `{}`", error.path())
        }
        DiscoveryError::Response(status, _, _) => format!("it answers with status {status}"),
        DiscoveryError::Validation(why) => format!("it is another than it should be: {why}"),
        other => other.to_string(),
    }
}

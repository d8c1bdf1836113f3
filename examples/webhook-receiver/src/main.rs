//! Listens on this machine and prints what it hears. Over the network it belongs behind a proxy that speaks TLS.

use std::process::ExitCode;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mcp_secure::webhook::Verifier;
use secrecy::SecretString;
use tokio::net::TcpListener;
use webhook_receiver::{line, router};

const SECRET: &str = "MCP_SECURE_WEBHOOK_SECRET";
const ADDRESS: &str = "127.0.0.1:9000";

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    match serve(&address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(address).await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let secret = if let Ok(given) = std::env::var(SECRET) {
        eprintln!("listening at {url}");
        given
    } else {
        // One for this run, shown because nobody else knows it.
        let made = format!("whsec_{}", BASE64_STANDARD.encode(rand::random::<[u8; 32]>()));
        eprintln!("listening at {url}; start the server in another shell:");
        eprintln!();
        eprintln!("  MCP_SECURE_WEBHOOK_URL={url} \\");
        eprintln!("  {SECRET}={made} \\");
        eprintln!("  cargo run -p support-desk");
        eprintln!();
        made
    };
    let verifier = Verifier::new([SecretString::from(secret)])?;
    let hear = Box::new(|announcement: &_| println!("{}", line(announcement)));
    axum::serve(listener, router(verifier, hear)).await?;
    Ok(())
}

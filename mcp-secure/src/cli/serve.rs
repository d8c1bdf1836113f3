//! Serving, until standard input closes or somebody says stop.

use std::net::{Ipv4Addr, SocketAddr};

use tokio_util::sync::CancellationToken;

use super::args::Serve;
use super::output::Output;
use super::{Context, Failure, Opening};
use crate::identity::DataDir;
use crate::server::{HttpServer, Stdio};

/// Where the bare program serves.
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

pub(super) async fn run(context: &Context, args: Serve) -> Result<(), Failure> {
    if args.person.is_some() && !args.stdio {
        return Err(Failure::Usage(
            "`--as` goes with `--stdio`; over HTTP a token says who calls".to_owned(),
        ));
    }
    let stop = stop_on_signal();
    if args.stdio {
        stdio(context, args, stop).await
    } else {
        http(context, args.http.unwrap_or(HERE), args.inbox_url, stop).await
    }
}

/// An address that people can be sent to: `https`, or `http` on this machine, and nothing after the path.
pub(super) fn inbox_url(text: &str) -> Result<String, String> {
    let says = "an address as `https://desk.example.com`, or `http://` on this machine; no query and no name or password in it";
    let parsed: http::Uri = text.parse().map_err(|_| says.to_owned())?;
    let (Some(scheme), Some(host)) = (parsed.scheme_str(), parsed.host()) else {
        return Err(says.to_owned());
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = bare == "localhost"
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let named = parsed.authority().is_some_and(|whole| whole.as_str().contains('@'));
    let plain = parsed.query().is_none() && !text.contains('#');
    if (scheme == "https" || (scheme == "http" && here)) && !named && plain {
        return Ok(text.to_owned());
    }
    Err(says.to_owned())
}

async fn stdio(context: &Context, args: Serve, stop: CancellationToken) -> Result<(), Failure> {
    let Serve { person, inbox_url, .. } = args;
    let streams = Stdio::take().map_err(Failure::because)?;
    let data = context.data_or_new()?;
    let opened = context
        .app
        .open(data, Opening::Stdio { person }, context.store.clone())
        .await
        .map_err(|faults| Failure::all(&faults))?;
    if let Some(base) = inbox_url {
        opened.set_inbox_url(&base);
    }
    let served = streams.serve(opened.face(), stop).await;
    opened.close().await;
    let code = match served {
        Ok(()) => 0,
        Err(error) => {
            context.output.error(&error.to_string());
            1
        }
    };
    // Where standard input is a terminal or a file, a read of it may still be pending and would hold the runtime up.
    std::process::exit(code)
}

async fn http(
    context: &Context,
    addr: SocketAddr,
    inbox_url: Option<String>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let data = context.data_or_new()?;
    // The address first: a second server on one folder should fail before it has written anything.
    let server = HttpServer::bind(context.app.http(addr)).await.map_err(Failure::because)?;
    let opened = context
        .app
        .open(data.clone(), Opening::Http, context.store.clone())
        .await
        .map_err(|faults| Failure::all(&faults))?;
    if let Some(base) = inbox_url {
        opened.set_inbox_url(&base);
    }
    Output::note(&banner(context, &data, server.addr()));
    server.run(opened.face(), stop).await;
    opened.close().await;
    Output::note("stopped");
    Ok(())
}

/// What a newcomer can do next, in commands that can be copied.
fn banner(context: &Context, data: &DataDir, addr: SocketAddr) -> String {
    let info = context.app.info();
    let endpoint = format!("http://{addr}/mcp");
    let mut lines = vec![
        format!("{} {} serves MCP at {endpoint}", info.name, info.version),
        format!("  data       {}", data.path().display()),
    ];
    let people: Vec<&str> = context.app.people().names().collect();
    if let (Some(first), Ok(_)) = (people.first(), context.app.local_issuer(data)) {
        let token = context.hint(&format!("token --as {first}"));
        lines.push(format!("  people     {}", people.join(", ")));
        lines.push(format!("  a token    {token}"));
        lines.push(format!("  list tools {}", curl(&endpoint, &token)));
        lines.push(format!("  approvals  {}", context.hint("approvals list --as NAME")));
    }
    lines.push(format!("  the record {}", context.hint("audit tail")));
    lines.push("  Ctrl-C stops it".to_owned());
    lines.join("\n")
}

/// A request that needs no client: the 2026-07-28 protocol is one request, one answer.
fn curl(endpoint: &str, token: &str) -> String {
    format!(
        "curl -s {endpoint} -H \"Authorization: Bearer $({token})\" -H 'Content-Type: application/json' \
         -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \
         -H 'Mcp-Method: tools/list' -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{{\"_meta\":\
         {{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\
         \"io.modelcontextprotocol/clientCapabilities\":{{}}}}}}}}'"
    )
}

/// Cancelled by the first signal to stop; the second one ends the process where it stands.
fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        signalled().await;
        told.cancel();
        signalled().await;
        std::process::exit(130)
    });
    stop
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        drop(tokio::signal::ctrl_c().await);
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn signalled() {
    drop(tokio::signal::ctrl_c().await);
}

#[cfg(test)]
mod tests {
    use super::inbox_url;

    #[test]
    fn people_are_sent_to_https_or_to_this_machine() {
        for good in [
            "https://desk.example.com",
            "https://desk.example.com/tools/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:8080",
        ] {
            assert_eq!(inbox_url(good).as_deref(), Ok(good));
        }
        for bad in [
            "http://desk.example.com",
            "http://127.0.0.1.example.com",
            "https://alice:secret@desk.example.com",
            "https://desk.example.com/?next=1",
            "https://desk.example.com/#here",
            "desk.example.com",
            "/inbox",
            "javascript:alert(1)",
            "ftp://desk.example.com",
            "https://desk.example.com/a b",
            "",
        ] {
            assert!(inbox_url(bad).is_err(), "{bad}");
        }
    }
}

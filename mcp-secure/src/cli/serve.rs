//! Serving, until standard input closes or somebody says stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::Serve;
use super::output::Output;
use super::{Context, Failure, InboxParts, NoInbox, Opening};
use crate::identity::{DataDir, INBOX_CLIENT};
use crate::inbox::{Base, SignIn, Site, mint_link};
use crate::server::{HttpServer, Opened, Stdio};

/// Where the bare program serves.
pub(super) const HERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

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

async fn stdio(context: &Context, args: Serve, stop: CancellationToken) -> Result<(), Failure> {
    let Serve { person, inbox_url, .. } = args;
    let streams = Stdio::take().map_err(Failure::because)?;
    let data = context.data_or_new()?;
    let opened = context
        .app
        .open(data, Opening::Stdio { person }, context.store.clone())
        .await
        .map_err(|faults| Failure::all(&faults))?;
    if let Some(base) = inbox_url.or_else(|| context.app.inbox_base()) {
        opened.set_inbox_url(base.origin());
    }
    opened.announce();
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
    inbox_url: Option<Base>,
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
    let mut lines = banner(context, &data, server.addr());
    let site = inbox(context, &data, &server, &opened, inbox_url, &mut lines).await;
    opened.announce();
    let server = match context.app.api(&data, &opened) {
        Ok(None) => server,
        Ok(Some(api)) => {
            lines.push(format!("  decisions  http://{}{}", server.addr(), crate::api::PATH));
            server.deciding(api)
        }
        Err(why) => {
            opened.close().await;
            return Err(Failure::because(why));
        }
    };
    lines.push("  Ctrl-C stops it".to_owned());
    Output::note(&lines.join("\n"));
    server.run(opened.face(), site, stop).await;
    opened.close().await;
    Output::note("stopped");
    Ok(())
}

/// The inbox, and what the banner says of it.
async fn inbox(
    context: &Context,
    data: &DataDir,
    server: &HttpServer,
    opened: &Arc<dyn Opened>,
    named: Option<Base>,
    lines: &mut Vec<String>,
) -> Option<Arc<Site>> {
    let InboxParts { sign_in, base, settings } =
        match context.app.inbox(data, server.inbox_addr(), named) {
            Ok(parts) => parts,
            Err(NoInbox::Off) => return None,
            Err(NoInbox::Because(why)) => {
                tracing::warn!("the inbox is not served: {why}");
                lines.push(format!("  no inbox   {why}"));
                return None;
            }
        };
    opened.set_inbox_url(base.origin());
    lines.push(format!("  inbox      {}", base.front()));
    if let SignIn::Issuer(provider) = &sign_in {
        lines.push(format!("  sign in    at {}", provider.issuer()));
    }
    if let SignIn::Links { people, sandbox } = &sign_in {
        // Somebody who could decide, so that a newcomer sees the whole way.
        let decides = people.names().find(|name| {
            let who = people.assert(name, INBOX_CLIENT, *sandbox);
            who.is_ok_and(|who| who.person.is_some() && !opened.decidable(&who).is_empty())
        });
        if let Some(name) = decides {
            match mint_link(&**opened, (people, *sandbox), &settings, name).await {
                Ok(path) => {
                    lines.push(format!("  sign in    {}{path} (as {name}, once)", base.origin()));
                }
                Err(error) => tracing::warn!(%error, "no link for the inbox"),
            }
        }
        lines.push(format!("  a new link {}", context.hint("inbox link --as NAME")));
    }
    Some(Site::new(Arc::clone(opened), sign_in, base, settings))
}

/// What a newcomer can do next, in commands that can be copied.
fn banner(context: &Context, data: &DataDir, addr: SocketAddr) -> Vec<String> {
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
    lines
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

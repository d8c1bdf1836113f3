//! A database over the network. It is spoken to by TLS with whom the system's certificates vouch for, under the name in its
//! address, or not at all.

use std::path::Path;

use mcp_secure_test_postgres::Server as Postgres;

use crate::client::Answer;
use crate::desk::{Desk, Store};

/// What the database's certificate is for. Nobody else knows the name.
const NAME: &str = "db.example";

/// Why nothing can be done on a database at `url` where this file has the authorities that are trusted.
fn refused(desk: &Desk<'_>, url: &str, trusted: &Path) -> String {
    let said = desk.try_run_on(url, trusted, &["runs", "list", "--as", "bob"]);
    assert!(!said.status.success(), "{url} is spoken to");
    let served = desk.try_run_on(url, trusted, &["serve", "--stdio", "--as", "alice"]);
    assert!(!served.status.success(), "{url} is served from");
    String::from_utf8(said.stderr).unwrap()
}

/// How many connections of ours the server has, with TLS and without.
fn connections(server: &Postgres, database: &str) -> String {
    let sql = format!(
        "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_activity \
         JOIN pg_stat_ssl USING (pid) WHERE datname = '{database}' AND application_name = 'mcp-secure'"
    );
    server.sql("postgres", &sql)
}

#[test]
fn a_database_over_the_network_is_spoken_to_by_tls_with_whom_it_proves_to_be() {
    let server = Postgres::over_tls(NAME);
    let database = server.database();
    let desk = Desk::new(Store::Sqlite);
    let url = server.network_url(NAME, &database, "require");
    let mut client = desk.serve_on(&url, &server.authority());
    assert_eq!(client.ask(1), Answer::Done { replayed: false });
    let (encrypted, open) = connections(&server, &database)
        .split_once('|')
        .map(|(a, b)| (a.parse::<u32>().unwrap(), b.parse::<u32>().unwrap()))
        .unwrap();
    assert!(encrypted > 0 && open == 0, "{encrypted} with TLS, {open} without");
    drop(client);
    let runs = desk.try_run_on(&url, &server.authority(), &["runs", "list", "--as", "bob"]);
    assert!(runs.status.success(), "{}", String::from_utf8_lossy(&runs.stderr));
    assert!(String::from_utf8_lossy(&runs.stdout).contains("pay_bill"), "{runs:?}");

    // Somebody else's authority vouches for it.
    let other = Postgres::over_tls(NAME);
    let why = refused(&desk, &url, &other.authority());
    assert!(why.contains("certificate"), "{why}");
    // The certificate is for another name.
    for host in ["localhost", "127.0.0.1", "other.example"] {
        let elsewhere = server.network_url(host, &database, "require");
        let why = refused(&desk, &elsewhere, &server.authority());
        assert!(why.contains("certificate"), "{host}: {why}");
    }
    // No authority is known at all.
    let nobody = desk.data().join("nobody.crt");
    std::fs::write(&nobody, "").unwrap();
    let why = refused(&desk, &url, &nobody);
    assert!(why.contains("SSL_CERT_FILE"), "{why}");
    assert_eq!(connections(&server, &database), "0|0");
}

#[test]
fn a_database_that_speaks_no_tls_is_left_alone_where_tls_is_asked_for() {
    let (server, with_tls) = (Postgres::over_plaintext(), Postgres::over_tls(NAME));
    let database = server.database();
    let desk = Desk::new(Store::Sqlite);
    let trusted = with_tls.authority();
    // The folder is there before anything is looked up from it.
    assert_eq!(desk.serve().ask(1), Answer::Done { replayed: false });
    let required = server.network_url("localhost", &database, "require");
    let why = refused(&desk, &required, &trusted);
    assert!(why.contains("TLS"), "{why}");
    let tables =
        "SELECT count(*) FROM information_schema.schemata WHERE schema_name = 'mcp_secure'";
    assert_eq!(server.sql(&database, tables), "0");
    // It is there, and on this machine it may be spoken to without.
    let open = server.network_url("localhost", &database, "disable");
    let mut client = desk.serve_on(&open, &trusted);
    assert_eq!(client.ask(2), Answer::Done { replayed: false });
    assert_eq!(server.sql(&database, tables), "1");
}

#[test]
fn what_other_clients_call_full_verification_is_told_what_it_is_called_here() {
    let desk = Desk::new(Store::Sqlite);
    assert_eq!(desk.serve().ask(1), Answer::Done { replayed: false });
    let said = |url: &str| {
        let output = desk.try_run_on(url, Path::new("/dev/null"), &["runs", "list", "--as", "bob"]);
        assert!(!output.status.success(), "{url}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!text.contains("hunter2"), "a password is shown: {text}");
        text
    };
    let why = said("postgres://tools:hunter2@db.example/tools?sslmode=verify-full");
    assert!(why.contains("`sslmode=require`"), "{why}");
    let why = said("postgres://tools:hunter2@db.example/tools?sslmode=require&sslrootcert=ca.crt");
    assert!(why.contains("`SSL_CERT_FILE`"), "{why}");
    let why = said("postgres://tools:hunter2@db.example/tools");
    assert!(why.contains("`sslmode=require`"), "{why}");
}

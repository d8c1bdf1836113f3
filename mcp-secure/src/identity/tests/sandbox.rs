use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::TempDir;
use crate::clock::{Clock, Timestamp};
use crate::identity::{
    Authenticator as _, Credentials, DataDir, DataDirError, DataDirKind, Directory, IssueError,
    JwtAuthenticator, LOCAL_ISSUER, LocalAuthenticator, LocalIssuer, Method, People, PeopleError,
    Person,
};

fn people() -> Directory {
    People::new()
        .with(Person::new("alice", "acme").roles(["support"]).scopes(["mcp"]))
        .with(Person::new("alice.work", "acme").same_human_as("alice"))
        .with(Person::new("crawler", "acme").bot())
        .build()
        .unwrap()
}

fn sandbox(temp: &TempDir) -> DataDir {
    DataDir::open_or_create(temp.path().join("data"), DataDirKind::Sandbox).unwrap()
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_data_folder_and_the_key_in_it_are_private() {
    let temp = TempDir::new();
    let dir = sandbox(&temp);
    LocalIssuer::open(&dir, "desk").unwrap();
    assert_eq!(mode(dir.path()), 0o700);
    assert_eq!(mode(&dir.path().join("local-issuer.key")), 0o600);
    assert_eq!(mode(&dir.path().join("mcp-secure-data.json")), 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing temporary stays");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let temp = TempDir::new();
    let dir = sandbox(&temp);
    LocalIssuer::open(&dir, "desk").unwrap();
    let key = dir.path().join("local-issuer.key");
    for open in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, fs::Permissions::from_mode(open)).unwrap();
        let refused = LocalIssuer::open(&dir, "desk").unwrap_err();
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
}

#[test]
fn a_key_behind_a_link_is_refused() {
    let temp = TempDir::new();
    let dir = sandbox(&temp);
    LocalIssuer::open(&dir, "desk").unwrap();
    let key = dir.path().join("local-issuer.key");
    fs::rename(&key, temp.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(temp.path().join("elsewhere"), &key).unwrap();
    assert!(matches!(LocalIssuer::open(&dir, "desk"), Err(IssueError::Key { .. })));
}

#[test]
fn a_data_folder_that_others_may_open_is_refused() {
    let temp = TempDir::new();
    let dir = sandbox(&temp);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let refused = DataDir::open(dir.path()).unwrap_err();
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
}

#[test]
fn a_folder_of_other_things_never_becomes_a_data_folder() {
    let temp = TempDir::new();
    let home = temp.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(home.join("letter.txt"), "dear").unwrap();
    let refused = DataDir::open_or_create(&home, DataDirKind::Sandbox);
    assert!(matches!(refused, Err(DataDirError::NotADataDir(_))));
}

#[test]
fn nothing_is_written_into_a_folder_that_others_may_open() {
    let temp = TempDir::new();
    let open = temp.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(DataDir::open_or_create(&open, DataDirKind::Sandbox).is_err());
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
}

#[test]
fn a_folder_of_unknown_kind_or_format_is_refused() {
    let temp = TempDir::new();
    let dir = sandbox(&temp);
    let marker = dir.path().join("mcp-secure-data.json");
    for text in [
        r#"{"kind":"sandboxed","format":1}"#,
        r#"{"kind":"sandbox","format":2}"#,
        r#"{"kind":"sandbox"}"#,
        r#"{"kind":"sandbox","format":1,"extra":true}"#,
        "",
    ] {
        fs::write(&marker, text).unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::UnknownKind(_))), "{text}");
    }
}

#[test]
fn opening_a_folder_never_changes_its_kind() {
    let temp = TempDir::new();
    let path = temp.path().join("data");
    DataDir::open_or_create(&path, DataDirKind::Production).unwrap();
    let again = DataDir::open_or_create(&path, DataDirKind::Sandbox).unwrap();
    assert_eq!(again.kind(), DataDirKind::Production);
}

#[test]
fn outside_a_sandbox_nobody_is_chosen_by_name_and_no_local_key_is_touched() {
    let temp = TempDir::new();
    let dir = DataDir::open_or_create(temp.path().join("data"), DataDirKind::Production).unwrap();
    assert!(matches!(dir.sandbox(), Err(DataDirError::NotSandbox(_))));
    assert!(matches!(LocalIssuer::open(&dir, "desk"), Err(IssueError::DataDir(_))));
    assert!(!dir.path().join("local-issuer.key").exists());
}

#[test]
fn processes_that_open_one_folder_together_share_one_key() {
    let temp = TempDir::new();
    let path = temp.path().join("data");
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let open = || {
            let dir = DataDir::open_or_create(&path, DataDirKind::Sandbox).unwrap();
            format!("{:?}", LocalIssuer::open(&dir, "desk").unwrap())
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]), "{tokens:?}");
}

#[test]
fn a_local_token_says_that_its_person_was_asserted() {
    let temp = TempDir::new();
    let issuer = LocalIssuer::open(&sandbox(&temp), "desk").unwrap();
    let clock = Clock::fixed(Timestamp::from_millis(1_700_000_000_000));
    let people = people();
    let token =
        issuer.issue(people.find("alice").unwrap(), Duration::from_secs(60), clock.now()).unwrap();
    let verifier = JwtAuthenticator::new([issuer.issuer().unwrap()], clock).unwrap();
    let who = verifier.authenticate(&Credentials::Bearer(&token)).unwrap();
    assert_eq!(who.method, Method::Asserted);
    assert_eq!((who.issuer.as_str(), who.subject.as_str()), (LOCAL_ISSUER, "alice"));
    assert_eq!((who.tenant.as_str(), who.person.as_deref()), ("acme", Some("alice")));
    assert!(who.roles.contains("support") && who.scopes.contains("mcp"));
}

#[test]
fn a_bot_is_no_person_and_a_second_account_is_the_same_one() {
    let temp = TempDir::new();
    let issuer = LocalIssuer::open(&sandbox(&temp), "desk").unwrap();
    let clock = Clock::fixed(Timestamp::from_millis(0));
    let people = people();
    let verifier = JwtAuthenticator::new([issuer.issuer().unwrap()], clock.clone()).unwrap();
    for (name, person) in [("crawler", None), ("alice.work", Some("alice"))] {
        let minute = Duration::from_secs(60);
        let token = issuer.issue(people.find(name).unwrap(), minute, clock.now()).unwrap();
        let who = verifier.authenticate(&Credentials::Bearer(&token)).unwrap();
        assert_eq!(who.person.as_deref(), person, "{name}");
    }
}

#[test]
fn a_person_chosen_by_name_is_the_same_account_as_their_token() {
    let temp = TempDir::new();
    let people = people();
    let sandbox = sandbox(&temp).sandbox().unwrap();
    let local = LocalAuthenticator::asserted(&people, "alice", "stdio", sandbox).unwrap();
    let who = local.authenticate(&Credentials::Local).unwrap();
    assert_eq!((who.issuer.as_str(), who.subject.as_str()), (LOCAL_ISSUER, "alice"));
    assert_eq!(who.method, Method::Asserted);
}

#[test]
fn a_name_nobody_has_is_refused() {
    let temp = TempDir::new();
    let sandbox = sandbox(&temp).sandbox().unwrap();
    for name in ["eve", "Alice", "alice ", ""] {
        let refused = people().assert(name, "stdio", sandbox).unwrap_err();
        assert!(matches!(refused, PeopleError::Unknown { .. }), "{name}");
    }
}

#[test]
fn people_declared_twice_or_with_names_that_could_be_markup_are_refused() {
    let twice = People::new().with(Person::new("a", "x")).with(Person::new("a", "y"));
    assert_eq!(twice.build(), Err(PeopleError::Twice("a".to_owned())));
    for name in ["", "a|b", "a b", "\u{202e}a", "<a>"] {
        let bad = People::new().with(Person::new(name, "x"));
        assert!(matches!(bad.build(), Err(PeopleError::BadWord(..))), "{name}");
    }
}

#[test]
fn a_local_token_has_an_end_within_thirty_days() {
    let temp = TempDir::new();
    let issuer = LocalIssuer::open(&sandbox(&temp), "desk").unwrap();
    let people = people();
    let alice = people.find("alice").unwrap();
    for seconds in [0, 30 * 24 * 3600 + 1, u64::MAX] {
        let refused = issuer.issue(alice, Duration::from_secs(seconds), Timestamp::from_millis(0));
        assert!(matches!(refused, Err(IssueError::Life)), "{seconds}");
    }
}

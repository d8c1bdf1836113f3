//! Who is at the other end of the pipes: the operating-system user, or a person the operator chose.

use std::process::Command;

use super::{
    AuthError, Authenticated, Authenticator, Credentials, Directory, Method, PeopleError, Sandbox,
};

/// The programs that name the user, by full path: the caller's `PATH` has no say, nor has its `USER`.
const WHO: [&str; 2] = ["/usr/bin/id", "/bin/id"];

/// Authenticates the pipes of this process as one principal, fixed when the server starts.
///
/// It is authorised like any other; being local is no permission.
#[derive(Debug, Clone)]
pub struct LocalAuthenticator(Authenticated);

impl LocalAuthenticator {
    /// The operating-system user who runs this process, who has to be in the directory by that name.
    pub fn system_user(people: &Directory, client: &str) -> Result<Self, PeopleError> {
        Self::named_by_system(&system_user_name()?, people, client)
    }

    fn named_by_system(name: &str, people: &Directory, client: &str) -> Result<Self, PeopleError> {
        Ok(Self(Authenticated::vouch(people.find(name)?.principal(client, Method::Local))))
    }

    /// The person the operator chose with `--as`, in a sandbox.
    pub fn asserted(
        people: &Directory,
        name: &str,
        client: &str,
        sandbox: Sandbox,
    ) -> Result<Self, PeopleError> {
        people.assert(name, client, sandbox).map(Self)
    }
}

impl Authenticator for LocalAuthenticator {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Authenticated, AuthError> {
        match credentials {
            Credentials::Local => Ok(self.0.clone()),
            Credentials::Bearer(_) => Err(AuthError::Missing),
        }
    }
}

/// The name of the effective user, from the system's own user database.
pub(crate) fn system_user_name() -> Result<String, PeopleError> {
    let mut cause = "there is no `id` program".to_owned();
    for program in WHO {
        match Command::new(program).arg("-un").env_clear().output() {
            Ok(answer) if answer.status.success() => {
                let name = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
                if !name.is_empty() {
                    return Ok(name);
                }
            }
            Ok(answer) => cause = format!("`id` ended with {}", answer.status),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => cause = e.to_string(),
        }
    }
    Err(PeopleError::NoSystemUser(cause))
}

#[cfg(test)]
mod tests {
    use super::super::{People, Person};
    use super::*;

    #[test]
    fn the_system_user_outside_the_directory_is_refused() {
        let people = People::new().with(Person::new("alice", "acme")).build().unwrap();
        let refused = LocalAuthenticator::named_by_system("daemon", &people, "stdio");
        assert!(matches!(refused, Err(PeopleError::Unknown { .. })));
    }

    #[test]
    fn the_system_user_in_the_directory_is_that_person_and_says_local() {
        let name = system_user_name().unwrap();
        let people = People::new().with(Person::new(name.clone(), "acme")).build().unwrap();
        let local = LocalAuthenticator::system_user(&people, "stdio").unwrap();
        let who = local.authenticate(&Credentials::Local).unwrap();
        assert_eq!((who.subject.as_str(), who.method), (name.as_str(), Method::Local));
        assert_eq!(local.authenticate(&Credentials::Bearer("x")).unwrap_err(), AuthError::Missing);
    }
}

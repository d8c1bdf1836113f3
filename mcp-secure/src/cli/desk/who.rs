use clap::Args;

use super::super::Failure;

/// Who acts, and where.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Who {
    /// Who acts, by name: in a sandbox on this machine.
    #[arg(long = "as", value_name = "NAME")]
    #[cfg_attr(feature = "remote", arg(required_unless_present = "server"))]
    #[cfg_attr(not(feature = "remote"), arg(required = true))]
    pub(in crate::cli) person: Option<String>,
    /// Act at the server there, as `https://mcp.example.com`, and as whom the token in `MCP_SECURE_TOKEN` is of.
    #[cfg(feature = "remote")]
    #[arg(long, env = "MCP_SECURE_SERVER", value_name = "URL")]
    server: Option<String>,
    /// A file with the token for that server.
    #[cfg(feature = "remote")]
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<std::path::PathBuf>,
}

/// Where somebody acts.
pub(super) enum Place<'a> {
    /// On this machine, under this name.
    Here(&'a str),
    /// At this server.
    #[cfg(feature = "remote")]
    There(&'a str),
}

impl Who {
    /// The name that was given, where it is on this machine.
    pub(in crate::cli) fn name(&self) -> Result<Option<&str>, Failure> {
        Ok(match self.place()? {
            Place::Here(name) => Some(name),
            #[cfg(feature = "remote")]
            Place::There(_) => None,
        })
    }

    #[cfg(not(feature = "remote"))]
    pub(super) fn place(&self) -> Result<Place<'_>, Failure> {
        self.person.as_deref().map(Place::Here).ok_or_else(no_name)
    }

    #[cfg(feature = "remote")]
    pub(super) fn place(&self) -> Result<Place<'_>, Failure> {
        match (self.person.as_deref(), self.server.as_deref()) {
            (Some(name), None) => Ok(Place::Here(name)),
            (None, Some(url)) => Ok(Place::There(url)),
            (None, None) => Err(no_name()),
            // Whichever is taken, the other was meant.
            (Some(_), Some(_)) => Err(Failure::Usage(
                "`--as` chooses a name on this machine, and at a server the token says who acts; leave out `--as`, or \
                 `--server` and `MCP_SECURE_SERVER`"
                    .to_owned(),
            )),
        }
    }

    /// The token: of the file that was named, else of the environment. Never an argument, which everybody on a machine can
    /// read.
    #[cfg(feature = "remote")]
    pub(super) fn token(&self) -> Result<secrecy::SecretString, Failure> {
        let text = match &self.token_file {
            Some(path) => {
                let failed = |why: &dyn std::fmt::Display| {
                    Failure::because(format!("the token file `{}`: {why}", path.display()))
                };
                let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
                if size > MAX_TOKEN_FILE {
                    return Err(failed(&"it is too large to hold a token alone"));
                }
                std::fs::read_to_string(path).map_err(|error| failed(&error))?
            }
            None => std::env::var("MCP_SECURE_TOKEN").map_err(|_| {
                Failure::Usage(
                    "a server wants a token: put it into `MCP_SECURE_TOKEN`, or into a file and name that with \
                     `--token-file`"
                        .to_owned(),
                )
            })?,
        };
        // RFC 6750 section 2.1.
        let text = text.trim();
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(Failure::Usage("what was given as a token is none".to_owned()));
        }
        Ok(text.to_owned().into())
    }
}

/// The largest file that is read as a token, in bytes.
#[cfg(feature = "remote")]
const MAX_TOKEN_FILE: u64 = 64 * 1024;

fn no_name() -> Failure {
    Failure::Usage("say who acts, with `--as NAME`".to_owned())
}

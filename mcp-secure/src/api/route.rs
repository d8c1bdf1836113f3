//! What the paths of the decision API name.

use axum::http::Method;

use crate::approval::ApprovalId;
use crate::store::RunId;

/// Where the decision API is.
pub(crate) const PATH: &str = "/approvals/v1";

/// Whether a request for this path is for the decision API.
pub(crate) fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Something that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Requests,
    Request(ApprovalId),
    Decision(ApprovalId),
    Withdraw(ApprovalId),
    Void,
    Runs,
    Run(RunId),
    Rollback(RunId),
    Resolution(RunId),
    Switches,
}

impl Route {
    /// What `path` names. An id that cannot be one names nothing, like one that was never given out.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(PATH)?.strip_prefix('/')?;
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            ["requests"] => Some(Self::Requests),
            ["requests", id] => id.parse().ok().map(Self::Request),
            ["requests", id, "decision"] => id.parse().ok().map(Self::Decision),
            ["requests", id, "withdraw"] => id.parse().ok().map(Self::Withdraw),
            ["void"] => Some(Self::Void),
            ["runs"] => Some(Self::Runs),
            ["runs", id] => id.parse().ok().map(Self::Run),
            ["runs", id, "rollback"] => id.parse().ok().map(Self::Rollback),
            ["runs", id, "resolution"] => id.parse().ok().map(Self::Resolution),
            ["switches"] => Some(Self::Switches),
            _ => None,
        }
    }

    /// The methods it takes, as the `Allow` header names them.
    pub(super) const fn allowed(&self) -> &'static str {
        match self {
            Self::Requests | Self::Request(_) | Self::Runs | Self::Run(_) => "GET",
            Self::Switches => "GET, POST",
            Self::Decision(_)
            | Self::Withdraw(_)
            | Self::Void
            | Self::Rollback(_)
            | Self::Resolution(_) => "POST",
        }
    }

    pub(super) fn takes(&self, method: &Method) -> bool {
        self.allowed().split(", ").any(|allowed| allowed == method.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_thing_or_nothing() {
        let id = ApprovalId::random();
        let named = |rest: &str| Route::parse(&format!("{PATH}{rest}"));
        assert_eq!(named("/requests"), Some(Route::Requests));
        assert_eq!(named(&format!("/requests/{id}")), Some(Route::Request(id)));
        assert_eq!(named(&format!("/requests/{id}/decision")), Some(Route::Decision(id)));
        for odd in [
            "",
            "/",
            "/requests/",
            "/requests/apr_1",
            "/requests//decision",
            "/requests/../switches",
            "/Requests",
            "/switches/x",
            "/requests/%61pr",
        ] {
            assert_eq!(named(odd), None, "{odd}");
        }
        assert_eq!(named(&format!("/requests/{id}/decision/")), None);
        assert_eq!(named(&format!("/runs/{id}")), None, "an id of another kind");
    }

    #[test]
    fn the_api_owns_its_path_and_no_longer_word() {
        assert!(owns(PATH) && owns("/approvals/v1/requests"));
        assert!(!owns("/approvals/v10") && !owns("/approvals") && !owns("/x/approvals/v1"));
    }
}

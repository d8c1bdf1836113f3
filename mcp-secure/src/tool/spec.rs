//! The declaration of a tool as static data, the way the attribute macro writes it.

/// How much harm a call can do. Ordered from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Reading, or writing what nobody depends on.
    Low,
    /// Changes that are noticed and put right easily.
    Medium,
    /// Changes to money, data or trust.
    High,
    /// Changes nobody can take back. Always approved by a person.
    Critical,
}

impl Risk {
    /// The word used in the attribute, in manifests and in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What kind of MCP thing a declaration serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `tools/call`.
    Tool,
    /// `resources/read` on a URI template (RFC 6570 level 1).
    Resource {
        /// The template, as `kb://articles/{slug}`.
        uri: &'static str,
        /// The media type of what is read.
        mime_type: &'static str,
    },
    /// `prompts/get`.
    Prompt,
}

/// Who may call at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// The explicit waiver: any authenticated principal. Only low-risk, read-only tools may say it.
    Public,
    /// A permission that a policy has to grant, as `refund.request`.
    Permission(&'static str),
}

/// The resource a permission is checked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResourceSpec {
    /// The type as written in the attribute; the loaded type's own name is in the served table.
    pub type_name: &'static str,
    /// The input that carries the id.
    pub input: &'static str,
}

/// A human decides before the body runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApprovalSpec {
    /// The permission deciders need; `None` means the tool's own permission followed by `.approve`.
    pub by: Option<&'static str>,
    /// How many different people have to approve.
    pub quorum: u32,
    /// How long a request waits, in seconds.
    pub expires_secs: u64,
    /// The path of the predicate that says whether this call needs approval at all.
    pub when: Option<&'static str>,
    /// Whether the requester's own person may decide.
    pub allow_requester: bool,
}

/// The MCP annotations in effect: unstated ones hold MCP's pessimistic defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "the four hints of MCP's ToolAnnotations")]
pub struct AnnotationSpec {
    /// The body holds nothing that can write.
    pub read_only: bool,
    /// The effect may destroy what was there.
    pub destructive: bool,
    /// The same call again has no further effect.
    pub idempotent: bool,
    /// The effect reaches beyond this application.
    pub open_world: bool,
}

/// Replay of the first result for a repeated call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdempotencySpec {
    /// The inputs that make the key; empty means the client chooses one.
    pub key: &'static [&'static str],
    /// How long a result is replayed, in seconds.
    pub window_secs: u64,
}

/// The compensating action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RollbackSpec {
    /// The path of the compensating function.
    pub path: &'static str,
    /// The permission to run it; `None` means the tool's own permission followed by `.rollback`.
    pub permission: Option<&'static str>,
    /// How long after the effect it may run, in seconds.
    pub within_secs: Option<u64>,
}

/// Whose calls one bucket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateScope {
    /// One bucket for each principal.
    User,
    /// One bucket for each tenant.
    Tenant,
    /// One bucket for the tool.
    Tool,
}

/// `"10/min per user"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimitSpec {
    /// Calls in one period.
    pub count: u32,
    /// The period, in seconds.
    pub period_secs: u32,
    /// Whose calls are counted together.
    pub scope: RateScope,
}

/// Bounds on one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitSpec {
    /// The body is told to stop after this many milliseconds.
    pub timeout_ms: u64,
    /// The largest output, in bytes of JSON.
    pub max_output_bytes: u64,
    /// How many calls may run at once.
    pub max_concurrent: Option<u32>,
}

impl LimitSpec {
    /// What an attribute without `timeout`, `max_output` and `max_concurrent` means.
    pub const DEFAULT: Self =
        Self { timeout_ms: 30_000, max_output_bytes: 256 * 1024, max_concurrent: None };
}

/// A bound on a number input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
}

/// One owned parameter: an input from the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputSpec {
    /// The parameter's name, which is the argument's name.
    pub name: &'static str,
    /// The parameter's doc comment.
    pub description: &'static str,
    /// True for the one parameter marked `#[input]`, whose fields are the arguments.
    pub whole: bool,
    /// Recorded as a keyed digest only, and masked where people decide.
    pub sensitive: bool,
    /// Smallest number.
    pub min: Option<Bound>,
    /// Largest number.
    pub max: Option<Bound>,
    /// Fewest characters or items.
    pub min_len: Option<u64>,
    /// Most characters or items.
    pub max_len: Option<u64>,
    /// A regular expression (ECMA 262) the string matches.
    pub pattern: Option<&'static str>,
    /// The permitted values, each as JSON text.
    pub one_of: &'static [&'static str],
    /// The value of an absent argument, as JSON text.
    pub default: Option<&'static str>,
}

/// Where a tool is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceSpec {
    /// The package.
    pub package: &'static str,
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line.
    pub line: u32,
}

/// A tool's whole declaration.
///
/// Written by `#[tool]`. A hand-written implementation of [`ToolMeta`](super::ToolMeta) is checked by the same rules,
/// at compile time by [`tools!`](crate::tools) and at start-up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolSpec {
    /// Tool, resource or prompt.
    pub kind: Kind,
    /// The name a client calls, 1 to 64 of `[A-Za-z0-9_.-]`.
    pub name: &'static str,
    /// A title for people.
    pub title: Option<&'static str>,
    /// The doc comment: what it is for.
    pub description: &'static str,
    /// How much harm a call can do.
    pub risk: Risk,
    /// The permission, or the waiver.
    pub access: Access,
    /// What the permission is checked on.
    pub resource: Option<ResourceSpec>,
    /// Whether people decide.
    pub approval: Option<ApprovalSpec>,
    /// The annotations in effect.
    pub annotations: AnnotationSpec,
    /// The path of the preview function.
    pub dry_run: Option<&'static str>,
    /// Replay of repeated calls.
    pub idempotency: Option<IdempotencySpec>,
    /// The compensating action.
    pub rollback: Option<RollbackSpec>,
    /// There is no way back, and the declaration says so.
    pub irreversible: bool,
    /// The rate limits.
    pub rate_limits: &'static [RateLimitSpec],
    /// Time, size and concurrency.
    pub limits: LimitSpec,
    /// Who answers for the tool; `None` takes the server's owner.
    pub owner: Option<&'static str>,
    /// The tool's own version.
    pub version: Option<&'static str>,
    /// Why the tool accepts what the narrowness rules refuse.
    pub broad: Option<&'static str>,
    /// The owned parameters, in order.
    pub inputs: &'static [InputSpec],
    /// Where it is declared.
    pub source: SourceSpec,
    /// The texts of the house rules it was compiled under. A server applies them to everything it serves.
    pub house: &'static [&'static str],
}

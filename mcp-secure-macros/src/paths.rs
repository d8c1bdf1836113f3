//! Every path that generated code names: absolute, and in one table.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

/// The path, shown at some place of the user's source: a fault of the call is then underlined there.
pub(crate) fn at(place: Span, path: impl ToTokens) -> TokenStream {
    let span = Span::call_site().located_at(place);
    path.to_token_stream()
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}

/// One unit struct for each path, which stands for it inside `quote!`.
macro_rules! paths {
    ($($name:ident = $path:path;)*) => {
        $(
            #[derive(Clone, Copy)]
            pub(crate) struct $name;

            impl ToTokens for $name {
                fn to_tokens(&self, tokens: &mut TokenStream) {
                    quote!($path).to_tokens(tokens);
                }
            }
        )*
    };
}

paths! {
    // The hidden module of the runtime, of this very version.
    Access = ::mcp_secure::__private::Access;
    AnnotationSpec = ::mcp_secure::__private::AnnotationSpec;
    Answer = ::mcp_secure::__private::answer;
    ApprovalSpec = ::mcp_secure::__private::ApprovalSpec;
    AssertDryRun = ::mcp_secure::__private::assert_dry_run;
    AssertNotResourceId = ::mcp_secure::__private::assert_not_resource_id;
    AssertRollback = ::mcp_secure::__private::assert_rollback;
    AssertWhen = ::mcp_secure::__private::assert_when;
    Bound = ::mcp_secure::__private::Bound;
    BoxFuture = ::mcp_secure::__private::BoxFuture;
    Cleared = ::mcp_secure::__private::Cleared;
    CompanionResult = ::mcp_secure::__private::CompanionResult;
    DryRun = ::mcp_secure::__private::DryRun;
    DryRunFits = ::mcp_secure::__private::DryRunFits;
    Entry = ::mcp_secure::__private::Entry;
    IdempotencySpec = ::mcp_secure::__private::IdempotencySpec;
    InputOf = ::mcp_secure::__private::input;
    InputSpec = ::mcp_secure::__private::InputSpec;
    Kind = ::mcp_secure::__private::Kind;
    Lender = ::mcp_secure::__private::Lender;
    Lent = ::mcp_secure::__private::Lent;
    LentRead = ::mcp_secure::__private::LentRead;
    LimitSpec = ::mcp_secure::__private::LimitSpec;
    NotAResourceId = ::mcp_secure::__private::NotAResourceId;
    Output = ::mcp_secure::__private::Output;
    OutputType = ::mcp_secure::__private::OutputType;
    Probe = ::mcp_secure::__private::Probe;
    RateLimitSpec = ::mcp_secure::__private::RateLimitSpec;
    RateScope = ::mcp_secure::__private::RateScope;
    Reader = ::mcp_secure::__private::Reader;
    Reply = ::mcp_secure::__private::Reply;
    ReplyOf = ::mcp_secure::__private::reply;
    Resource = ::mcp_secure::__private::Resource;
    ResourceId = ::mcp_secure::__private::ResourceId;
    ResourceIds = ::mcp_secure::__private::ResourceIds;
    ResourceSpec = ::mcp_secure::__private::ResourceSpec;
    Risk = ::mcp_secure::__private::Risk;
    Rollback = ::mcp_secure::__private::Rollback;
    RollbackFits = ::mcp_secure::__private::RollbackFits;
    RollbackSpec = ::mcp_secure::__private::RollbackSpec;
    Schema = ::mcp_secure::__private::Schema;
    SchemaGenerator = ::mcp_secure::__private::SchemaGenerator;
    SourceSpec = ::mcp_secure::__private::SourceSpec;
    State = ::mcp_secure::__private::State;
    Structured = ::mcp_secure::__private::structured;
    StructuredSchema = ::mcp_secure::__private::structured_schema;
    Tool = ::mcp_secure::__private::Tool;
    ToolError = ::mcp_secure::__private::ToolError;
    ToolMeta = ::mcp_secure::__private::ToolMeta;
    ToolOutput = ::mcp_secure::__private::ToolOutput;
    ToolSpec = ::mcp_secure::__private::ToolSpec;
    When = ::mcp_secure::__private::When;
    WhenFits = ::mcp_secure::__private::WhenFits;
    WholeInputOf = ::mcp_secure::__private::whole_input;

    // The standard library, for code where its prelude is shadowed or switched off.
    Converted = ::core::convert::From::from;
    Boxed = ::std::boxed::Box;
    Absent = ::core::option::Option::None;
    Optional = ::core::option::Option;
    Outcome = ::core::result::Result;
    Present = ::core::option::Option::Some;
    StdString = ::std::string::String;
    StdToString = ::std::string::ToString;
    StdVec = ::std::vec::Vec;
    Unreachable = ::core::unreachable;
}

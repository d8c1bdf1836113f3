//! What tests share that are programs of their own. The documentation's code is compiled as the tests of this
//! crate's documentation, one module for each page; `docs/main.rs` proves that no page is left out.

pub mod programs;

/// The code of each page.
macro_rules! pages {
    ($($name:ident = $file:literal;)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../docs/src/", $file))]
            mod $name {}
        )*

        /// The pages whose code is compiled, below `docs/src`.
        pub const PAGES: &[&str] = &[$($file),*];
    };
}

pages! {
    approvals = "approvals.md";
    approvals_agent = "approvals-agent.md";
    approvals_decider = "approvals-decider.md";
    approvals_operator = "approvals-operator.md";
    architecture = "architecture.md";
    audit = "audit.md";
    channels_legacy = "channels-legacy.md";
    channels_plain = "channels-plain.md";
    channels_tasks = "channels-tasks.md";
    channels_url_elicitation = "channels-url-elicitation.md";
    connecting = "connecting.md";
    decision_api = "decision-api.md";
    dry_run = "dry-run.md";
    getting_started = "getting-started.md";
    hosts = "hosts.md";
    idempotency = "idempotency.md";
    inbox = "inbox.md";
    introduction = "introduction.md";
    limits = "limits.md";
    manifest = "manifest.md";
    operations = "operations.md";
    policies = "policies.md";
    production = "production.md";
    providers = "providers.md";
    reference_readme = "reference/README.md";
    reference_approval = "reference/approval.md";
    reference_arg = "reference/arg.md";
    reference_attribute_prompt = "reference/attribute-prompt.md";
    reference_attribute_resource = "reference/attribute-resource.md";
    reference_broad = "reference/broad.md";
    reference_companions = "reference/companions.md";
    reference_derive_resource_id = "reference/derive-resource-id.md";
    reference_derive_state = "reference/derive-state.md";
    reference_derive_tool_output = "reference/derive-tool-output.md";
    reference_destructive = "reference/destructive.md";
    reference_dry_run = "reference/dry-run.md";
    reference_house_rules = "reference/house-rules.md";
    reference_idempotency = "reference/idempotency.md";
    reference_idempotent = "reference/idempotent.md";
    reference_input = "reference/input.md";
    reference_irreversible = "reference/irreversible.md";
    reference_max_concurrent = "reference/max-concurrent.md";
    reference_max_output = "reference/max-output.md";
    reference_name = "reference/name.md";
    reference_open_world = "reference/open-world.md";
    reference_owner = "reference/owner.md";
    reference_permission = "reference/permission.md";
    reference_public = "reference/public.md";
    reference_rate_limit = "reference/rate-limit.md";
    reference_read_only = "reference/read-only.md";
    reference_resource_key = "reference/resource-key.md";
    reference_resource_trait = "reference/resource-trait.md";
    reference_risk = "reference/risk.md";
    reference_rollback = "reference/rollback.md";
    reference_timeout = "reference/timeout.md";
    reference_title = "reference/title.md";
    reference_tools = "reference/tools.md";
    reference_version = "reference/version.md";
    replicas = "replicas.md";
    rollback = "rollback.md";
    serving = "serving.md";
    signing_in = "signing-in.md";
    testing = "testing.md";
    troubleshooting = "troubleshooting.md";
    webhooks = "webhooks.md";
}

//! R1 to R3: a policy exists, dangerous tools have a control, and nothing contradicts.

super::codes! {
    RISK_MISSING = "MS0101", "R1", Macro, "the tool does not say its risk",
        why: "Controls, policies and reviewers go by the risk; there is no default that is right for every tool.",
        fix: "Add `risk = \"low\"`, `\"medium\"`, `\"high\"` or `\"critical\"`.",
        bad: "#[tool(permission = \"account.read\", read_only)]",
        good: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]";
    ACCESS_MISSING = "MS0102", "R1", Macro, "the tool names no permission",
        why: "A call is denied unless a policy grants a named permission, so there must be a name.",
        fix: "Add `permission = \"refund.request\"`; for a harmless read-only tool, `public`.",
        bad: "#[tool(risk = \"low\", read_only)]",
        good: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]";
    PURPOSE_MISSING = "MS0103", "R1", Macro, "the tool does not say what it is for",
        why: "The doc comment is what the model chooses by and what reviewers read.",
        fix: "Write a doc comment above the function.",
        bad: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]\nasync fn summary() -> Summary",
        good: "/// Summarise the health of an account.\n#[tool(risk = \"low\", permission = \"account.read\", read_only)]\nasync fn summary() -> Summary";
    RISK_UNKNOWN = "MS0104", "R1", Macro, "the risk is none of the four levels",
        why: "A level that is not known cannot be compared with what policies and house rules allow.",
        fix: "Use `\"low\"`, `\"medium\"`, `\"high\"` or `\"critical\"`.",
        bad: "#[tool(risk = \"hihg\", permission = \"refund.request\", approval)]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]";
    URI_MISSING = "MS0105", "R1", Macro, "the resource lacks its `uri` or `mime_type`",
        why: "A client reads a resource by its URI and handles it by its media type.",
        fix: "Add `uri = \"kb://articles/{slug}\"` and `mime_type = \"text/markdown\"`.",
        bad: "#[resource(permission = \"kb.read\", mime_type = \"text/markdown\")]",
        good: "#[resource(uri = \"kb://articles/{slug}\", mime_type = \"text/markdown\", permission = \"kb.read\")]";

    CONTROL_MISSING = "MS0201", "R2", Macro, "a dangerous tool has no control",
        why: "A tool of high risk, or one that may destroy, needs something between the model's wish and the effect. A tool that is not `read_only` counts as destructive unless it says `destructive = false`.",
        fix: "Add `approval`, `dry_run`, `idempotency`, `rollback`, `rate_limit` or `resource`; or say `read_only` or `destructive = false` where that is true.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\")]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]";
    CRITICAL_WITHOUT_APPROVAL = "MS0202", "R2", Macro, "a critical tool is not approved by a person",
        why: "What nobody can take back is decided by a person, each time.",
        fix: "Add `approval`.",
        bad: "#[tool(risk = \"critical\", permission = \"account.close\", irreversible)]",
        good: "#[tool(risk = \"critical\", permission = \"account.close\", approval, irreversible)]";
    CRITICAL_WITHOUT_WAY_BACK = "MS0203", "R2", Macro, "a critical tool says nothing about the way back",
        why: "Deciders have to know whether the effect can be undone.",
        fix: "Add `rollback(path)`, or `irreversible` to say it aloud.",
        bad: "#[tool(risk = \"critical\", permission = \"account.close\", approval)]",
        good: "#[tool(risk = \"critical\", permission = \"account.close\", approval, irreversible)]";

    READ_ONLY_DESTRUCTIVE = "MS0301", "R3", Macro, "`read_only` contradicts `destructive`",
        why: "What cannot write cannot destroy.",
        fix: "Keep the one that is true.",
        bad: "#[tool(risk = \"low\", permission = \"account.read\", read_only, destructive)]",
        good: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]";
    READ_ONLY_EFFECT_CONTROL = "MS0302", "R3", Macro, "`read_only` contradicts a control of effects",
        why: "`rollback`, `idempotency`, `dry_run` and `irreversible` speak of an effect, and a read-only tool has none.",
        fix: "Remove the control, or `read_only` if the tool does change something.",
        bad: "#[tool(risk = \"low\", permission = \"account.read\", read_only, idempotency)]",
        good: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]";
    PUBLIC_WITH_PERMISSION = "MS0303", "R3", Macro, "`public` contradicts `permission`",
        why: "`public` waives the permission; with both, a reader cannot tell which one holds.",
        fix: "Keep one of the two.",
        bad: "#[tool(risk = \"low\", public, permission = \"status.read\", read_only)]",
        good: "#[tool(risk = \"low\", permission = \"status.read\", read_only)]";
    PUBLIC_NOT_HARMLESS = "MS0304", "R3", Macro, "`public` on a tool that is not read-only and of low risk",
        why: "What anybody may call must be unable to do harm.",
        fix: "Name a `permission`, or make the tool `read_only` with `risk = \"low\"`.",
        bad: "#[tool(risk = \"medium\", public, read_only)]",
        good: "#[tool(risk = \"medium\", permission = \"status.read\", read_only)]";
    ROLLBACK_IRREVERSIBLE = "MS0305", "R3", Macro, "`rollback` contradicts `irreversible`",
        why: "There is a way back or there is none.",
        fix: "Keep the one that is true.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", rollback(cancel), irreversible)]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", rollback(cancel))]";
    CRITICAL_WEAKENED_APPROVAL = "MS0306", "R3", Macro, "a critical tool weakens its approval",
        why: "`when` lets some calls run unapproved and `allow_requester` lets people approve themselves; a critical tool permits neither.",
        fix: "Remove `when` or `allow_requester`, or lower the risk in review.",
        bad: "#[tool(risk = \"critical\", permission = \"account.close\", approval(allow_requester), irreversible)]",
        good: "#[tool(risk = \"critical\", permission = \"account.close\", approval, irreversible)]";
    APPROVER_IS_CALLER = "MS0307", "R3", Macro, "the permission to approve is the permission to call",
        why: "Whoever may ask could then also decide.",
        fix: "Give `by` a permission of its own, as `refund.approve`, or leave it out.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", approval(by = \"refund.request\"))]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval(by = \"refund.approve\"))]";
    IDEMPOTENT_DENIED = "MS0308", "R3", Macro, "`idempotent = false` contradicts the rest of the declaration",
        why: "A read-only tool, or one with `idempotency`, has no further effect when called again.",
        fix: "Remove `idempotent = false`.",
        bad: "#[tool(risk = \"medium\", permission = \"draft.create\", idempotency, idempotent = false)]",
        good: "#[tool(risk = \"medium\", permission = \"draft.create\", idempotency)]";
    PUBLIC_WITH_POLICY = "MS0309", "R3", Macro, "`public` contradicts a check of a permission",
        why: "`resource` says what the permission is checked on and `approval` derives the deciders' permission from it; a public tool has none.",
        fix: "Replace `public` by a `permission`.",
        bad: "#[tool(risk = \"low\", public, read_only, resource = Order(order_id))]",
        good: "#[tool(risk = \"low\", permission = \"order.read\", read_only, resource = Order(order_id))]";
}

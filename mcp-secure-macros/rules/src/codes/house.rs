//! House rules: what the workspace's own file demands beyond the built-in rules.

super::codes! {
    HOUSE_FILE = "MS0001", "house", Macro, "the house rules file cannot be read",
        why: "A rule that is misspelt or unreadable would silently not hold.",
        fix: "Correct `mcp-secure.toml`; its keys are `max_risk`, `permissions`, `[require]` and `[controls]`.",
        bad: "[requires]\nowner = true",
        good: "[require]\nowner = true";
    HOUSE_OWNER = "MS0002", "house", Macro, "the house rules require an owner for each tool",
        why: "`mcp-secure.toml` says `owner = true` under `[require]`: somebody answers for each tool.",
        fix: "Add `owner = \"team\"` to the attribute.",
        bad: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]",
        good: "#[tool(risk = \"low\", permission = \"account.read\", read_only, owner = \"accounts\")]";
    HOUSE_VERSION = "MS0003", "house", Macro, "the house rules require a version for each tool",
        why: "`mcp-secure.toml` says `version = true` under `[require]`.",
        fix: "Add `version = \"1.0.0\"` to the attribute.",
        bad: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]",
        good: "#[tool(risk = \"low\", permission = \"account.read\", read_only, version = \"1.0.0\")]";
    HOUSE_PERMISSION = "MS0004", "house", Macro, "the permission is not in the house catalogue",
        why: "`mcp-secure.toml` lists every permission there is, so that a misspelt one is found before a policy fails to match it.",
        fix: "Use a listed permission, or add this one to `permissions` in `mcp-secure.toml`.",
        bad: "#[tool(risk = \"low\", permission = \"acount.read\", read_only)]",
        good: "#[tool(risk = \"low\", permission = \"account.read\", read_only)]";
    HOUSE_RISK = "MS0005", "house", Macro, "the risk is above what the house rules allow",
        why: "`mcp-secure.toml` sets `max_risk`.",
        fix: "Split the tool so that the risky part is done elsewhere, or raise `max_risk` in review.",
        bad: "#[tool(risk = \"critical\", permission = \"account.close\", approval, irreversible)]",
        good: "#[tool(risk = \"high\", permission = \"account.close.request\", approval)]";
    HOUSE_CONTROL = "MS0006", "house", Macro, "a control that the house rules demand for this risk is missing",
        why: "`mcp-secure.toml` lists the controls for each risk under `[controls]`.",
        fix: "Add the control that the message names.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", idempotency)]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", idempotency, approval)]";
}

//! R4: the attribute is read fail-closed.

super::codes! {
    KEY_UNKNOWN = "MS0401", "R4", Macro, "the key is not known",
        why: "A misspelt key that is ignored is a control that silently does not exist.",
        fix: "Use one of the keys in the attribute reference; the message suggests the nearest.",
        bad: "#[tool(risk = \"high\", permision = \"refund.request\", approval)]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]";
    KEY_REPEATED = "MS0402", "R4", Macro, "the key is given twice",
        why: "A reader cannot tell which of the two holds.",
        fix: "Keep one.",
        bad: "#[tool(risk = \"low\", risk = \"high\", permission = \"refund.request\", approval)]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]";
    VALUE_FORM = "MS0403", "R4", Macro, "the value is not of the form the key takes",
        why: "The policy must be readable in the attribute. A constant or a macro call hides it from the reader and from the checks, and a wrong form must not mean no policy.",
        fix: "Write the literal or path that the message shows.",
        bad: "#[tool(risk = RISK, permission = \"refund.request\", approval)]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]";
    VALUE_EMPTY = "MS0404", "R4", Macro, "the value is empty",
        why: "An empty list or text could be read as no restriction at all.",
        fix: "Say something, or leave the key out.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", idempotency(key = []))]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", idempotency(key = [order_id]))]";
    UNIT = "MS0405", "R4", Macro, "the duration, size or rate cannot be read",
        why: "A number without a unit is misread by somebody.",
        fix: "Durations are `\"10s\"`, sizes `\"64KiB\"`, rates `\"10/min per user\"`.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", rate_limit = \"10 per minute\")]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", rate_limit = \"10/min per user\")]";
    KEY_MISPLACED = "MS0406", "R4", Macro, "the key has no meaning here",
        why: "A key that is accepted without an effect would be taken for a protection.",
        fix: "Remove the key, or use the attribute it belongs to.",
        bad: "#[prompt(permission = \"refund.request\", rollback(cancel))]",
        good: "#[prompt(permission = \"refund.request\")]";
    NUMBER_RANGE = "MS0407", "R4", Macro, "the number is out of range",
        why: "Zero deciders or zero calls are not a policy, and JSON keeps whole numbers exact only up to 2^53-1.",
        fix: "Use a number in the range that the message names.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", approval(quorum = 0))]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval(quorum = 2))]";
    ATTRIBUTE_REPEATED = "MS0408", "R4", Macro, "the function carries two of these attributes",
        why: "One function is one tool, one resource, one prompt or one companion.",
        fix: "Keep one attribute; write a second function for the other.",
        bad: "#[tool(risk = \"low\", permission = \"a.read\", read_only)]\n#[tool(risk = \"low\", permission = \"b.read\", read_only)]",
        good: "#[tool(risk = \"low\", permission = \"a.read\", read_only)]";
    ATTRIBUTE_UNREADABLE = "MS0409", "R4", Macro, "the attribute cannot be read",
        why: "What cannot be read cannot be enforced.",
        fix: "Write keys separated by commas: `key`, `key = value` or `key(...)`.",
        bad: "#[tool(risk: \"high\", permission = \"refund.request\", approval)]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]";
}

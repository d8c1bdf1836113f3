//! R6: names that promise raw power over bare text.

/// Types that hold any text, by the last segment of their path.
pub const TEXT_TYPES: [&str; 8] =
    ["String", "str", "PathBuf", "Path", "OsString", "CString", "Url", "Uri"];

/// Types that hold what is inside them unchanged, by the last segment of their path.
pub const WRAPPERS: [&str; 11] = [
    "Option",
    "Vec",
    "Box",
    "Arc",
    "Rc",
    "Cow",
    "VecDeque",
    "HashSet",
    "BTreeSet",
    "IndexSet",
    "Untrusted",
];

/// Words that mean raw power wherever they stand in an input's name.
const INPUT_WORDS: [&str; 26] = [
    "sql",
    "shell",
    "cmd",
    "cmdline",
    "command",
    "commands",
    "eval",
    "exec",
    "bash",
    "powershell",
    "script",
    "url",
    "urls",
    "uri",
    "uris",
    "path",
    "paths",
    "filepath",
    "filename",
    "directory",
    "endpoint",
    "graphql",
    "jql",
    "xpath",
    "cypher",
    "regex",
];

/// Words that mean raw power only when they are the whole name.
const INPUT_NAMES: [&str; 12] = [
    "code",
    "file",
    "files",
    "expression",
    "formula",
    "statement",
    "program",
    "folder",
    "dir",
    "host",
    "hostname",
    "query",
];

/// Pairs of neighbouring words that mean raw power together.
const INPUT_PAIRS: [(&str, &str); 12] = [
    ("raw", "query"),
    ("db", "query"),
    ("database", "query"),
    ("source", "code"),
    ("python", "code"),
    ("js", "code"),
    ("lua", "code"),
    ("where", "clause"),
    ("raw", "filter"),
    ("raw", "request"),
    ("file", "name"),
    ("host", "name"),
];

/// Words that mean raw power wherever they stand in a tool's name.
const TOOL_WORDS: [&str; 7] = ["sql", "shell", "bash", "powershell", "eval", "exec", "terminal"];

/// Verbs and what they do it to: any verb with any object of its row means raw power.
const TOOL_PAIRS: [(&[&str], &[&str]); 3] = [
    (
        &["run", "execute", "evaluate", "invoke", "spawn", "raw", "send", "interpret"],
        &[
            "query",
            "command",
            "commands",
            "cmd",
            "script",
            "code",
            "program",
            "process",
            "statement",
            "request",
        ],
    ),
    (
        &["read", "write", "delete", "open", "load", "save", "edit", "append", "move", "copy"],
        &["file", "files", "path", "directory"],
    ),
    (
        &["fetch", "get", "open", "load", "download", "call", "browse", "visit", "http"],
        &["url", "uri", "http", "request", "webpage"],
    ),
];

/// Whether an input of this name, as bare text, is raw power. `tool` is the name of the tool it belongs to: a `query`
/// of a tool that searches is a search text.
///
/// ```
/// use mcp_secure_rules::power::is_raw_input;
/// assert!(is_raw_input("show_report", "sql"));
/// assert!(!is_raw_input("show_report", "country_code"));
/// ```
#[must_use]
pub fn is_raw_input(tool: &str, input: &str) -> bool {
    let words = words(input);
    if words.iter().any(|word| INPUT_WORDS.contains(&word.as_str())) {
        return true;
    }
    if let [only] = words.as_slice() {
        let searches = self::words(tool)
            .iter()
            .any(|word| matches!(word.as_str(), "search" | "find" | "lookup" | "match"));
        return INPUT_NAMES.contains(&only.as_str()) && !(only == "query" && searches);
    }
    words.windows(2).any(|pair| {
        matches!(pair, [first, second] if INPUT_PAIRS.contains(&(first.as_str(), second.as_str())))
    })
}

/// Whether a tool of this name that takes bare text is raw power.
///
/// ```
/// use mcp_secure_rules::power::is_raw_tool;
/// assert!(is_raw_tool("run_query"));
/// assert!(!is_raw_tool("search_customers"));
/// ```
#[must_use]
pub fn is_raw_tool(tool: &str) -> bool {
    let words = words(tool);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    has(&TOOL_WORDS) || TOOL_PAIRS.iter().any(|(verbs, objects)| has(verbs) && has(objects))
}

/// The words of a name: split at `_`, `-`, `.` and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if matches!(c, '_' | '-' | '.') || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && !matches!(c, '_' | '-' | '.')
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_that_carry_commands_queries_paths_and_addresses_are_raw() {
        for name in [
            "sql",
            "sqlQuery",
            "cmd",
            "command",
            "shell",
            "script",
            "url",
            "callback_url",
            "uri",
            "path",
            "file_path",
            "eval",
            "code",
            "query",
            "raw_query",
            "where_clause",
            "targetPath",
            "file.path",
            "python_code",
        ] {
            assert!(is_raw_input("report", name), "{name}");
        }
    }

    #[test]
    fn ordinary_inputs_are_not() {
        for name in [
            "name_prefix",
            "reason",
            "country_code",
            "postal_code",
            "subject",
            "body",
            "order_id",
            "scripture",
            "curl",
            "pathology",
            "profile",
            "search_query",
            "commander",
        ] {
            assert!(!is_raw_input("report", name), "{name}");
        }
        assert!(!is_raw_input("search_customers", "query"));
        assert!(is_raw_input("search_customers", "sql"));
    }

    #[test]
    fn tools_are_judged_by_verb_and_object() {
        for name in [
            "run_query",
            "execute_command",
            "runSQL",
            "sql",
            "shell",
            "read_file",
            "fetch_url",
            "http_request",
            "eval",
            "run-script",
            "execute.code",
        ] {
            assert!(is_raw_tool(name), "{name}");
        }
        for name in [
            "search_customers",
            "request_refund",
            "get_account_health_summary",
            "run_report",
            "send_invoice",
            "file_complaint",
            "request_customer_status_change",
            "execute_refund",
        ] {
            assert!(!is_raw_tool(name), "{name}");
        }
    }
}

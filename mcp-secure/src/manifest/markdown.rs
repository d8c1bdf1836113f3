use std::fmt::Write as _;

use serde_json::Value;

/// The manifest for a reader.
pub(super) fn render(server: &str, fingerprint: &str, tools: &[Value]) -> String {
    let mut out = format!("# Tools of {}\n\nFingerprint `{fingerprint}`\n\n", escape(server));
    out.push_str(
        "| tool | risk | permission | effect | controls | owner |\n|---|---|---|---|---|---|\n",
    );
    for tool in tools {
        row(&mut out, tool);
    }
    for tool in tools {
        section(&mut out, tool);
    }
    out
}

fn row(out: &mut String, tool: &Value) {
    // Writing to a `String` does not fail.
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} | {} | {} |",
        text(tool, "/name"),
        text(tool, "/risk"),
        tool.pointer("/permission")
            .and_then(Value::as_str)
            .map_or("public".to_owned(), |p| format!("`{p}`")),
        effect(tool),
        controls(tool),
        escape(text(tool, "/owner")),
    );
}

fn section(out: &mut String, tool: &Value) {
    let _ =
        writeln!(out, "\n## `{}`\n\n{}\n", text(tool, "/name"), escape(text(tool, "/description")));
    let _ = writeln!(
        out,
        "Declared at `{}:{}` of `{}`. Fingerprint `{}`.",
        text(tool, "/source/file"),
        tool.pointer("/source/line").unwrap_or(&Value::Null),
        text(tool, "/source/package"),
        text(tool, "/fingerprint"),
    );
    if let Some(why) = tool.pointer("/broad").and_then(Value::as_str) {
        let _ = writeln!(out, "\nBroad on purpose: {}", escape(why));
    }
    for (title, pointer) in [("Input", "/input_schema"), ("Output", "/output_schema")] {
        if let Some(schema) = tool.pointer(pointer) {
            let _ = writeln!(out, "\n{title}\n\n```json\n{schema:#}\n```");
        }
    }
}

fn effect(tool: &Value) -> &'static str {
    let flag =
        |name: &str| tool.pointer(&format!("/annotations/{name}")) == Some(&Value::Bool(true));
    match (flag("read_only"), flag("destructive")) {
        (true, _) => "reads",
        (false, true) => "may destroy",
        (false, false) => "adds",
    }
}

fn controls(tool: &Value) -> String {
    let Some(Value::Object(controls)) = tool.pointer("/controls") else { return String::new() };
    let mut names: Vec<&str> =
        controls.keys().map(String::as_str).filter(|k| *k != "limits").collect();
    names.sort_unstable();
    names.join(", ")
}

fn text<'a>(tool: &'a Value, pointer: &str) -> &'a str {
    tool.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '<' | '>' | '`' | '*' | '_' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

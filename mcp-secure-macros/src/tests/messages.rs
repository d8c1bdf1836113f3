//! Each refused declaration gets exactly its messages, each under exactly the guilty text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mcp_secure_rules::codes::{self, Reporter};

use super::cases::{ATTRIBUTE, Case, INPUTS, POLICY, SIGNATURE, TEXT};
use super::{expand, expand_in};
use crate::house::House;

fn found(macro_name: &str, attr: &str, item: &str) -> Vec<(String, String)> {
    let faults = expand(macro_name, attr, item).faults;
    faults
        .iter()
        .map(|fault| (fault.code.to_string(), fault.place.span().source_text().unwrap_or_default()))
        .collect()
}

fn assert_cases(cases: &[Case]) {
    let mut wrong = String::new();
    for (macro_name, attr, item, expected) in cases {
        let found = found(macro_name, attr, item);
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(code, under)| ((*code).to_owned(), (*under).to_owned()))
            .collect();
        if found != expected {
            let _ = writeln!(
                wrong,
                "{macro_name}({attr}) {item}\n    expected {expected:?}\n    found    {found:?}"
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn all() -> impl Iterator<Item = &'static Case> {
    [POLICY, ATTRIBUTE, INPUTS, SIGNATURE, TEXT].into_iter().flatten()
}

#[test]
fn missing_dangerous_and_contradicting_policies_are_refused_where_they_stand() {
    assert_cases(POLICY);
}

#[test]
fn an_attribute_is_read_fail_closed() {
    assert_cases(ATTRIBUTE);
}

#[test]
fn inputs_are_named_narrow_and_bounded() {
    assert_cases(INPUTS);
}

#[test]
fn signatures_and_derives_are_legal() {
    assert_cases(SIGNATURE);
}

#[test]
fn poisoned_texts_are_refused_at_the_guilty_part() {
    assert_cases(TEXT);
}

#[test]
fn every_code_the_macros_report_has_a_case() {
    let covered: BTreeSet<&str> = all()
        .flat_map(|(.., expected)| expected.iter().map(|(code, _)| *code))
        // These have tests of their own below.
        .chain(["MS0001", "MS0002", "MS0003", "MS0004", "MS0005", "MS0006"])
        .collect();
    for entry in codes::all() {
        let expected = entry.reporter == Reporter::Macro;
        assert_eq!(
            covered.contains(entry.code.as_str()),
            expected,
            "{} {}",
            entry.code,
            entry.title
        );
    }
}

#[test]
fn messages_are_lower_case_without_a_full_stop_and_end_with_their_code() {
    for (macro_name, attr, item, _) in all() {
        for fault in expand(macro_name, attr, item).faults {
            let first = fault.message.chars().next().unwrap();
            assert!(!first.is_uppercase() && !fault.message.ends_with('.'), "{}", fault.message);
            assert!(fault.text().ends_with(&format!(" [{}]", fault.code)));
        }
    }
}

#[test]
fn what_the_messages_say() {
    let mut text = String::new();
    for (macro_name, attr, item, _) in all() {
        let _ = writeln!(text, "{macro_name}({}) {}", attr.escape_debug(), item.escape_debug());
        for fault in expand(macro_name, attr, item).faults {
            let _ = writeln!(text, "    {}", fault.text().escape_debug());
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn house_rules_are_refused_at_the_key_they_concern() {
    let mut house = House::default();
    house.add(
        "/house/mcp-secure.toml".to_owned(),
        "max_risk = \"medium\"\npermissions = [\"refund.request\"]\n[require]\nowner = true\nversion = true\n[controls]\nmedium = [\"dry_run\"]",
    );
    let attr = "risk = \"medium\", permission = \"refund.requests\", approval";
    let faults = expand_in("tool", attr, "/// Does it.\nasync fn f() {}", &house).faults;
    let found: Vec<_> = faults
        .iter()
        .map(|fault| (fault.code.as_str(), fault.place.span().source_text().unwrap()))
        .collect();
    let expected = [
        ("MS0002", "f"),
        ("MS0003", "f"),
        ("MS0004", "\"refund.requests\""),
        ("MS0006", "\"medium\""),
    ];
    assert_eq!(found, expected.map(|(code, under)| (code, under.to_owned())));
    let attr = "risk = \"high\", permission = \"refund.request\", approval, owner = \"o\", version = \"1\"";
    let faults = expand_in("tool", attr, "/// Does it.\nasync fn f() {}", &house).faults;
    assert_eq!(faults.iter().map(|fault| fault.code.as_str()).collect::<Vec<_>>(), ["MS0005"]);
}

#[test]
fn a_faulty_house_file_is_never_no_rules() {
    let mut house = House::default();
    house.add("/house/mcp-secure.toml".to_owned(), "[requires]\nowner = true");
    let attr = "risk = \"high\", permission = \"a.b\", approval";
    let faults = expand_in("tool", attr, "/// Does it.\nasync fn f() {}", &house).faults;
    assert_eq!(faults.iter().map(|fault| fault.code.as_str()).collect::<Vec<_>>(), ["MS0001"]);
    assert!(faults[0].message.contains("did you mean `require`?"), "{}", faults[0].message);
}

#[test]
fn every_fault_of_a_declaration_is_told_at_once() {
    let attr = "risk = \"hihg\", permission = \"Refund\", aproval, timeout = \"10\"";
    let item = "/// Does <b>it.\nfn f(&self, sql: String, key: Secret<K>, reason: &str) {}";
    let codes: BTreeSet<String> =
        found("tool", attr, item).into_iter().map(|(code, _)| code).collect();
    let expected = [
        "MS0104", "MS0401", "MS0405", "MS0601", "MS0802", "MS0804", "MS0807", "MS0901", "MS1005",
        "MS1102",
    ];
    assert_eq!(codes, expected.map(str::to_owned).into());
}

#[test]
fn broad_accepts_raw_power_free_json_and_unnamed_ids_and_nothing_else() {
    let attr = "risk = \"high\", permission = \"a.b\", approval, broad = \"the analysts' console\"";
    assert_eq!(
        found("tool", attr, "/// Does it.\nasync fn run_query(sql: String, rest: Value) {}"),
        []
    );
    let secret = found("tool", attr, "/// Does it.\nasync fn run_query(sql: Secret<String>) {}");
    assert_eq!(secret, [("MS0901".to_owned(), "Secret<String>".to_owned())]);
}

#[test]
fn a_closed_list_of_values_is_not_raw_power() {
    let attr = "risk = \"low\", permission = \"a.b\", read_only";
    assert_eq!(
        found(
            "tool",
            attr,
            "/// Does it.\nasync fn report(#[arg(one_of = [\"a\", \"b\"])] sql: String) {}"
        ),
        []
    );
    assert_eq!(found("tool", attr, "/// Does it.\nasync fn report(sql: ReportKind) {}"), []);
}

#[test]
fn a_misspelt_control_is_one_message_and_not_also_a_missing_control() {
    let one = found(
        "tool",
        "risk = \"high\", permission = \"a.b\", aproval",
        "/// Does it.\nasync fn f() {}",
    );
    assert_eq!(one, [("MS0401".to_owned(), "aproval".to_owned())]);
}

#[test]
fn an_expansion_with_faults_still_names_everything_and_carries_every_error() {
    for (macro_name, attr, item, expected) in all() {
        let tokens = expand(macro_name, attr, item).into_tokens();
        let errors = tokens.to_string().matches("compile_error").count();
        assert_eq!(errors, expected.len(), "{macro_name}({attr}) {item}");
        assert!(syn::parse2::<syn::File>(tokens).is_ok(), "{macro_name}({attr}) {item}");
    }
}

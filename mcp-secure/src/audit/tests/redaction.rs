use super::*;
use serde_json::Value;

fn shown(value: &Value) -> Value {
    key().redact("acme", "field", value)
}

#[test]
fn strings_and_numbers_are_unreadable_and_name_the_key() {
    for value in [json!("ord_5001"), json!(120_000), json!(0.5), json!([1, 2]), json!({ "a": 1 })] {
        let shown = shown(&value);
        let hmac = shown["hmac"].as_str().unwrap();
        assert!(hmac.starts_with("k1:") && hmac.len() == 3 + 64, "{hmac}");
        assert_eq!(shown.as_object().unwrap().len(), 1);
    }
}

#[test]
fn booleans_and_nulls_are_omitted_even_inside_lists() {
    for value in [json!(true), json!(false), json!(null), json!([true, null]), json!({ "a": [] })] {
        assert_eq!(shown(&value), json!({ "omitted": true }));
    }
}

#[test]
fn equal_values_look_equal_in_one_field_of_one_tenant_only() {
    let one = |tenant: &str, field: &str, value: Value| key().redact(tenant, field, &value);
    let base = one("acme", "amount", json!(10));
    assert_eq!(base, one("acme", "amount", json!(10.0)));
    assert_ne!(base, one("acme", "amount", json!("10")));
    assert_ne!(base, one("globex", "amount", json!(10)));
    assert_ne!(base, one("acme", "limit", json!(10)));
    assert_ne!(base, AuditKey::new("k1", &[8; 32]).redact("acme", "amount", &json!(10)));
}

#[test]
fn parts_of_a_redacted_value_cannot_run_into_each_other() {
    assert_ne!(key().redact("ab", "c", &json!(1)), key().redact("a", "bc", &json!(1)));
    assert_ne!(key().redact("a", "", &json!(1)), key().redact("", "a", &json!(1)));
}

#[test]
fn a_key_never_shows_in_debug_output() {
    let text = format!("{:?}", AuditKey::new("k9", &[0xab; 32]));
    assert_eq!(text, "AuditKey { id: \"k9\", .. }");
}

#[test]
fn processes_that_make_the_key_together_end_up_with_one() {
    let dir = Scratch::new();
    std::fs::create_dir_all(&*dir).unwrap();
    let path = dir.join("audit.key");
    let shown: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| AuditKey::load_or_create(&path).unwrap().redact("a", "b", &json!(1)))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(shown.iter().all(|s| *s == shown[0]));
    assert_eq!(log_files(&dir), [path]);
}

#[test]
fn a_key_file_that_is_no_key_is_refused() {
    let dir = Scratch::new();
    std::fs::create_dir_all(&*dir).unwrap();
    let path = dir.join("audit.key");
    drop(crate::audit::file::create_private(&path).unwrap());
    for text in ["", "k1:", "k1:00ff", &format!(":{}", "0".repeat(64)), &"0".repeat(64)] {
        std::fs::write(&path, text).unwrap();
        assert!(AuditKey::load_or_create(&path).is_err(), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Scratch::new();
    std::fs::create_dir_all(&*dir).unwrap();
    let path = dir.join("audit.key");
    AuditKey::load_or_create(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = AuditKey::load_or_create(&path).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

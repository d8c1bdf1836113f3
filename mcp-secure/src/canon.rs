//! One canonical form of JSON, and one digest of it (RFC 8785, with the integer limits of I-JSON, RFC 7493).

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

/// The largest integer, either way, that JSON readers agree on: 2^53 - 1 (RFC 7493 section 2.2).
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// Why a value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonError {
    /// An integer outside plus or minus 2^53 - 1: two of them could share a digest.
    #[error("an integer lies outside plus or minus 2^53 - 1")]
    UnsafeInteger,
    /// A number that is no finite IEEE 754 double.
    #[error("a number is not finite")]
    NotFinite,
}

/// A SHA-256 digest, shown as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of raw bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of parts, one after another.
    pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        parts.into_iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// The digest of the canonical form of `value`.
    pub fn of_value(value: &Value) -> Result<Self, CanonError> {
        Ok(Self::of_bytes(&canonical(value)?))
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Lower-case hexadecimal, 64 characters.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.hex(str::to_owned)
    }

    /// The 64 characters, for as long as `with` needs them.
    fn hex<T>(&self, with: impl FnOnce(&str) -> T) -> T {
        let mut digits = [0_u8; 64];
        let filled = hex::encode_to_slice(self.0, &mut digits).is_ok();
        let text = std::str::from_utf8(&digits).ok().filter(|_| filled);
        // Twice 32 is 64, and hexadecimal digits are text.
        with(text.unwrap_or_default())
    }

    /// Reads 64 hexadecimal characters.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.hex(|text| f.write_str(text))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.hex(|text| s.serialize_str(text))
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 digest"))
    }
}

/// The canonical bytes of an object, as [`canonical`] makes them.
pub(crate) fn canonical_object(map: &Map<String, Value>) -> Result<Vec<u8>, CanonError> {
    let mut out = Vec::with_capacity(128);
    write_object(map, &mut out)?;
    Ok(out)
}

/// The canonical bytes of `value`: keys sorted by UTF-16 code units, shortest numbers, no white space.
///
/// ```
/// use mcp_secure::canon::canonical;
/// let value = serde_json::json!({"b": 1.0, "a": [true, null]});
/// assert_eq!(canonical(&value)?, br#"{"a":[true,null],"b":1}"#);
/// # Ok::<(), mcp_secure::canon::CanonError>(())
/// ```
pub fn canonical(value: &Value) -> Result<Vec<u8>, CanonError> {
    let mut out = Vec::with_capacity(128);
    write_value(value, &mut out)?;
    Ok(out)
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(n) => write_number(n, out)?,
        Value::String(s) => write_string(s, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(map, out)?,
    }
    Ok(())
}

fn write_object(map: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), CanonError> {
    // Sorted here rather than by the map: a dependency may switch on `preserve_order` for the whole build.
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_unstable_by(|a, b| utf16_cmp(a.0, b.0));
    out.push(b'{');
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn utf16_cmp(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.cmp(b);
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

fn write_number(n: &Number, out: &mut Vec<u8>) -> Result<(), CanonError> {
    if let Some(i) = n.as_i64() {
        if !(-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&i) {
            return Err(CanonError::UnsafeInteger);
        }
        write_integer(i, out);
        return Ok(());
    }
    if n.as_u64().is_some() {
        return Err(CanonError::UnsafeInteger);
    }
    let Some(f) = n.as_f64().filter(|f| f.is_finite()) else {
        return Err(CanonError::NotFinite);
    };
    write_double(f, out)
}

/// Digit by digit, last one first: a `String` on the way would cost more than the digits.
fn write_integer(i: i64, out: &mut Vec<u8>) {
    if i < 0 {
        out.push(b'-');
    }
    let begins = out.len();
    let mut rest = i.unsigned_abs();
    loop {
        out.push(
            b"0123456789".get(usize::try_from(rest % 10).unwrap_or(0)).copied().unwrap_or(b'0'),
        );
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(begins..) {
        digits.reverse();
    }
}

/// ECMAScript's `Number::toString` (ECMA-262 section 6.1.6.1.20), which RFC 8785 section 3.2.2.3 names.
fn write_double(f: f64, out: &mut Vec<u8>) -> Result<(), CanonError> {
    if f == 0.0 {
        out.push(b'0');
        return Ok(());
    }
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact as a double")]
    if f.fract() == 0.0 && f.abs() > MAX_SAFE_INTEGER as f64 {
        return Err(CanonError::UnsafeInteger);
    }
    // `{:e}` prints the shortest digits that read back to the same double, as d.ddde-x.
    let text = format!("{f:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent + 1;
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    let body = if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (a, b) = digits.split_at(usize::try_from(point).unwrap_or(0));
        format!("{a}.{b}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let e = point - 1;
        let sign = if e < 0 { '-' } else { '+' };
        let (a, b) = digits.split_at(1.min(digits.len()));
        let dot = if b.is_empty() { "" } else { "." };
        format!("{a}{dot}{b}e{sign}{}", e.abs())
    };
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(body.as_bytes());
    Ok(())
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // All that is escaped is a single byte, so what lies between is copied as it stands.
    while let Some(at) = rest.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\')) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = from.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x8 => out.extend_from_slice(b"\\b"),
            0x9 => out.extend_from_slice(b"\\t"),
            0xa => out.extend_from_slice(b"\\n"),
            0xc => out.extend_from_slice(b"\\f"),
            0xd => out.extend_from_slice(b"\\r"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// `value` with every number in its canonical spelling, so that equal digests mean equal values.
///
/// A double without a fraction becomes the integer it is: `10.0` and `10` are one value to JSON Schema.
pub fn normalise(mut value: Value) -> Result<Value, CanonError> {
    normalise_in_place(&mut value)?;
    Ok(value)
}

fn normalise_in_place(value: &mut Value) -> Result<(), CanonError> {
    match value {
        Value::Number(n) => normalise_number(n),
        Value::Array(items) => items.iter_mut().try_for_each(normalise_in_place),
        Value::Object(map) => map.values_mut().try_for_each(normalise_in_place),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn normalise_number(n: &mut Number) -> Result<(), CanonError> {
    let mut checked = Vec::with_capacity(24);
    write_number(n, &mut checked)?;
    if n.is_f64()
        && let Ok(i) = String::from_utf8_lossy(&checked).parse::<i64>()
    {
        *n = Number::from(i);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        String::from_utf8(canonical(value).unwrap()).unwrap()
    }

    #[test]
    fn numbers_are_spelt_as_rfc_8785_appendix_b_says() {
        for (number, want) in [
            (-0.0, "0"),
            (5e-324, "5e-324"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (1e-6, "0.000001"),
            (9.999_999_999_999_997e-7, "9.999999999999997e-7"),
            (333_333_333.333_333_2, "333333333.3333332"),
            (1.5e-10, "1.5e-10"),
        ] {
            assert_eq!(text(&json!(number)), want);
        }
    }

    #[test]
    fn integers_that_could_share_a_digest_are_refused() {
        assert_eq!(canonical(&json!(9_007_199_254_740_993_i64)), Err(CanonError::UnsafeInteger));
        assert_eq!(canonical(&json!(u64::MAX)), Err(CanonError::UnsafeInteger));
        assert_eq!(canonical(&json!(1e300)), Err(CanonError::UnsafeInteger));
        assert_eq!(text(&json!(MAX_SAFE_INTEGER)), "9007199254740991");
    }

    #[test]
    fn text_is_escaped_as_rfc_8785_says_and_not_otherwise() {
        let value =
            json!("\u{8}\t\n\u{b}\u{c}\r\u{1f} \"/\\ \u{7f}\u{e9}\u{20ac}\u{1f600}\u{2028}");
        let want =
            "\"\\b\\t\\n\\u000b\\f\\r\\u001f \\\"/\\\\ \u{7f}\u{e9}\u{20ac}\u{1f600}\u{2028}\"";
        assert_eq!(text(&value), want);
        assert_eq!(text(&json!(["", "a\"", "\"b"])), r#"["","a\"","\"b"]"#);
    }

    #[test]
    fn integers_are_spelt_in_full() {
        for number in [0, 7, -7, 10, -1_000, 1_234_567_890, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER] {
            assert_eq!(text(&json!(number)), number.to_string());
        }
    }

    #[test]
    fn keys_sort_by_utf_16_code_units() {
        let value = json!({"\u{20ac}": 1, "\r": 2, "\u{1f600}": 3, "\u{fb33}": 4, "1": 5});
        let want = "{\"\\r\":2,\"1\":5,\"\u{20ac}\":1,\"\u{1f600}\":3,\"\u{fb33}\":4}";
        assert_eq!(text(&value), want);
    }

    #[test]
    fn a_double_without_fraction_is_the_integer() {
        assert_eq!(normalise(json!({"a": [10.0]})).unwrap(), json!({"a": [10]}));
        assert_eq!(Digest::of_value(&json!(10.0)), Digest::of_value(&json!(10)));
    }
}

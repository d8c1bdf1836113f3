//! What a browser sends: `application/x-www-form-urlencoded`, read strictly.

/// Fields by name, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

/// What came is no form of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the form could not be read")]
pub(super) struct NotAForm;

/// The most fields that any form or address of ours has.
const MOST: usize = 16;

impl Form {
    /// Reads `text`. A field that comes twice, an escape that is none and text that is not UTF-8 are no form.
    pub(super) fn parse(text: &[u8]) -> Result<Self, NotAForm> {
        let mut fields = Self::default();
        for pair in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = decoded(halves.next().unwrap_or_default())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            if fields.0.len() >= MOST || fields.get(&name).is_some() {
                return Err(NotAForm);
            }
            fields.0.push((name, value));
        }
        Ok(fields)
    }

    /// The field of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The field of that name, where it says anything.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// That there are no other fields than these: a misspelt wish does not pass for none.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), NotAForm> {
        if self.0.iter().all(|(name, _)| names.contains(&name.as_str())) {
            Ok(())
        } else {
            Err(NotAForm)
        }
    }
}

fn decoded(text: &[u8]) -> Result<String, NotAForm> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let byte = bytes.next().ok_or(NotAForm)?;
                    char::from(*byte)
                        .to_digit(16)
                        .and_then(|d| u8::try_from(d).ok())
                        .ok_or(NotAForm)
                };
                let high = digit()?;
                high << 4 | digit()?
            }
            other => *other,
        });
    }
    String::from_utf8(out).map_err(|_| NotAForm)
}

/// `text` for a place in an address.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = Form::parse(b"token=ab&reason=not+now%2C+%C3%A4%26%3D&empty=").unwrap();
        assert_eq!(form.get("token"), Some("ab"));
        assert_eq!(form.get("reason"), Some("not now, ä&="));
        assert_eq!(
            (form.get("empty"), form.filled("empty"), form.get("none")),
            (Some(""), None, None)
        );
        assert_eq!(Form::parse(b"").unwrap(), Form::default());
        assert!(form.only(&["token", "reason"]).is_err());
        assert!(form.only(&["token", "reason", "empty", "more"]).is_ok());
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        for odd in ["a=1&a=2", "a=%", "a=%2", "a=%zz", "a=%ff", "%C3=1"] {
            assert_eq!(Form::parse(odd.as_bytes()), Err(NotAForm), "{odd}");
        }
        let many: Vec<String> = (0..17).map(|n| format!("f{n}=")).collect();
        assert_eq!(Form::parse(many.join("&").as_bytes()), Err(NotAForm));
    }

    #[test]
    fn what_is_encoded_comes_back() {
        let text = "a b&c=d/?#ä\u{202e}\"<";
        let form = Form::parse(format!("q={}", encoded(text)).as_bytes()).unwrap();
        assert_eq!(form.get("q"), Some(text));
    }
}

//! Every diagnostic there is, as data: the error index of the documentation is generated from this table.

mod attribute;
mod house;
mod inputs;
mod policy;
mod signature;
mod text;

use std::fmt;

/// The stable code of a diagnostic: `MS`, two digits for the rule, two for the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// The code as it stands at the end of a message, as `MS0101`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Who finds the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reporter {
    /// The attribute or derive macro.
    Macro,
    /// The compiler, through a trait bound or a constant that generated code asks for.
    Compiler,
    /// The server, before it serves anything.
    StartUp,
}

/// One diagnostic, with what the error index says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// The rule it belongs to, `R1` to `R13`, or `house`.
    pub rule: &'static str,
    /// Who finds it.
    pub reporter: Reporter,
    /// What is wrong, in one line.
    pub title: &'static str,
    /// Why it is refused.
    pub why: &'static str,
    /// What to write instead.
    pub fix: &'static str,
    /// Code that is refused with this diagnostic.
    pub bad: &'static str,
    /// The same code, put right.
    pub good: &'static str,
}

/// Declares the codes of one file: a constant each, and the table of their entries.
macro_rules! codes {
    ($($name:ident = $code:literal, $rule:literal, $reporter:ident,
        $title:literal, why: $why:literal, fix: $fix:literal, bad: $bad:literal, good: $good:literal;)*) => {
        impl $crate::codes::Code {
            $(#[doc = $title] pub const $name: Self = Self($code);)*
        }
        pub(super) const TABLE: &[$crate::codes::Diagnostic] = &[$($crate::codes::Diagnostic {
            code: $crate::codes::Code($code),
            rule: $rule,
            reporter: $crate::codes::Reporter::$reporter,
            title: $title,
            why: $why,
            fix: $fix,
            bad: $bad,
            good: $good,
        }),*];
    };
}
use codes;

/// Every diagnostic, ordered by code.
#[must_use]
pub fn all() -> Vec<&'static Diagnostic> {
    let tables = [
        house::TABLE,
        policy::TABLE,
        attribute::TABLE,
        inputs::TABLE,
        signature::TABLE,
        text::TABLE,
    ];
    let mut entries: Vec<&'static Diagnostic> = tables.into_iter().flatten().collect();
    entries.sort_by_key(|entry| entry.code);
    entries
}

/// The entry of a code, as `MS0101`.
#[must_use]
pub fn find(code: &str) -> Option<&'static Diagnostic> {
    all().into_iter().find(|entry| entry.code.as_str() == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_carry_their_rule() {
        let entries = all();
        assert!(entries.len() > 60, "{}", entries.len());
        for pair in entries.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} twice", pair[1].code);
        }
        for entry in entries {
            let digits = entry.code.as_str().strip_prefix("MS").unwrap();
            assert_eq!(digits.len(), 4, "{}", entry.code);
            let rule: u32 = digits[..2].parse().unwrap();
            let expected = if rule == 0 { "house".to_owned() } else { format!("R{rule}") };
            assert_eq!(entry.rule, expected, "{}", entry.code);
        }
    }

    #[test]
    fn every_entry_says_what_why_and_how() {
        for entry in all() {
            for part in [entry.title, entry.why, entry.fix, entry.bad, entry.good] {
                assert!(part.len() > 8, "{}: {part:?}", entry.code);
            }
            assert_ne!(entry.bad, entry.good, "{}", entry.code);
            assert!(!entry.title.ends_with('.'), "{}", entry.code);
        }
    }

    #[test]
    fn a_code_is_found_by_its_text() {
        assert_eq!(find("MS0101").unwrap().code, Code::RISK_MISSING);
        assert!(find("MS9999").is_none());
    }
}

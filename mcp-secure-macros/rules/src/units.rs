//! Durations, sizes and rates as people write them in an attribute.

/// Reads a duration such as `"500ms"`, `"10s"`, `"15m"`, `"24h"` or `"7d"`, in milliseconds.
///
/// ```
/// assert_eq!(mcp_secure_rules::units::duration_ms("15m"), Ok(900_000));
/// ```
///
/// # Errors
/// Says what to write instead.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let scale = |unit: &str| match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    quantity(text, scale, "`ms`, `s`, `m`, `h` or `d`, as `10s`", "duration")
}

/// Reads a duration of whole seconds; milliseconds that make no whole second are refused.
///
/// # Errors
/// Says what to write instead.
pub fn duration_secs(text: &str) -> Result<u64, String> {
    let ms = duration_ms(text)?;
    if ms % 1_000 == 0 {
        Ok(ms / 1_000)
    } else {
        Err(format!("`{text}` is no whole number of seconds"))
    }
}

/// Reads a size such as `"4096B"`, `"64KiB"`, `"1MiB"` or `"1GiB"`, in bytes.
///
/// ```
/// assert_eq!(mcp_secure_rules::units::size_bytes("64KiB"), Ok(65_536));
/// ```
///
/// # Errors
/// Says what to write instead.
pub fn size_bytes(text: &str) -> Result<u64, String> {
    let scale = |unit: &str| match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    quantity(text, scale, "`B`, `KiB`, `MiB` or `GiB`, as `64KiB`", "size")
}

/// A number of calls in a period, counted together for one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls in one period.
    pub count: u32,
    /// The period, in seconds.
    pub period_secs: u32,
    /// Whose calls are counted together.
    pub scope: Scope,
}

/// Whose calls a rate counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each principal's.
    User,
    /// Each tenant's.
    Tenant,
    /// Everybody's.
    Tool,
}

/// Reads a rate such as `"10/min per user"`.
///
/// ```
/// use mcp_secure_rules::units::{Rate, Scope, rate};
/// assert_eq!(rate("10/min per user"), Ok(Rate { count: 10, period_secs: 60, scope: Scope::User }));
/// ```
///
/// # Errors
/// Says what to write instead.
pub fn rate(text: &str) -> Result<Rate, String> {
    const FORM: &str = "a rate is a number, `/sec`, `/min`, `/hour` or `/day`, and `per user`, `per tenant` or `per tool`, as `10/min per user`";
    let (count, rest) =
        text.split_once('/').ok_or_else(|| format!("`{text}` is no rate: {FORM}"))?;
    let mut words = rest.split(' ');
    let (period, per, scope) = (words.next(), words.next(), words.next());
    let period_secs = match period {
        Some("sec") => 1,
        Some("min") => 60,
        Some("hour") => 3_600,
        Some("day") => 86_400,
        _ => return Err(format!("`{text}` names no known period: {FORM}")),
    };
    let scope = match (per, scope, words.next()) {
        (Some("per"), Some("user"), None) => Scope::User,
        (Some("per"), Some("tenant"), None) => Scope::Tenant,
        (Some("per"), Some("tool"), None) => Scope::Tool,
        _ => return Err(format!("`{text}` does not say whose calls are counted: {FORM}")),
    };
    let count = whole(count).and_then(|count| u32::try_from(count).ok());
    match count {
        Some(0) => Err(format!("`{text}` permits no call at all: write at least 1")),
        Some(count) => Ok(Rate { count, period_secs, scope }),
        None => Err(format!("`{text}` has no whole number of calls: {FORM}")),
    }
}

fn quantity(
    text: &str,
    scale: impl Fn(&str) -> Option<u64>,
    units: &str,
    what: &str,
) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (Some(number), Some(scale)) = (whole(number), scale(unit)) else {
        return Err(format!("`{text}` is no {what}: write a whole number and {units}"));
    };
    match number.checked_mul(scale) {
        Some(0) => Err(format!("`{text}` is nothing at all: a {what} is at least 1")),
        Some(total) if i64::try_from(total).is_ok() => Ok(total),
        _ => Err(format!("`{text}` is too large for a {what}")),
    }
}

fn whole(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_one_number_and_one_unit() {
        assert_eq!(duration_ms("500ms"), Ok(500));
        assert_eq!(duration_ms("10s"), Ok(10_000));
        assert_eq!(duration_ms("24h"), Ok(86_400_000));
        assert_eq!(duration_secs("7d"), Ok(604_800));
        for bad in [
            "",
            "10",
            "s",
            "10 s",
            "-1s",
            "1.5s",
            "10sec",
            "1h30m",
            "0s",
            "99999999999999999999d",
            "١s",
        ] {
            assert!(duration_ms(bad).is_err(), "{bad}");
        }
        assert!(duration_secs("1500ms").is_err());
        assert_eq!(duration_secs("2000ms"), Ok(2));
    }

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!(size_bytes("4096B"), Ok(4096));
        assert_eq!(size_bytes("64KiB"), Ok(65_536));
        assert_eq!(size_bytes("1MiB"), Ok(1_048_576));
        for bad in ["64KB", "64", "64 KiB", "0B", "18446744073709551615GiB"] {
            assert!(size_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_say_how_many_how_often_and_for_whom() {
        assert_eq!(
            rate("3/sec per tool"),
            Ok(Rate { count: 3, period_secs: 1, scope: Scope::Tool })
        );
        assert_eq!(
            rate("30/day per tenant"),
            Ok(Rate { count: 30, period_secs: 86_400, scope: Scope::Tenant })
        );
        for bad in [
            "10",
            "10/min",
            "10/minute per user",
            "0/min per user",
            "/min per user",
            "10/min per person",
            "10/min per user per tool",
            "10 / min per user",
            "-1/min per user",
            "4294967296/min per user",
        ] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}

//! Times and spans as people type them.

use std::time::Duration;

use crate::clock::Timestamp;

/// `90s`, `15m`, `1h`, `2d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a span is a number and `s`, `m`, `h` or `d`, as `15m`".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).ok_or_else(wrong)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = number.parse().map_err(|_| wrong())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// A time (RFC 3339), or a span back from `now`.
pub(super) fn since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(span) = duration(text) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_millis(now.millis().saturating_sub(millis)));
    }
    Timestamp::from_rfc3339(text)
        .ok_or_else(|| "write a time as `2026-07-28T12:00:00Z`, or a span as `15m`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in ["", "h", "1", "1y", "-1h", "+1h", "1.5h", "99999999999999999999d", "1 h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn since_is_a_time_or_a_span_back() {
        let now = Timestamp::from_millis(7_200_000);
        assert_eq!(since("1h", now), Ok(Timestamp::from_millis(3_600_000)));
        assert_eq!(since("1970-01-01T01:00:00Z", now), Ok(Timestamp::from_millis(3_600_000)));
        assert!(since("yesterday", now).is_err());
    }
}

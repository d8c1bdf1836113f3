//! Times, for people and for programs.

use maud::{Markup, html};

use crate::clock::Timestamp;

/// A time by the calendar and by how far it is from `now`.
pub(in crate::inbox) fn stamp(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at.to_rfc3339()) { (calendar(at)) } " (" (away(at, now)) ")" }
}

/// How far a time is from `now`, with the calendar where a pointer rests on it.
pub(in crate::inbox) fn relative(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at.to_rfc3339()) title=(calendar(at)) { (away(at, now)) } }
}

/// `2026-11-23 20:59:28 UTC`.
fn calendar(at: Timestamp) -> String {
    let whole = at.to_rfc3339();
    let date_and_time = whole.split_once('T').map(|(date, rest)| (date, rest.get(..8)));
    match date_and_time {
        Some((date, Some(time))) => format!("{date} {time} UTC"),
        _ => whole,
    }
}

/// `in 5 minutes`, `2 days ago`.
fn away(at: Timestamp, now: Timestamp) -> String {
    let millis = at.millis().saturating_sub(now.millis());
    let secs = millis.unsigned_abs() / 1000;
    let (count, unit) = match secs {
        0..60 => (secs, "second"),
        60..7200 => (secs / 60, "minute"),
        7200..172_800 => (secs / 3600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    match (secs, millis > 0) {
        (0, _) => "now".to_owned(),
        (_, true) => format!("in {count} {unit}{plural}"),
        (_, false) => format!("{count} {unit}{plural} ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_when_and_how_long_until_then() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let of = |secs: i64| away(now.plus_millis(secs * 1000), now);
        assert_eq!(of(0), "now");
        assert_eq!(of(-1), "1 second ago");
        assert_eq!(of(90), "in 1 minute");
        assert_eq!(of(7199), "in 119 minutes");
        assert_eq!(of(7200), "in 2 hours");
        assert_eq!(of(-3 * 86_400), "3 days ago");
        let whole = stamp(now, now).into_string();
        assert_eq!(
            whole,
            "<time datetime=\"2023-11-14T22:13:20Z\">2023-11-14 22:13:20 UTC</time> (now)"
        );
        let odd = stamp(Timestamp::from_millis(i64::MAX), now).into_string();
        assert!(odd.contains("in "), "{odd}");
    }
}

//! Spans of time as people say them.

/// `3 minutes 20 seconds` for 200,000 ms: the two largest units, the sign left out.
pub fn span(millis: i64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(31_536_000, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut rest = millis.unsigned_abs() / 1000;
    if rest == 0 {
        return "less than a second".into();
    }
    let mut words = Vec::new();
    for (size, name) in UNITS {
        let count = rest / size;
        rest %= size;
        match count {
            0 if words.is_empty() => continue,
            0 => break,
            1 => words.push(format!("1 {name}")),
            _ => words.push(format!("{count} {name}s")),
        }
        if words.len() == 2 {
            break;
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_is_said_in_its_two_largest_units() {
        let said: Vec<_> = [999, 1_000, 61_000, -200_000, 3_600_000, 90_061_000, 3_605_000]
            .into_iter()
            .map(span)
            .collect();
        assert_eq!(
            said,
            [
                "less than a second",
                "1 second",
                "1 minute 1 second",
                "3 minutes 20 seconds",
                "1 hour",
                "1 day 1 hour",
                "1 hour"
            ]
        );
    }
}

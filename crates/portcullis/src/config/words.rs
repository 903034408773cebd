//! What somebody may have meant, and lists as people write them.

/// The one of `known` that `seen` is probably a slip of the pen for.
pub(crate) fn nearest<'a>(seen: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let seen = seen.to_lowercase();
    let limit = (seen.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|word| (strsim::osa_distance(&seen, &word.to_lowercase()), word))
        .filter(|(distance, word)| {
            *distance <= limit || (seen.len() > 3 && word.starts_with(&seen))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn or<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", most.join(", "), last.as_ref())
        }
    }
}

/// Their hint, if there is one.
pub(crate) fn did_you_mean<'a>(
    seen: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(seen, known).map(|word| format!("did you mean '{word}'?"))
}

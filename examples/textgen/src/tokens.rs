//! The tokenizer: a word with the space before it, one mark of punctuation, or a run of other white space.
//! Nothing is lost: the tokens of a text, joined, are that text.

/// Characters of a word in one token; a longer word is several tokens, so that no text is suspiciously cheap.
const LONGEST: usize = 16;

/// The tokens of `text`, in order.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (token, after) = rest.split_at(first(rest));
        rest = after;
        (!token.is_empty()).then_some(token)
    })
}

/// How many tokens `text` has.
pub(crate) fn count(text: &str) -> usize {
    split(text).count()
}

/// Whether `token` is a word or part of one.
pub(crate) fn is_word(token: &str) -> bool {
    token.trim_start().starts_with(in_word)
}

/// Bytes of the first token of `text`; zero only for an empty text.
fn first(text: &str) -> usize {
    let body = text
        .strip_prefix(' ')
        .filter(|body| !body.is_empty() && !body.starts_with(char::is_whitespace));
    let body = body.unwrap_or(text);
    let run = |belongs: fn(char) -> bool| -> usize {
        body.chars().take(LONGEST).take_while(|&c| belongs(c)).map(char::len_utf8).sum()
    };
    let length = match body.chars().next() {
        None => 0,
        Some(c) if in_word(c) => run(in_word),
        Some(c) if c.is_whitespace() => run(char::is_whitespace),
        Some(c) => c.len_utf8(),
    };
    text.len() - body.len() + length
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '\'' | '’')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_the_space_before_it() {
        let tokens: Vec<_> = split("A token, please: it's  two\n").collect();
        assert_eq!(tokens, ["A", " token", ",", " please", ":", " it's", "  ", "two", "\n"]);
    }

    #[test]
    fn nothing_is_lost() {
        for text in
            ["", " ", "  ", "é\u{301}\u{3000}漢字 🦀!?\r\n\t x", &"word".repeat(99), " . ' \u{0}"]
        {
            assert_eq!(split(text).collect::<String>(), text);
        }
    }

    #[test]
    fn a_long_word_is_several_tokens() {
        assert_eq!(count(&"x".repeat(33)), 3);
    }
}

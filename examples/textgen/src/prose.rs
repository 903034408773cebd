//! What a model reads of a Markdown text: its sentences. Code, tables, headings and marks of emphasis teach an n-gram
//! model nothing but noise.

/// The paragraphs and list items of `markdown`, each on one line and closed by a full stop.
pub(crate) fn paragraphs(markdown: &str) -> Vec<String> {
    let mut paragraphs = Vec::new();
    let mut open = String::new();
    let mut in_code = false;
    for line in markdown.lines().map(str::trim) {
        let fence = line.starts_with("```") || line.starts_with("~~~");
        in_code ^= fence;
        if fence || in_code || line.is_empty() || is_apparatus(line) {
            close(&mut open, &mut paragraphs);
            continue;
        }
        let item = after_marker(line);
        if item.is_some() {
            close(&mut open, &mut paragraphs);
        }
        if !open.is_empty() {
            open.push(' ');
        }
        open.push_str(&plain(item.unwrap_or(line)));
    }
    close(&mut open, &mut paragraphs);
    paragraphs
}

/// Tables, headings, rules, images, HTML, link definitions.
fn is_apparatus(line: &str) -> bool {
    let link_definition = line.starts_with('[') && line.contains("]: ");
    link_definition
        || line.starts_with(['|', '#', '<', '='])
        || line.starts_with("![")
        || line.starts_with("---")
}

/// The text of a list item or quotation.
fn after_marker(line: &str) -> Option<&str> {
    let numbered = line
        .split_once(". ")
        .filter(|(n, _)| n.bytes().all(|b| b.is_ascii_digit()))
        .map(|(_, rest)| rest);
    let bullet = || ["- ", "* ", "+ ", "> "].iter().find_map(|marker| line.strip_prefix(marker));
    numbered.or_else(bullet)
}

/// Without emphasis, code marks and link targets.
fn plain(line: &str) -> String {
    let line = line.replace("**", "").replace(['`', '*'], "");
    let mut out = String::with_capacity(line.len());
    let mut rest = line.as_str();
    while let Some((before, after)) = rest.split_once("](") {
        out.push_str(&before.replace('[', ""));
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    out + rest
}

fn close(open: &mut String, paragraphs: &mut Vec<String>) {
    let text = std::mem::take(open);
    let text = text.trim().trim_end_matches([':', ',', ';']);
    // Fragments of two words are labels, not sentences.
    if text.split_whitespace().nth(2).is_some() {
        let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
        paragraphs.push(format!("{text}{stop}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_prose_is_read() {
        let markdown = "# Title here now\n\nA **scope** says what\na `token` may do.\n\n```sh\ncurl http://x y z\n```\n\
                        | a | b | c |\n- See [the guide](docs/guide.md) first:\n2. Ask for a token\n";
        let expected =
            ["A scope says what a token may do.", "See the guide first.", "Ask for a token."];
        assert_eq!(paragraphs(markdown), expected);
    }
}

use super::*;
use crate::tokens;

const TEXT: &str = "\
A token says who may call the model. A scope says what the token may do. The gateway reads the scope of every token.

The gateway refuses a token without the scope. The issuer signs a token for one audience. An audience is the name of \
an API. The issuer writes down every token that it signs.

Every refusal has a reason. The reason names the scope that was missing. The issuer gives a token only to a client \
that it knows.";

fn model() -> Arc<Model> {
    Arc::new(Model::train("test", 3, &[TEXT]))
}

fn settings(seed: u64) -> Settings {
    let stop = Vec::new();
    Settings {
        max_tokens: 200,
        sentences: 4,
        temperature: 1.0,
        top_p: 1.0,
        top_k: usize::MAX,
        stop,
        seed,
    }
}

/// The whole text, why it ended, and its tokens.
fn whole(prompt: Prompt<'_>, settings: Settings) -> (String, Finish, usize) {
    let mut generation = Generation::new(model(), prompt, settings);
    let text = generation.by_ref().collect();
    (text, generation.finish().unwrap().clone(), generation.tokens())
}

#[test]
fn a_seed_gives_the_same_text_every_time_and_another_seed_another() {
    let texts: Vec<_> = (0..8).map(|seed| whole(Prompt::Answer(""), settings(seed)).0).collect();
    let again: Vec<_> = (0..8).map(|seed| whole(Prompt::Answer(""), settings(seed)).0).collect();
    assert_eq!(texts, again);
    assert!(texts.iter().any(|text| *text != texts[0]));
}

#[test]
fn tokens_are_those_that_the_tokenizer_finds_in_the_text() {
    for seed in 0..50 {
        let (text, finish, tokens) = whole(Prompt::Answer("what is a scope?"), settings(seed));
        assert_eq!(tokens::count(&text), tokens, "{text}");
        assert_eq!(finish, Finish::End, "{text}");
        assert!(text.ends_with('.') && !text.starts_with(' '), "{text}");
    }
}

#[test]
fn an_answer_speaks_of_what_was_asked() {
    for seed in 0..20 {
        let (text, ..) = whole(Prompt::Answer("Tell me about an AUDIENCE, please"), settings(seed));
        assert!(text.contains("audience") || text.starts_with("An audience"), "{text}");
    }
}

#[test]
fn max_tokens_is_never_exceeded() {
    for max_tokens in 1..20 {
        let (text, finish, tokens) =
            whole(Prompt::Answer(""), Settings { max_tokens, ..settings(7) });
        assert!(tokens <= max_tokens);
        assert_eq!(tokens::count(&text), tokens);
        assert!(finish == Finish::MaxTokens || tokens < max_tokens);
    }
}

#[test]
fn a_stop_sequence_ends_the_text_and_no_part_of_it_is_shown() {
    let (free, ..) = whole(Prompt::Answer("scope"), settings(3));
    // Begins and ends inside of words, and spans tokens.
    let stop: String = free.chars().skip(13).take(9).collect();
    let with_stop =
        Settings { stop: vec!["no such words".to_owned(), stop.clone()], ..settings(3) };
    let (text, finish, _) = whole(Prompt::Answer("scope"), with_stop);
    assert_eq!(text, free.split(stop.as_str()).next().unwrap());
    assert_eq!(finish, Finish::StopSequence(stop));
}

#[test]
fn a_stop_sequence_that_does_not_come_takes_nothing_away() {
    let stop = vec![".\n".to_owned(), " token!".to_owned(), "é".to_owned()];
    let kept = whole(Prompt::Answer(""), Settings { stop, ..settings(5) });
    assert_eq!(kept, whole(Prompt::Answer(""), settings(5)));
}

#[test]
fn a_continuation_goes_on_after_the_prompt() {
    let short = Settings { temperature: 0.0, max_tokens: 2, ..settings(1) };
    assert_eq!(whole(Prompt::Continue("The issuer signs"), short.clone()).0, " a token");
    assert_eq!(whole(Prompt::Continue("The issuer signs "), short).0, "a token");
}

#[test]
fn without_heat_chance_has_no_part() {
    let cold = |seed| Settings { temperature: 0.0, max_tokens: 30, ..settings(seed) };
    let narrow = |seed| Settings { top_p: f64::MIN_POSITIVE, max_tokens: 30, ..settings(seed) };
    let first = |seed| Settings { top_k: 1, max_tokens: 30, ..settings(seed) };
    let expected = whole(Prompt::Answer("token"), cold(1));
    for seed in 2..6 {
        assert_eq!(whole(Prompt::Answer("token"), cold(seed)), expected);
        assert_eq!(whole(Prompt::Answer("token"), narrow(seed)), expected);
        assert_eq!(whole(Prompt::Answer("token"), first(seed)), expected);
    }
}

#[test]
fn an_unknown_prompt_is_answered_by_any_sentence() {
    let (text, ..) = whole(Prompt::Continue("漢字 xyzzy"), settings(2));
    assert!(text.trim_start().starts_with(char::is_uppercase), "{text}");
}

#[test]
fn a_model_that_read_nothing_says_nothing() {
    let empty = Arc::new(Model::train("empty", 5, &["", "# A title\n"]));
    let mut generation = Generation::new(empty, Prompt::Answer("hello"), settings(1));
    assert_eq!(generation.next(), None);
    assert_eq!((generation.tokens(), generation.finish()), (0, Some(&Finish::End)));
}

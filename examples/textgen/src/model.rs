//! The model: the corpus as tokens, and its positions sorted by what stands before them, nearest token first.
//! In that order every context of every length is one contiguous range, so one index serves all orders.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use crate::{prose, tokens};

/// Stands between sentences; its text is empty.
pub(crate) const SENTENCE: u32 = 0;
/// A token of a prompt that the corpus does not have.
const UNKNOWN: u32 = u32::MAX;
/// What one step back to a shorter context costs: so much that sentences hold together.
const BACK_OFF: f64 = 0.15;
/// With fewer different continuations than this, the next shorter context is heard too: else a small corpus is quoted.
const VARIETY: usize = 3;
/// How many different words of a prompt take part in finding its subject.
const SUBJECT_WORDS: usize = 64;
/// What a word counts for the subject of a sentence when it does not stand in its opening.
const LATE: f64 = 0.3;
/// Words that ask, and say nothing of what is asked for.
const ASKING: [&str; 33] = [
    "a", "about", "an", "and", "are", "can", "could", "describe", "do", "doe", "explain", "for",
    "give", "how", "i", "in", "is", "it", "me", "my", "of", "or", "please", "tell", "that", "the",
    "to", "what", "when", "where", "which", "why", "you",
];

/// An n-gram model over words, with back-off.
pub struct Model {
    name: String,
    order: usize,
    vocabulary: Vec<Box<str>>,
    ids: FxHashMap<Box<str>, u32>,
    corpus: Vec<u32>,
    /// Positions of the corpus, sorted by the `order - 1` tokens before them, read backwards.
    by_context: Vec<u32>,
    /// Where each sentence begins.
    sentences: Vec<u32>,
    /// The sentences, by number, in which a word stands, and what it counts there.
    by_word: FxHashMap<String, Vec<(u32, f64)>>,
}

impl Model {
    /// Learns from Markdown `texts`: a word is chosen by the `order - 1` tokens before it (at least one).
    pub fn train(name: &str, order: usize, texts: &[&str]) -> Self {
        let mut model = Self {
            name: name.to_owned(),
            order: order.max(2),
            vocabulary: Vec::new(),
            ids: FxHashMap::default(),
            corpus: Vec::new(),
            by_context: Vec::new(),
            sentences: Vec::new(),
            by_word: FxHashMap::default(),
        };
        model.learn_token(""); // SENTENCE
        for paragraph in texts.iter().flat_map(|text| prose::paragraphs(text)) {
            model.learn_paragraph(&format!(" {paragraph}"));
        }
        model.index_sentences();
        model.index_contexts();
        model
    }

    /// The name under which it is asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many different tokens it knows.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.len()
    }

    pub(crate) fn order(&self) -> usize {
        self.order
    }

    pub(crate) fn text(&self, token: u32) -> &str {
        self.vocabulary.get(token as usize).map_or("", |text| text)
    }

    /// The tokens of a prompt that a continuation can depend on.
    pub(crate) fn context(&self, prompt: &str) -> Vec<u32> {
        let words = format!(" {}", prompt.trim());
        let ids: Vec<u32> = tokens::split(&words)
            .map(|token| self.ids.get(token).copied().unwrap_or(UNKNOWN))
            .collect();
        ids.get(ids.len().saturating_sub(self.order - 1)..).unwrap_or_default().to_vec()
    }

    /// What may come after `history`, with weights, likeliest first; empty only if the corpus is.
    ///
    /// The longest context that the corpus knows speaks first; shorter ones join it at a discount while the choice is
    /// small. Where the last token is unknown, a sentence begins.
    pub(crate) fn candidates(&self, history: &[u32]) -> Vec<(u32, f64)> {
        let mut weights: FxHashMap<u32, f64> = FxHashMap::default();
        let mut discount = 1.0;
        for length in (1..=history.len().min(self.order - 1)).rev() {
            let context = history.get(history.len() - length..).unwrap_or_default();
            let positions = self.positions_after(context);
            if positions.is_empty() {
                continue;
            }
            let share = discount / f64::from(u32::try_from(positions.len()).unwrap_or(u32::MAX));
            for token in positions.iter().filter_map(|&at| self.corpus.get(at as usize)) {
                *weights.entry(*token).or_default() += share;
            }
            if weights.len() >= VARIETY {
                break;
            }
            discount *= BACK_OFF;
        }
        if weights.is_empty() && history != [SENTENCE] {
            return self.candidates(&[SENTENCE]);
        }
        let mut candidates: Vec<_> = weights.into_iter().collect();
        // The token decides between equals: a seed must give the same text every time.
        candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        candidates
    }

    /// Openings for an answer to `prompt`: first words of the sentences that share most with it, with weights.
    /// Rare words count more (inverse document frequency). Empty if no word of the prompt is known.
    pub(crate) fn openings(&self, prompt: &str) -> Vec<(&[u32], f64)> {
        let mut words: Vec<String> = Vec::new();
        for word in tokens::split(prompt).filter(|token| tokens::is_word(token)).map(normal) {
            if words.len() < SUBJECT_WORDS
                && self.by_word.contains_key(&word)
                && !words.contains(&word)
            {
                words.push(word);
            }
        }
        let total = to_f64(self.sentences.len());
        let mut scores: FxHashMap<u32, f64> = FxHashMap::default();
        for sentences in words.iter().filter_map(|word| self.by_word.get(word)) {
            let rarity = (total / to_f64(sentences.len())).ln();
            for &(sentence, weight) in sentences {
                *scores.entry(sentence).or_default() += weight * rarity;
            }
        }
        let best = scores.values().copied().fold(0.0, f64::max);
        let mut near: Vec<_> =
            scores.into_iter().filter(|(_, score)| *score > best * 0.7).collect();
        near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        near.truncate(8);
        near.into_iter().map(|(sentence, score)| (self.opening(sentence), score)).collect()
    }

    /// The first tokens of a sentence: twice the order, so that the model has a subject, and chance still the rest.
    fn opening(&self, sentence: u32) -> &[u32] {
        let start = self.sentences.get(sentence as usize).map_or(0, |&at| at as usize);
        let tokens = self.corpus.get(start..).unwrap_or_default();
        let length =
            tokens.iter().take(2 * self.order).take_while(|&&token| token != SENTENCE).count();
        tokens.get(..length).unwrap_or_default()
    }

    fn positions_after(&self, context: &[u32]) -> &[u32] {
        let compare = |at: u32| self.before(at).take(context.len()).cmp(context.iter().rev());
        let start = self.by_context.partition_point(|&at| compare(at) == Ordering::Less);
        let end = self.by_context.partition_point(|&at| compare(at) != Ordering::Greater);
        self.by_context.get(start..end).unwrap_or_default()
    }

    /// The tokens before a position, nearest first.
    fn before(&self, at: u32) -> impl Iterator<Item = &u32> {
        self.corpus.get(..at as usize).unwrap_or_default().iter().rev().take(self.order - 1)
    }

    fn learn_token(&mut self, token: &str) -> u32 {
        if let Some(&id) = self.ids.get(token) {
            return id;
        }
        let id = to_u32(self.vocabulary.len());
        self.vocabulary.push(token.into());
        self.ids.insert(token.into(), id);
        id
    }

    fn learn_paragraph(&mut self, paragraph: &str) {
        self.end_sentence();
        let mut stopped = false;
        for token in tokens::split(paragraph) {
            // "e.g. this" is no end; ". This" is one.
            if stopped
                && token.strip_prefix(' ').is_some_and(|word| !word.starts_with(char::is_lowercase))
            {
                self.end_sentence();
            }
            let id = self.learn_token(token);
            self.corpus.push(id);
            stopped = matches!(token, "." | "!" | "?");
        }
        self.end_sentence();
    }

    fn end_sentence(&mut self) {
        if self.corpus.last() != Some(&SENTENCE) {
            self.corpus.push(SENTENCE);
        }
    }

    fn index_sentences(&mut self) {
        let mut start = 0;
        for (at, &token) in (0u32..).zip(&self.corpus) {
            if token == SENTENCE {
                start = at + 1;
                self.sentences.push(start);
                continue;
            }
            let word = self.vocabulary.get(token as usize).map_or("", |text| text);
            let word = if tokens::is_word(word) { normal(word) } else { continue };
            if ASKING.contains(&word.as_str()) {
                continue;
            }
            let sentence = to_u32(self.sentences.len().saturating_sub(1));
            let weight = if at - start < to_u32(2 * self.order) { 1.0 } else { LATE };
            let places = self.by_word.entry(word).or_default();
            if places.last().is_none_or(|&(last, _)| last != sentence) {
                places.push((sentence, weight));
            }
        }
    }

    fn index_contexts(&mut self) {
        let mut positions: Vec<u32> = (1..to_u32(self.corpus.len())).collect();
        positions.sort_unstable_by(|&a, &b| self.before(a).cmp(self.before(b)).then(a.cmp(&b)));
        self.by_context = positions;
    }
}

/// A word as it is looked up: small letters, without the plural's s.
fn normal(token: &str) -> String {
    let word = token.trim_start().to_lowercase();
    word.strip_suffix('s').filter(|stem| stem.len() > 2).map(str::to_owned).unwrap_or(word)
}

/// A corpus of more than four thousand million tokens is not for this model.
fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn to_f64(count: usize) -> f64 {
    f64::from(to_u32(count))
}

//! One text in the making: token by token, until a stop sequence, the limit, or the model's own end.

use std::{collections::VecDeque, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::model::{Model, SENTENCE};

/// Where a text starts from.
#[derive(Clone, Copy)]
pub(crate) enum Prompt<'a> {
    /// It goes on after this.
    Continue(&'a str),
    /// It answers this: it opens with a sentence about the same subject, or any sentence.
    Answer(&'a str),
}

/// How tokens are chosen, and when it ends.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) max_tokens: usize,
    /// Sentences after which the model has said enough.
    pub(crate) sentences: usize,
    /// 0 always takes the likeliest token.
    pub(crate) temperature: f64,
    /// Only the likeliest tokens that together have this share of the probability.
    pub(crate) top_p: f64,
    pub(crate) top_k: usize,
    pub(crate) stop: Vec<String>,
    pub(crate) seed: u64,
}

/// Why a text ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finish {
    End,
    MaxTokens,
    StopSequence(String),
}

/// A text in the making: an iterator of its pieces, none of them empty.
pub(crate) struct Generation {
    model: Arc<Model>,
    settings: Settings,
    random: StdRng,
    history: Vec<u32>,
    opening: VecDeque<u32>,
    /// The next token begins the text, so the space before its word goes.
    bare: bool,
    /// Text that may turn out to be the beginning of a stop sequence.
    held: String,
    tokens: usize,
    sentences: usize,
    finish: Option<Finish>,
}

impl Generation {
    pub(crate) fn new(model: Arc<Model>, prompt: Prompt<'_>, settings: Settings) -> Self {
        let mut generation = Self {
            random: StdRng::seed_from_u64(settings.seed),
            model,
            settings,
            history: vec![SENTENCE],
            opening: VecDeque::new(),
            bare: true,
            held: String::new(),
            tokens: 0,
            sentences: 0,
            finish: None,
        };
        match prompt {
            Prompt::Continue(text) if !text.trim().is_empty() => {
                generation.history = generation.model.context(text);
                generation.bare = text.ends_with(char::is_whitespace);
            }
            Prompt::Continue(text) | Prompt::Answer(text) => generation.open(text),
        }
        generation
    }

    /// Tokens made so far, those of a stop sequence included.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Why it ended; only known after the last piece.
    pub(crate) fn finish(&self) -> Option<&Finish> {
        self.finish.as_ref()
    }

    fn open(&mut self, prompt: &str) {
        let model = Arc::clone(&self.model);
        let mut openings = model.openings(prompt);
        self.narrow(&mut openings);
        if let Some(opening) = self.pick(&openings) {
            self.opening = opening.iter().copied().collect();
        }
    }

    /// Takes one token; `None` if there is none to take.
    fn token(&mut self) -> Option<u32> {
        let token = self.opening.pop_front().or_else(|| {
            let mut candidates = self.model.candidates(&self.history);
            self.narrow(&mut candidates);
            self.pick(&candidates)
        })?;
        if self.history.len() >= self.model.order() {
            self.history.remove(0);
        }
        self.history.push(token);
        Some(token)
    }

    /// Applies temperature, `top_k` and `top_p` to candidates that are sorted, likeliest first.
    fn narrow<T>(&self, candidates: &mut Vec<(T, f64)>) {
        let greedy = self.settings.temperature <= f64::EPSILON;
        candidates.truncate(if greedy { 1 } else { self.settings.top_k.max(1) });
        let likeliest = candidates.first().map_or(1.0, |(_, weight)| *weight);
        for (_, weight) in candidates.iter_mut().filter(|_| !greedy) {
            *weight = (*weight / likeliest).powf(1.0 / self.settings.temperature);
        }
        let enough = self.settings.top_p * candidates.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut reached = 0.0;
        candidates.retain(|(_, weight)| {
            let wanted = reached < enough || reached <= 0.0;
            reached += weight;
            wanted
        });
    }

    fn pick<T: Copy>(&mut self, candidates: &[(T, f64)]) -> Option<T> {
        let mut left =
            self.random.random::<f64>() * candidates.iter().map(|(_, weight)| weight).sum::<f64>();
        let chosen = candidates.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        chosen.or(candidates.last()).map(|(token, _)| *token)
    }

    fn end(&mut self, finish: Finish) -> Option<String> {
        self.finish = Some(finish);
        let rest = std::mem::take(&mut self.held);
        (!rest.is_empty()).then_some(rest)
    }

    /// Adds the text of a token, and gives what can be let go of it.
    fn say(&mut self, token: u32) -> Option<String> {
        let text = self.model.text(token);
        let text = if self.bare { text.trim_start() } else { text };
        self.held.push_str(text);
        self.bare = false;
        self.tokens += 1;
        let stops = &self.settings.stop;
        let met = stops
            .iter()
            .filter_map(|stop| Some((self.held.find(stop)?, stop)))
            .min_by_key(|(at, _)| *at);
        if let Some((at, stop)) = met {
            let finish = Finish::StopSequence(stop.clone());
            self.held.truncate(at);
            return self.end(finish);
        }
        let kept = stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - kept);
        let free = std::mem::replace(&mut self.held, kept);
        (!free.is_empty()).then_some(free)
    }
}

impl Iterator for Generation {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.finish.is_none() {
            if self.tokens >= self.settings.max_tokens {
                return self.end(Finish::MaxTokens);
            }
            let piece = match self.token() {
                None => return self.end(Finish::End),
                Some(SENTENCE) if self.tokens > 0 => {
                    self.sentences += 1;
                    if self.sentences >= self.settings.sentences {
                        return self.end(Finish::End);
                    }
                    None
                }
                Some(SENTENCE) => None,
                Some(token) => self.say(token),
            };
            if piece.is_some() {
                return piece;
            }
        }
        None
    }
}

/// Bytes at the end of `text` with which `stop` begins.
fn overlap(text: &str, stop: &str) -> usize {
    let starts =
        stop.char_indices().map(|(at, _)| at).skip(1).take_while(|&length| length <= text.len());
    starts
        .filter(|&length| stop.get(..length).is_some_and(|start| text.ends_with(start)))
        .last()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;

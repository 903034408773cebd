//! A request at work: one or several texts, made in turns, and told step by step. It stops when it is dropped.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, Sse},
};
use futures_util::stream;

use crate::{
    generation::{Finish, Generation, Prompt, Settings},
    generators::{Generators, InFlight, Served},
};

/// Tokens that one text may have, whatever is asked for.
const LONGEST: usize = 4096;
/// Steps after which a whole answer lets others have the thread.
const TURN: usize = 32;

/// Tokens read and written.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) prompt: usize,
    pub(crate) completion: usize,
}

/// What happens to one of the texts.
pub(crate) enum Step {
    Text { index: usize, text: String },
    Finished { index: usize, finish: Finish },
}

/// A text that is complete.
pub(crate) struct Choice {
    pub(crate) text: String,
    pub(crate) finish: Finish,
}

/// What is to be made. Each prompt gets `choices` texts.
pub(crate) struct Order<'a> {
    pub(crate) served: &'a Served,
    pub(crate) prompts: Vec<Prompt<'a>>,
    pub(crate) prompt_tokens: usize,
    pub(crate) choices: usize,
    pub(crate) wishes: Wishes,
    /// Used unless the wishes have one.
    pub(crate) seed: u64,
}

/// What a caller may ask of a model; `None` leaves it to the model.
pub(crate) struct Wishes {
    pub(crate) max_tokens: Option<usize>,
    pub(crate) temperature: f64,
    pub(crate) top_p: f64,
    pub(crate) top_k: Option<usize>,
    pub(crate) stop: Vec<String>,
    pub(crate) seed: Option<i64>,
}

/// How an API tells a run as server-sent events.
pub(crate) trait Dialect: Send + 'static {
    /// Before the first token.
    fn open(&self, usage: Usage) -> Vec<Event>;
    /// A step.
    fn tell(&self, step: Step, usage: Usage) -> Vec<Event>;
    /// After the last.
    fn close(&self, usage: Usage) -> Vec<Event>;
}

/// The texts of one request, in the making: an iterator of its steps.
pub(crate) struct Run {
    waiting: VecDeque<(usize, Generation)>,
    usage: Usage,
    pace: Duration,
    _in_flight: InFlight,
}

impl Run {
    pub(crate) fn start(generators: &Arc<Generators>, order: Order<'_>) -> Self {
        let Order { served, prompts, prompt_tokens, choices, wishes, seed } = order;
        let settings = Settings {
            max_tokens: wishes.max_tokens.unwrap_or(served.max_tokens).min(LONGEST),
            sentences: served.sentences,
            temperature: wishes.temperature,
            top_p: wishes.top_p,
            top_k: wishes.top_k.unwrap_or(usize::MAX),
            stop: wishes.stop,
            seed: wishes.seed.map_or(seed, i64::cast_unsigned),
        };
        let prompts = prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt, choices));
        let texts = (0u64..).zip(prompts).map(|(number, prompt)| {
            let settings =
                Settings { seed: settings.seed.wrapping_add(number), ..settings.clone() };
            Generation::new(Arc::clone(&served.model), *prompt, settings)
        });
        Self {
            waiting: texts.enumerate().collect(),
            usage: Usage { prompt: prompt_tokens, completion: 0 },
            pace: generators.pace(),
            _in_flight: generators.enter(),
        }
    }

    /// Makes everything, then answers.
    pub(crate) async fn whole(mut self) -> (Vec<Choice>, Usage) {
        let mut texts: BTreeMap<usize, String> = BTreeMap::new();
        let mut choices = BTreeMap::new();
        let mut steps = 0;
        for step in self.by_ref() {
            match step {
                Step::Text { index, text } => texts.entry(index).or_default().push_str(&text),
                Step::Finished { index, finish } => {
                    let text = texts.remove(&index).unwrap_or_default();
                    choices.insert(index, Choice { text, finish });
                }
            }
            steps += 1;
            if steps % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        (choices.into_values().collect(), self.usage)
    }

    /// Answers while it makes: each token is sent before the next is begun.
    pub(crate) fn stream(self, dialect: impl Dialect) -> Response {
        let queue = VecDeque::from(dialect.open(self.usage));
        let telling = Telling { run: Some(self), dialect, queue, begun: false };
        Sse::new(stream::unfold(telling, Telling::next)).into_response()
    }
}

impl Iterator for Run {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let (index, mut generation) = self.waiting.pop_front()?;
        if let Some(text) = generation.next() {
            self.waiting.push_back((index, generation));
            return Some(Step::Text { index, text });
        }
        self.usage.completion += generation.tokens();
        let finish = generation.finish().cloned().unwrap_or(Finish::End);
        Some(Step::Finished { index, finish })
    }
}

/// A run and the events that are yet to be sent.
struct Telling<D> {
    run: Option<Run>,
    dialect: D,
    queue: VecDeque<Event>,
    begun: bool,
}

impl<D: Dialect> Telling<D> {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some((Ok(event), self));
            }
            let run = self.run.as_mut()?;
            if std::mem::replace(&mut self.begun, true) {
                // Also without a pace: what is written so far goes out before the next token.
                if run.pace.is_zero() {
                    tokio::task::yield_now().await;
                } else {
                    tokio::time::sleep(run.pace).await;
                }
            }
            if let Some(step) = run.next() {
                self.queue.extend(self.dialect.tell(step, run.usage));
            } else {
                self.queue.extend(self.dialect.close(run.usage));
                self.run = None;
            }
        }
    }
}

/// An event whose data is JSON.
pub(crate) fn event(data: &serde_json::Value) -> Event {
    Event::default().data(data.to_string())
}

//! How subjects have behaved in the last minute, and where they came from: what brakes stand on.
//!
//! In memory and bounded: so many subjects, so many prompts and places of each. Each process sees
//! what passes through it. After a restart nobody has a past.

use crate::Behaviour;
use portcullis_types::{Timestamp, Ttl};
use quick_cache::sync::Cache;
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Subjects that are remembered.
const SUBJECTS: usize = 16_384;
/// Different prompts of one subject that are told apart; from here on the count stands still.
const PROMPTS: usize = 4_096;
/// Places of one subject that are remembered.
const PLACES: usize = 32;
/// The window in seconds, and the parts by which it moves on.
const WINDOW: i64 = 60;
const PART: i64 = 5;
const PARTS: usize = 12;
/// For how long a place that was first seen counts as new.
const NEW_FOR: Ttl = Ttl::seconds(24 * 3600);

/// A bounded window over the behaviour of many subjects. Shared by all threads.
pub struct Recent {
    hasher: RandomState,
    subjects: Cache<u64, Arc<Mutex<Past>>>,
}

/// One request of a subject.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sighting<'a> {
    /// Where it came from.
    pub ip: Option<IpAddr>,
    /// The country of that address, if it is known.
    pub country: Option<&'a str>,
    /// What it asked a model, by a hash.
    pub prompt: Option<u64>,
}

#[derive(Default)]
struct Past {
    requests: Window,
    refusals: Window,
    /// When each prompt was last seen, in seconds.
    prompts: HashMap<u64, i64>,
    addresses: Places,
    countries: Places,
}

/// Counts by parts of the window; each part knows which it is.
#[derive(Default)]
struct Window([(i64, u64); PARTS]);

/// Where somebody came from, and since when.
#[derive(Default)]
struct Places(Vec<(u64, Timestamp)>);

impl Default for Recent {
    fn default() -> Self {
        Self { hasher: RandomState::new(), subjects: Cache::new(SUBJECTS) }
    }
}

impl Recent {
    /// How long it takes until what is counted may be less.
    pub const STEP: Ttl = Ttl::seconds(5);

    /// Counts a request of `subject` and says how it has behaved of late, this request included.
    pub fn saw<'a>(
        &self,
        subject: impl Hash,
        sighting: &Sighting<'a>,
        now: Timestamp,
    ) -> Behaviour<'a> {
        let past = self.past(subject);
        let mut past = past.lock().unwrap_or_else(PoisonError::into_inner);
        past.requests.add(now);
        if let Some(prompt) = sighting.prompt {
            past.prompted(prompt, now);
        }
        let address = sighting.ip.map(|ip| self.hasher.hash_one(ip));
        let country = sighting.country.map(|country| self.hasher.hash_one(country));
        Behaviour {
            requests_per_minute: past.requests.count(now),
            distinct_prompts: past.distinct(now),
            refusals: past.refusals.count(now),
            new_ip: address.is_some_and(|place| past.addresses.is_new(place, now)),
            new_country: country.is_some_and(|place| past.countries.is_new(place, now)),
            country: sighting.country.map(Into::into),
        }
    }

    /// Counts a request of `subject` that was refused.
    pub fn refused(&self, subject: impl Hash, now: Timestamp) {
        let past = self.past(subject);
        past.lock().unwrap_or_else(PoisonError::into_inner).refusals.add(now);
    }

    /// How a prompt is told from others; of no use to anybody without this process.
    pub fn hash(&self, prompt: &[u8]) -> u64 {
        self.hasher.hash_one(prompt)
    }

    fn past(&self, subject: impl Hash) -> Arc<Mutex<Past>> {
        let key = self.hasher.hash_one(subject);
        if let Some(past) = self.subjects.get(&key) {
            return past;
        }
        // Two threads that meet somebody for the first time may each count for itself, once.
        let past = Arc::<Mutex<Past>>::default();
        self.subjects.insert(key, Arc::clone(&past));
        past
    }
}

impl Past {
    fn prompted(&mut self, prompt: u64, now: Timestamp) {
        let now = now.seconds();
        if self.prompts.len() >= PROMPTS {
            self.forget(now);
        }
        if self.prompts.len() < PROMPTS || self.prompts.contains_key(&prompt) {
            self.prompts.insert(prompt, now);
        }
    }

    fn distinct(&mut self, now: Timestamp) -> u64 {
        if !self.prompts.is_empty() {
            self.forget(now.seconds());
        }
        self.prompts.len() as u64
    }

    fn forget(&mut self, now: i64) {
        self.prompts.retain(|_, seen| now - *seen < WINDOW);
    }
}

impl Window {
    fn add(&mut self, now: Timestamp) {
        let part = now.seconds() / PART;
        let place = usize::try_from(part.rem_euclid(WINDOW / PART)).unwrap_or_default();
        if let Some((of, count)) = self.0.get_mut(place) {
            *count = if *of == part { count.saturating_add(1) } else { 1 };
            *of = part;
        }
    }

    fn count(&self, now: Timestamp) -> u64 {
        let part = now.seconds() / PART;
        let lately = |of: i64| (part - of).unsigned_abs() < PARTS as u64;
        self.0.iter().filter(|(of, _)| lately(*of)).map(|(_, count)| count).sum()
    }
}

impl Places {
    /// The first place of all is new to nobody: there is nothing to tell it from. Any other counts as
    /// new for a day, so that whoever has stolen a token does not make a place known by asking twice.
    fn is_new(&mut self, place: u64, now: Timestamp) -> bool {
        let first = self.0.is_empty();
        if let Some((_, since)) = self.0.iter().find(|(known, _)| *known == place) {
            return since.plus(NEW_FOR) > now;
        }
        if self.0.len() >= PLACES {
            // The youngest goes: many new places are no reason to forget an old one.
            self.0.pop();
        }
        // The epoch: known for as long as anything is.
        let since = if first { Timestamp::from_seconds(0) } else { now };
        self.0.push((place, since));
        !first
    }
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recent").field("subjects", &self.subjects.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn from(ip: [u8; 4], country: &str) -> Sighting<'_> {
        Sighting { ip: Some(ip.into()), country: Some(country), prompt: None }
    }

    #[test]
    fn the_last_minute_counts_and_nothing_before() {
        let recent = Recent::default();
        for second in 0..120 {
            recent.saw("a", &Sighting::default(), at(second));
        }
        let seen = recent.saw("a", &Sighting::default(), at(119));
        assert!((56..=61).contains(&seen.requests_per_minute), "{seen:?}");
        assert_eq!(recent.saw("a", &Sighting::default(), at(600)).requests_per_minute, 1);
        assert_eq!(recent.saw("b", &Sighting::default(), at(119)).requests_per_minute, 1);
    }

    #[test]
    fn a_prompt_counts_once_and_for_a_minute() {
        let recent = Recent::default();
        let ask = |prompt, second| {
            let sighting = Sighting { prompt: Some(prompt), ..Sighting::default() };
            recent.saw("a", &sighting, at(second)).distinct_prompts
        };
        assert_eq!((ask(1, 0), ask(1, 1), ask(2, 2)), (1, 1, 2));
        assert_eq!(ask(3, 61), 2, "the first was last asked a minute ago");
        let many = (10..20_000).map(|prompt| ask(prompt, 200)).max();
        assert_eq!(many, Some(PROMPTS as u64), "bounded");
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute() {
        let recent = Recent::default();
        recent.refused("a", at(0));
        assert_eq!(recent.saw("a", &Sighting::default(), at(1)).refusals, 1);
        assert_eq!(recent.saw("a", &Sighting::default(), at(100)).refusals, 0);
    }

    #[test]
    fn a_place_is_new_for_a_day_unless_it_was_the_first() {
        let recent = Recent::default();
        let seen = recent.saw("a", &from([192, 0, 2, 1], "DE"), at(0));
        assert!(!seen.new_ip && !seen.new_country);
        let seen = recent.saw("a", &from([192, 0, 2, 2], "DE"), at(1));
        assert!(seen.new_ip && !seen.new_country);
        let again = recent.saw("a", &from([192, 0, 2, 2], "KP"), at(2));
        assert!(again.new_ip && again.new_country, "asking twice makes nothing known");
        assert_eq!(again.country.as_deref(), Some("KP"));
        let later = recent.saw("a", &from([192, 0, 2, 2], "KP"), at(2 + 24 * 3600));
        assert!(!later.new_ip && !later.new_country);
    }

    #[test]
    fn many_new_places_do_not_make_an_old_one_new() {
        let recent = Recent::default();
        recent.saw("a", &from([192, 0, 2, 1], "DE"), at(0));
        for n in 2..200 {
            assert!(recent.saw("a", &from([192, 0, 2, n], "DE"), at(1)).new_ip);
        }
        assert!(!recent.saw("a", &from([192, 0, 2, 1], "DE"), at(2)).new_ip);
    }
}

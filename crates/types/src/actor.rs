//! Who acts for whom: `act` and `may_act` (RFC 8693 §4.1, §4.4).
//!
//! Only the outermost actor decides what may be done; the others tell how it came about. A chain only grows
//! at its outer end, and holds at most four.

use crate::strict::Strict;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeSeed as _, ser::SerializeMap,
};
use serde_json::{Map, Value};
use std::fmt;

/// The claims that say who somebody is; whatever else an actor holds might be taken for a right.
const CLAIMS: [&str; 4] = ["sub", "iss", "client_id", "sub_profile"];
const LONGEST_SUB: usize = 255;
const LONGEST_NAME: usize = 512;

/// Who acts, and for whom they were called by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    who: Identity,
    act: Option<Box<Self>>,
}

/// Who may act for the subject of a token. Absent claims do not matter; at least `sub` or `client_id` is there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MayAct(Identity);

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Identity {
    sub: Option<Box<str>>,
    iss: Option<Box<str>>,
    client_id: Option<Box<str>>,
    sub_profile: Option<Box<str>>,
}

/// Why somebody may not act for somebody else.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ActorFault {
    /// `may_act` of the subject token names somebody else.
    NotNamed { may_act: Box<MayAct>, found: Box<Actor> },
    /// More actors in a row than a token may tell.
    TooDeep { limit: usize },
    /// `act` or `may_act` is not read; `claim` is where.
    Malformed { claim: String, problem: String },
    /// The actor token was itself given to somebody who acts for somebody else.
    Delegated { sub: String },
}

impl Actor {
    /// The most actors in a row.
    pub const MAX_DEPTH: usize = 4;

    /// Somebody who acts, called by nobody before.
    pub fn new(sub: &str) -> Result<Self, ActorFault> {
        let sub = Some(checked("act", "sub", sub)?);
        Ok(Self { who: Identity { sub, ..Identity::default() }, act: None })
    }

    /// With the issuer that vouches for `sub`.
    pub fn of_issuer(mut self, iss: &str) -> Result<Self, ActorFault> {
        self.who.iss = Some(checked("act", "iss", iss)?);
        Ok(self)
    }

    /// With the client that it is.
    pub fn as_client(mut self, client_id: &str) -> Result<Self, ActorFault> {
        self.who.client_id = Some(checked("act", "client_id", client_id)?);
        Ok(self)
    }

    /// With what it is: an agent, a service.
    pub fn with_profile(mut self, sub_profile: &str) -> Result<Self, ActorFault> {
        self.who.sub_profile = Some(checked("act", "sub_profile", sub_profile)?);
        Ok(self)
    }

    /// Reads the claim `act`. Walks inwards only as far as a chain may go, whatever lies beneath.
    pub fn of(value: &Value) -> Result<Self, ActorFault> {
        let mut chain = Vec::with_capacity(Self::MAX_DEPTH);
        let mut next = Some(value);
        while let Some(value) = next {
            if chain.len() == Self::MAX_DEPTH {
                return Err(ActorFault::TooDeep { limit: Self::MAX_DEPTH });
            }
            let members = object("act", value)?;
            let who = Identity::of("act", members.iter().filter(|(name, _)| *name != "act"))?;
            if who.sub.is_none() {
                return Err(malformed("act", "sub is missing"));
            }
            chain.push(who);
            next = members.get("act");
        }
        let nested = chain
            .into_iter()
            .rev()
            .fold(None, |act, who| Some(Self { who, act: act.map(Box::new) }));
        nested.ok_or_else(|| malformed("act", "no actor"))
    }

    /// Reads `act` from text. The depth is bounded while it is read.
    pub fn parse(text: &str) -> Result<Self, ActorFault> {
        let value = Strict { depth: Self::MAX_DEPTH + 1 }.read(text);
        Self::of(&value.map_err(|problem| malformed("act", &problem))?)
    }

    /// As it reads elsewhere: who names no issuer in a chain from another server was known there, at `home`.
    #[must_use]
    pub fn at_home(self, home: &str) -> Self {
        let Self { mut who, act } = self;
        who.iss.get_or_insert_with(|| home.into());
        Self { who, act: act.map(|act| Box::new(act.at_home(home))) }
    }

    /// `new` acts from now on, for whom `prior` acted before: the prior chain is kept whole, oldest innermost
    /// (RFC 8693 §4.1). Refused if that is too long, or if `new` brings a chain of its own, which would have to
    /// be cut.
    pub fn on_behalf(new: Self, prior: Option<Self>) -> Result<Self, ActorFault> {
        if new.act.is_some() {
            return Err(ActorFault::Delegated { sub: new.sub().to_owned() });
        }
        if prior.as_ref().is_some_and(|prior| prior.depth() >= Self::MAX_DEPTH) {
            return Err(ActorFault::TooDeep { limit: Self::MAX_DEPTH });
        }
        Ok(Self { who: new.who, act: prior.map(Box::new) })
    }

    /// Who it is, at its issuer.
    pub fn sub(&self) -> &str {
        self.who.sub.as_deref().unwrap_or_default()
    }

    /// The issuer that vouches for `sub`; `None`: that of the token.
    pub fn iss(&self) -> Option<&str> {
        self.who.iss.as_deref()
    }

    /// The client that it is.
    pub fn client_id(&self) -> Option<&str> {
        self.who.client_id.as_deref()
    }

    /// What it is: an agent, a service.
    pub fn sub_profile(&self) -> Option<&str> {
        self.who.sub_profile.as_deref()
    }

    /// By whom it was called, who acted before. For the record alone: it decides nothing.
    pub fn prior(&self) -> Option<&Self> {
        self.act.as_deref()
    }

    /// It and all before it, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |actor| actor.prior())
    }

    /// How many act, one for the other.
    pub fn depth(&self) -> usize {
        self.chain().count()
    }

    /// Whether it is `prior` itself, or somebody called by it: no actor was taken away.
    pub fn continues(&self, prior: &Self) -> bool {
        self.chain().any(|actor| actor == prior)
    }
}

impl MayAct {
    /// Reads the claim `may_act`. A claim that is not known might narrow it, so it is refused.
    pub fn of(value: &Value) -> Result<Self, ActorFault> {
        let who = Identity::of("may_act", object("may_act", value)?.iter())?;
        if who.sub.is_none() && who.client_id.is_none() {
            return Err(malformed("may_act", "neither sub nor client_id"));
        }
        Ok(Self(who))
    }

    /// Whether it names `actor`: every claim that it has is the actor's. Where either says no `iss`, that is
    /// `home`, the issuer of the token that holds it: one name at two issuers is not one actor.
    pub fn names(&self, actor: &Actor, home: &str) -> bool {
        let issuer = |who: &Identity| who.iss.as_deref().unwrap_or(home).to_owned();
        let same = |wanted: &Option<Box<str>>, found: &Option<Box<str>>| {
            wanted.is_none() || wanted == found
        };
        let (wanted, found) = (&self.0, &actor.who);
        let by_sub =
            wanted.sub.is_none() || wanted.sub == found.sub && issuer(wanted) == issuer(found);
        by_sub
            && (wanted.iss.is_none() || issuer(wanted) == issuer(found))
            && same(&wanted.client_id, &found.client_id)
            && same(&wanted.sub_profile, &found.sub_profile)
    }

    /// Refuses an actor whom it does not name.
    pub fn allows(&self, actor: &Actor, home: &str) -> Result<(), ActorFault> {
        if self.names(actor, home) {
            return Ok(());
        }
        let found = Actor { who: actor.who.clone(), act: None };
        Err(ActorFault::NotNamed { may_act: Box::new(self.clone()), found: Box::new(found) })
    }
}

impl Identity {
    fn of<'v>(
        claim: &str,
        members: impl Iterator<Item = (&'v String, &'v Value)>,
    ) -> Result<Self, ActorFault> {
        let mut who = Self::default();
        for (name, value) in members {
            let Some(text) = value.as_str().filter(|_| CLAIMS.contains(&name.as_str())) else {
                let name = crate::scope::excerpt(name);
                let problem = format!("{name} is none of {}, as text", CLAIMS.join(", "));
                return Err(malformed(claim, &problem));
            };
            let text = Some(checked(claim, name, text)?);
            match name.as_str() {
                "sub" => who.sub = text,
                "iss" => who.iss = text,
                "client_id" => who.client_id = text,
                _ => who.sub_profile = text,
            }
        }
        Ok(who)
    }

    fn members(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = [&self.sub, &self.iss, &self.client_id, &self.sub_profile];
        CLAIMS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// OpenID Connect Core §2: a `sub` is at most 255 ASCII characters.
fn checked(claim: &str, name: &str, text: &str) -> Result<Box<str>, ActorFault> {
    let limit = if name == "sub" { LONGEST_SUB } else { LONGEST_NAME };
    let fits = (1..=limit).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if fits {
        return Ok(text.into());
    }
    Err(malformed(claim, &format!("{name} must be 1 to {limit} printable ASCII characters")))
}

fn object<'v>(claim: &str, value: &'v Value) -> Result<&'v Map<String, Value>, ActorFault> {
    value.as_object().ok_or_else(|| malformed(claim, "not a JSON object"))
}

#[cold]
fn malformed(claim: &str, problem: &str) -> ActorFault {
    ActorFault::Malformed { claim: claim.to_owned(), problem: problem.to_owned() }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.members().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {value}")?;
        }
        Ok(())
    }
}

/// The outermost actor alone.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.who.fmt(f)
    }
}

impl fmt::Display for MayAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Actor({}", self.who)?;
        self.act.iter().try_for_each(|act| write!(f, ", for {act:?}"))?;
        f.write_str(")")
    }
}

impl fmt::Debug for MayAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MayAct({})", self.0)
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        let mut object = sink.serialize_map(None)?;
        self.who.members().try_for_each(|(name, value)| object.serialize_entry(name, value))?;
        if let Some(act) = &self.act {
            object.serialize_entry("act", act)?;
        }
        object.end()
    }
}

impl Serialize for MayAct {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_map(self.0.members())
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let value = Strict { depth: Self::MAX_DEPTH }.deserialize(source)?;
        Self::of(&value).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for MayAct {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let value = Strict { depth: 1 }.deserialize(source)?;
        Self::of(&value).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ActorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected: {}", self.found(), self.expected())
    }
}

impl std::error::Error for ActorFault {}

impl ActorFault {
    /// What would have passed.
    pub fn expected(&self) -> String {
        match self {
            Self::NotNamed { may_act, .. } => format!("an actor with {may_act}"),
            Self::TooDeep { limit } => format!("at most {limit} actors in a row"),
            Self::Malformed { claim, .. } => {
                format!("{claim} with {} alone", CLAIMS.join(", "))
            }
            Self::Delegated { .. } => "an actor_token of the actor itself".into(),
        }
    }

    /// What was there instead.
    pub fn found(&self) -> String {
        match self {
            Self::NotNamed { found, .. } => found.to_string(),
            Self::TooDeep { .. } => "more of them".into(),
            Self::Malformed { problem, .. } => problem.clone(),
            Self::Delegated { sub } => format!("{sub}, who acts for somebody else"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOME: &str = "https://idp.example";

    fn actor(sub: &str) -> Actor {
        Actor::new(sub).unwrap()
    }

    fn nested(depth: usize) -> String {
        let open = r#"{"sub":"a","act":"#.repeat(depth - 1);
        format!(r#"{open}{{"sub":"a"}}{}"#, "}".repeat(depth - 1))
    }

    #[test]
    fn a_chain_grows_at_its_outer_end() {
        let first = actor("svc").of_issuer(HOME).unwrap().as_client("cli").unwrap();
        let second =
            Actor::on_behalf(actor("agent").with_profile("ai_agent").unwrap(), Some(first.clone()));
        let second = second.unwrap();
        assert_eq!(second.sub(), "agent");
        assert_eq!(second.prior(), Some(&first));
        assert!(second.continues(&first) && !first.continues(&second));
        let text = serde_json::to_string(&second).unwrap();
        let plain = r#"{"sub":"agent","sub_profile":"ai_agent","act":{"sub":"svc","iss":"https://idp.example","client_id":"cli"}}"#;
        assert_eq!(text, plain);
        assert_eq!(serde_json::from_str::<Actor>(&text).unwrap(), second);
        assert_eq!(Actor::parse(&text), Ok(second.clone()));
        let brings = Actor::on_behalf(second, Some(first));
        assert!(matches!(brings, Err(ActorFault::Delegated { .. })));
    }

    #[test]
    fn a_chain_holds_four() {
        let mut chain = actor("a");
        for _ in 1..Actor::MAX_DEPTH {
            chain = Actor::on_behalf(actor("a"), Some(chain)).unwrap();
        }
        assert_eq!(chain.depth(), 4);
        let fifth = Actor::on_behalf(actor("a"), Some(chain));
        assert_eq!(fifth, Err(ActorFault::TooDeep { limit: 4 }));
        assert_eq!(Actor::parse(&nested(4)).unwrap().depth(), 4);
        assert_eq!(Actor::parse(&nested(5)), Err(ActorFault::TooDeep { limit: 4 }));
        assert!(serde_json::from_str::<Actor>(&nested(4)).is_ok());
        assert!(serde_json::from_str::<Actor>(&nested(5)).is_err());
    }

    #[test]
    fn a_bomb_of_actors_is_not_walked() {
        let bomb = nested(100_000);
        let fault = Actor::parse(&bomb).unwrap_err();
        assert!(
            matches!(fault, ActorFault::Malformed { ref problem, .. } if problem.contains("too deep"))
        );
        assert!(serde_json::from_str::<Actor>(&bomb).is_err());
        assert!(Actor::parse(&format!(r#"{{"sub":{}"#, "[".repeat(100_000))).is_err());
        let deep = serde_json::from_str(&nested(60)).unwrap();
        assert_eq!(Actor::of(&deep), Err(ActorFault::TooDeep { limit: 4 }));
    }

    #[test]
    fn an_actor_is_who_somebody_is_and_nothing_more() {
        for bad in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"iss": HOME}),
            json!({"sub": 1}),
            json!({"sub": ""}),
            json!({"sub": "a", "exp": 1}),
            json!({"sub": "a", "scope": "model:list"}),
            json!({"sub": "\u{430}"}),
            json!({"sub": "a".repeat(256)}),
            json!({"sub": "a", "act": null}),
            json!({"sub": "a", "act": [{"sub": "b"}]}),
            json!({"sub": "a", "aud": "b"}),
        ] {
            assert!(matches!(Actor::of(&bad), Err(ActorFault::Malformed { .. })), "{bad}");
        }
        assert!(Actor::parse(r#"{"sub":"a","sub":"b"}"#).is_err());
    }

    #[test]
    fn may_act_names_one_actor_at_one_issuer() {
        let may = |value| MayAct::of(&value).unwrap();
        let ours =
            actor("cli_1").of_issuer("https://id.example").unwrap().as_client("cli_1").unwrap();
        assert!(may(json!({"sub": "cli_1", "iss": "https://id.example"})).names(&ours, HOME));
        assert!(may(json!({"client_id": "cli_1"})).names(&ours, HOME));
        // Attack: the partner's own user is called as our client is.
        assert!(!may(json!({"sub": "cli_1"})).names(&ours, HOME));
        assert!(!may(json!({"sub": "cli_1", "iss": HOME})).names(&ours, HOME));
        assert!(!may(json!({"client_id": "cli_1", "sub": "x"})).names(&ours, HOME));
        assert!(!may(json!({"client_id": "cli_1", "iss": HOME})).names(&ours, HOME));
        assert!(!may(json!({"client_id": "cli_2"})).names(&ours, HOME));
        assert!(may(json!({"sub": "bob"})).names(&actor("bob"), HOME));
        for bad in [json!({}), json!({"iss": HOME}), json!({"sub": "a", "aud": "x"}), json!("a")] {
            assert!(MayAct::of(&bad).is_err(), "{bad}");
        }
        let refused = may(json!({"sub": "bob"})).allows(&ours, HOME).unwrap_err();
        assert!(refused.expected().contains("sub bob"), "{refused}");
        let kept = serde_json::to_string(&refused).unwrap();
        assert_eq!(serde_json::from_str::<ActorFault>(&kept).unwrap(), refused);
    }
}

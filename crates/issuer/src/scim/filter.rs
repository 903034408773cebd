//! Filters (RFC 7644 §3.4.2.2): parsed into a tree and asked of each resource in memory. Nothing of a filter ever
//! becomes part of a statement.

use super::error::{Kind, ScimError};
use serde_json::Value;

const LONGEST: usize = 4096;
const DEEPEST: usize = 16;

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    /// `path pr`
    Present(Path),
    /// `path op value`
    Compare(Path, Operator, Value),
    /// `path[filter]`: one value for which all of it holds.
    Values(Path, Box<Filter>),
}

/// `name` or `name.sub`, in lower case, without the URN of its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) name: String,
    pub(super) sub: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, ScimError> {
        let refuse = |problem: String| ScimError::new(Kind::Filter, problem);
        if text.len() > LONGEST {
            return Err(refuse("the filter is longer than 4096 bytes".into()));
        }
        let mut parser = Parser { rest: text, depth: 0 };
        let filter = parser.any().map_err(refuse)?;
        match parser.rest.trim_start() {
            "" => Ok(filter),
            rest => Err(refuse(format!("'{}' is too much", portcullis_directory::excerpt(rest)))),
        }
    }

    /// Whether it holds for a resource.
    pub(super) fn holds(&self, resource: &Value) -> bool {
        match self {
            Self::And(a, b) => a.holds(resource) && b.holds(resource),
            Self::Or(a, b) => a.holds(resource) || b.holds(resource),
            Self::Not(filter) => !filter.holds(resource),
            Self::Present(path) => path.values(resource).iter().any(|value| match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(list) => !list.is_empty(),
                _ => true,
            }),
            Self::Compare(path, Operator::NotEqual, wanted) => !path
                .values(resource)
                .iter()
                .any(|value| path.compare(value, Operator::Equal, wanted)),
            Self::Compare(path, operator, wanted) => {
                path.values(resource).iter().any(|value| path.compare(value, *operator, wanted))
            }
            Self::Values(path, filter) => {
                path.values(resource).iter().any(|value| filter.holds(value))
            }
        }
    }

    /// The text that an attribute must equal for the filter to hold, if it says so: an index can be asked.
    pub(super) fn must_equal(&self, name: &str, sub: Option<&str>) -> Option<&str> {
        match self {
            Self::And(a, b) => a.must_equal(name, sub).or_else(|| b.must_equal(name, sub)),
            Self::Compare(path, Operator::Equal, Value::String(text)) => {
                let whole = path.sub.is_none() && sub == Some("value");
                let meant = path.name == name && (path.sub.as_deref() == sub || whole);
                meant.then_some(text)
            }
            Self::Values(path, filter) if path.name == name => filter.must_equal(sub?, None),
            _ => None,
        }
    }

    /// Whether it asks for that attribute.
    pub(super) fn mentions(&self, name: &str) -> bool {
        match self {
            Self::And(a, b) | Self::Or(a, b) => a.mentions(name) || b.mentions(name),
            Self::Not(filter) => filter.mentions(name),
            Self::Present(path) | Self::Compare(path, ..) | Self::Values(path, _) => {
                path.name == name
            }
        }
    }
}

impl Path {
    /// Reads a path; what stands before its last colon is the URN of a schema.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.rsplit(':').next()?;
        let (name, sub) = match text.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (text, None),
        };
        let word = |word: &str| {
            let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
            (!word.is_empty() && word.chars().all(safe)).then(|| word.to_ascii_lowercase())
        };
        let sub = match sub {
            Some(sub) => Some(word(sub)?),
            None => None,
        };
        Some(Self { name: word(name)?, sub })
    }

    /// Every value at this path; of a list, each of its members.
    fn values<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let each = |value: &'v Value| match value {
            Value::Array(list) => list.iter().collect(),
            other => vec![other],
        };
        let found = super::json::get(resource, &self.name).map(each).unwrap_or_default();
        match &self.sub {
            None => found,
            Some(sub) => {
                found.into_iter().filter_map(|value| super::json::get(value, sub)).collect()
            }
        }
    }

    fn compare(&self, found: &Value, operator: Operator, wanted: &Value) -> bool {
        // A list of objects compared as a whole means their values (RFC 7644 §3.4.2.2).
        let found = match found {
            Value::Object(_) => super::json::get(found, "value").unwrap_or(found),
            other => other,
        };
        match (found, wanted) {
            (Value::String(found), Value::String(wanted)) => {
                if matches!(self.name.as_str(), "id" | "externalid") {
                    operator.of_texts(found, wanted)
                } else {
                    operator.of_texts(&found.to_lowercase(), &wanted.to_lowercase())
                }
            }
            (Value::Bool(_), _) => {
                operator == Operator::Equal && super::json::flag(wanted) == found.as_bool()
            }
            (Value::Number(found), Value::Number(wanted)) => {
                found.as_f64().partial_cmp(&wanted.as_f64()).is_some_and(|order| operator.of(order))
            }
            _ => false,
        }
    }
}

impl Operator {
    const ALL: [(&str, Self); 9] = [
        ("eq", Self::Equal),
        ("ne", Self::NotEqual),
        ("co", Self::Contains),
        ("sw", Self::StartsWith),
        ("ew", Self::EndsWith),
        ("gt", Self::Greater),
        ("ge", Self::GreaterOrEqual),
        ("lt", Self::Less),
        ("le", Self::LessOrEqual),
    ];

    fn of_texts(self, found: &str, wanted: &str) -> bool {
        match self {
            Self::Contains => found.contains(wanted),
            Self::StartsWith => found.starts_with(wanted),
            Self::EndsWith => found.ends_with(wanted),
            _ => self.of(found.cmp(wanted)),
        }
    }

    fn of(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Contains | Self::StartsWith | Self::EndsWith => false,
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn any(&mut self) -> Result<Filter, String> {
        let mut filter = self.all()?;
        while self.word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.all()?));
        }
        Ok(filter)
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut filter = self.one()?;
        while self.word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
        Ok(filter)
    }

    fn one(&mut self) -> Result<Filter, String> {
        if self.word("not") {
            // RFC 7644 §3.4.2.2: in brackets, so that nobody doubts what is denied.
            if !self.mark('(') {
                return Err("expected '(' after not".into());
            }
            return Ok(Filter::Not(Box::new(self.within(')')?)));
        }
        if self.mark('(') {
            return self.within(')');
        }
        let path = self.path()?;
        if self.mark('[') {
            let filter = self.within(']')?;
            // `emails[type eq "work"].value eq "…"`, as Entra ID asks: of that very value.
            let whole = if self.mark('.') {
                Filter::And(Box::new(filter), Box::new(self.comparison()?))
            } else {
                filter
            };
            return Ok(Filter::Values(path, Box::new(whole)));
        }
        self.compared(path)
    }

    fn comparison(&mut self) -> Result<Filter, String> {
        let path = self.path()?;
        self.compared(path)
    }

    fn path(&mut self) -> Result<Path, String> {
        let path = self.take(|c| c.is_ascii_alphanumeric() || "_-$.:/".contains(c));
        Path::parse(path).ok_or_else(|| {
            format!("expected an attribute at '{}'", portcullis_directory::excerpt(self.rest))
        })
    }

    fn compared(&mut self, path: Path) -> Result<Filter, String> {
        let operator = self.take(|c| c.is_ascii_alphabetic()).to_ascii_lowercase();
        if operator == "pr" {
            return Ok(Filter::Present(path));
        }
        let known = Operator::ALL.into_iter().find(|(name, _)| *name == operator);
        let (_, operator) = known.ok_or_else(|| {
            format!("expected pr, eq, ne, co, sw, ew, gt, ge, lt or le after {}", path.name)
        })?;
        Ok(Filter::Compare(path, operator, self.value()?))
    }

    fn within(&mut self, end: char) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the filter is nested too deep".into());
        }
        let filter = self.any()?;
        self.depth -= 1;
        if self.mark(end) { Ok(filter) } else { Err(format!("'{end}' is missing")) }
    }

    /// A JSON value: its own parser says where it ends.
    fn value(&mut self) -> Result<Value, String> {
        let text = self.rest.trim_start();
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let Some(Ok(value @ (Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Null))) =
            values.next()
        else {
            return Err("expected a text in double quotes, a number, true, false or null".into());
        };
        let end = values.byte_offset();
        self.rest = text.get(end..).unwrap_or_default();
        Ok(value)
    }

    /// Takes a word of the language, if it comes next.
    fn word(&mut self, word: &str) -> bool {
        let text = self.rest.trim_start();
        let Some((head, rest)) = text.split_at_checked(word.len()) else { return false };
        let ends = rest.chars().next().is_none_or(|c| c == ' ' || c == '(');
        let found = head.eq_ignore_ascii_case(word) && ends;
        if found {
            self.rest = rest;
        }
        found
    }

    fn mark(&mut self, mark: char) -> bool {
        match self.rest.trim_start().strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, inside: impl Fn(char) -> bool) -> &'t str {
        let text = self.rest.trim_start();
        let end = text.find(|c| !inside(c)).unwrap_or(text.len());
        let (taken, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(filter: &str) -> bool {
        let resource = json!({
            "id": "usr_1", "userName": "Alice@Example.com", "externalId": "A1", "active": true,
            "name": { "familyName": "O'Malley \"x\"" }, "title": "",
            "emails": [
                { "type": "work", "value": "a@work.example" }, { "type": "home", "value": "a@home.example" },
            ],
            "meta": { "lastModified": "2027-01-15T08:00:00Z" },
        });
        Filter::parse(filter).unwrap_or_else(|fault| panic!("{filter}: {fault:?}")).holds(&resource)
    }

    #[test]
    fn filters_hold_as_the_rfc_says() {
        for yes in [
            r#"userName eq "alice@example.COM""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "alice""#,
            r#"name.familyName co "O'Malley""#,
            r#"name.familyName eq "O'Malley \"x\"""#,
            r#"externalId eq "A1" and active eq true"#,
            r#"active eq "True""#,
            r#"emails.value ew "@home.example""#,
            r#"emails eq "a@work.example""#,
            r#"emails[type eq "work" and value co "@work"]"#,
            r#"emails[type eq "work"].value eq "A@work.example""#,
            r#"not (userName eq "bob") and (title pr or emails pr)"#,
            r#"meta.lastModified gt "2027-01-01T00:00:00Z""#,
            r#"USERNAME EQ "alice@example.com" OR id eq "x""#,
            r#"nickName ne "x""#,
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            r#"externalId eq "a1""#,
            r#"emails[type eq "work" and value co "@home"]"#,
            r#"emails[type eq "work"].value eq "a@home.example""#,
            "title pr",
            "nothing pr",
            r#"userName eq "x" or userName eq "y""#,
            r#"userName eq "alice@example.com" and active eq false"#,
            "userName gt 5",
        ] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}a pr{}", "(".repeat(20), ")".repeat(20));
        let long = format!("userName eq \"{}\"", "x".repeat(5000));
        for bad in [
            "",
            "userName",
            "userName eq",
            "userName eq bob",
            "userName is \"bob\"",
            "userName eq \"bob",
            "userName eq \"bob\" or",
            "userName eq \"bob\" userName",
            "userName eq \"bob\"; DROP TABLE person",
            "userName eq \"bob\" OR '1'='1'",
            "(userName pr",
            "emails[type pr",
            "emails[type pr].",
            "emails[type pr].(value pr)",
            "name..x pr",
            "userName eq {}",
            &deep,
            &long,
        ] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_index_is_asked_only_where_the_filter_demands_equality() {
        let must = |filter: &str| {
            let filter = Filter::parse(filter).unwrap();
            filter.must_equal("username", None).map(str::to_owned)
        };
        assert_eq!(must(r#"userName eq "a""#).as_deref(), Some("a"));
        assert_eq!(must(r#"active eq true and userName eq "a""#).as_deref(), Some("a"));
        assert_eq!(must(r#"active eq true or userName eq "a""#), None);
        assert_eq!(must(r#"not (userName eq "a")"#), None);
        assert_eq!(must(r#"userName sw "a""#), None);
        let mail = Filter::parse(r#"emails[type eq "work"].value eq "a@b""#).unwrap();
        assert_eq!(mail.must_equal("emails", Some("value")), Some("a@b"));
    }
}

//! A connection that is kept, and what comes over it: as much of HTTP/1.1 as a load needs.

use crate::trouble::{Outcome, Trouble};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// One connection to a server on this machine.
pub(super) struct Connection(BufReader<TcpStream>);

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: String,
    /// Name and value of each that is set.
    pub(super) cookies: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Connection {
    pub(super) fn open(port: u16) -> Outcome<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request written out in full, and reads all of its answer.
    pub(super) fn ask(&mut self, request: &str) -> Outcome<Answer> {
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut answer =
            Answer { status: number(self.line()?.split(' ').nth(1))?, ..Answer::default() };
        let mut length = 0;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match (name.to_ascii_lowercase().as_str(), value.trim()) {
                ("content-length", value) => length = number(Some(value))?,
                ("location", value) => value.clone_into(&mut answer.location),
                ("set-cookie", value) => answer.cookies.extend(cookie(value)),
                ("transfer-encoding", _) => return Err(Trouble::new("an answer in chunks")),
                _ => {}
            }
        }
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    /// Without its end; empty where the head ends.
    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(Trouble::new("the server closed the connection"));
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

fn number<T: std::str::FromStr>(text: Option<&str>) -> Outcome<T> {
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| Trouble::new("what came back is not HTTP"))
}

fn cookie(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split(';').next()?.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A member of a JSON object that is a string.
    pub(super) fn member(&self, name: &str) -> Outcome<String> {
        let json: serde_json::Value = serde_json::from_slice(&self.body)?;
        let member = json.get(name).and_then(serde_json::Value::as_str);
        member
            .map(str::to_owned)
            .ok_or_else(|| Trouble::new(format!("no {name} in {}", self.text())))
    }

    /// The value of a hidden field of a page.
    pub(super) fn field(&self, name: &str) -> Outcome<String> {
        between(&self.text(), &format!("name=\"{name}\" value=\""), '"')
            .ok_or_else(|| Trouble::new(format!("no field {name} in {}", self.text())))
    }

    /// The code in the address that it leads to.
    pub(super) fn code(&self) -> Option<String> {
        between(&self.location, "code=", '&')
    }
}

fn between(text: &str, mark: &str, end: char) -> Option<String> {
    Some(text.split_once(mark)?.1.split(end).next()?.to_owned())
}

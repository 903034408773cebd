//! Messages for MCP servers: JSON-RPC 2.0.

use super::{Members, Message, name, unnamed};
use portcullis_jose::json;
use portcullis_types::BodyFault;
use serde_json::{Map, Value};

const WATCHED: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS: &[&str] = &["name", "arguments"];

impl Message {
    pub(super) fn read(body: &[u8]) -> Result<Self, BodyFault> {
        let members = Members::read(body, &[WATCHED])?;
        if members.get("jsonrpc") != Some("\"2.0\"") {
            return Err(unnamed("jsonrpc", "\"2.0\""));
        }
        if members.get("method").is_none()
            && (members.get("result").is_some() || members.get("error").is_some())
        {
            return Ok(Self::Answer);
        }
        let method = name(&members, "method")?;
        if method != "tools/call" {
            return Ok(Self::Other(method));
        }
        let params = members.get("params").unwrap_or_default().as_bytes();
        let tool = name(&Members::read(params, &[PARAMS])?, "name")?;
        // Once more, and strictly to the bottom: limits on arguments are held against what is found.
        let mut params = json::object(params).map_err(|fault| match fault {
            json::JsonFault::Duplicate { .. } => {
                BodyFault::Ambiguous { problem: fault.to_string() }
            }
            _ => BodyFault::NotJson { problem: fault.to_string() },
        })?;
        let arguments = match params.remove("arguments") {
            Some(Value::Object(arguments)) => arguments,
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(unnamed("arguments", "an object")),
        };
        Ok(Self::Call { tool, arguments })
    }
}

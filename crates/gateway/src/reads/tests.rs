use super::*;
use bytes::Bytes;
use http::HeaderValue;

fn headers(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

fn at(reads: &Reads, path: &str, body: &str) -> Result<Asked, BodyFault> {
    let headers = headers("application/json");
    Asked::read(reads, (&headers, path), body.as_bytes()).map(Option::unwrap)
}

fn chat(body: &str) -> Result<Prompt, BodyFault> {
    match at(&Reads::OpenAi, "/v1/chat/completions", body)? {
        Asked::Model(prompt) => Ok(prompt),
        Asked::Message(_) => panic!(),
    }
}

fn call(body: &str) -> Result<Message, BodyFault> {
    match at(&Reads::Mcp { server: "github".into() }, "/mcp", body)? {
        Asked::Message(message) => Ok(message),
        Asked::Model(_) => panic!(),
    }
}

fn limited(reads: &Reads, path: &str, body: &str, most: u64) -> Option<serde_json::Value> {
    let Asked::Model(prompt) = at(reads, path, body).unwrap() else { panic!() };
    let changed = prompt.limited(&Bytes::from(body.to_owned()), most).unwrap();
    changed.map(|changed| serde_json::from_slice(&changed).unwrap())
}

#[test]
fn the_model_is_read_however_it_is_written() {
    for body in [
        r#"{"model":"small"}"#,
        " {\n\"messages\":[{\"role\":\"user\",\"content\":\"{\\\"model\\\":\\\"large\\\"}\"}] , \"model\" : \"small\" }\n",
        r#"{"\u006dodel":"sm\u0061ll"}"#,
        r#"{"model":"small","stream":false,"temperature":1e2,"tools":[{"x":{"model":"large"}}]}"#,
    ] {
        assert_eq!(chat(body).unwrap().model, "small", "{body}");
    }
    assert!(chat(r#"{"model":"small","stream":true}"#).unwrap().streams);
}

#[test]
fn what_two_readers_read_differently_is_refused() {
    for body in [
        r#"{"model":"small","model":"large"}"#,
        r#"{"model":"small","\u006dodel":"large"}"#,
        r#"{"model":"small","Model":"large"}"#,
        r#"{"model":"small","MODEL":"large"}"#,
        r#"{"model":"small","messages":[],"meſſages":[]}"#,
        r#"{"model":"small","max_tokens":1,"maxTokens":9}"#,
        r#"{"model":"small","max_toKens":9}"#,
        r#"{"model":"small","Max_Tokens":9}"#,
        r#"{"model":"small","models":["large"]}"#,
        r#"{"model":"small","fallbacks":[{"model":"large"}]}"#,
    ] {
        let fault = chat(body).unwrap_err();
        assert!(matches!(fault, BodyFault::Ambiguous { .. }), "{body}: {fault:?}");
    }
}

#[test]
fn what_names_no_model_goes_nowhere() {
    for body in [
        "{}",
        r#"{"model":null}"#,
        r#"{"model":""}"#,
        r#"{"model":7}"#,
        r#"{"model":["small"]}"#,
        r#"{"model":{"name":"small"}}"#,
        r#"{"model":"small","stream":"true"}"#,
    ] {
        assert!(matches!(chat(body), Err(BodyFault::Unnamed { .. })), "{body}");
    }
    let long = format!(r#"{{"model":"{}"}}"#, "x".repeat(257));
    assert!(chat(&long).is_err());
}

#[test]
fn what_is_no_json_object_is_refused() {
    for body in [
        "",
        "model=large",
        "\u{feff}{\"model\":\"small\"}",
        r#"{"model":"small"} {"model":"large"}"#,
        r#"{"model":"small","x":NaN}"#,
        r#"{"model":"small",}"#,
        "{'model':'small'}",
        r#"{"model":"small"/*,"model":"large"*/}"#,
        "\"small\"",
        "{\"model\":\"sm\nall\"}",
    ] {
        assert!(chat(body).is_err(), "{body}");
    }
    assert_eq!(chat("[{\"model\":\"small\"}]").unwrap_err(), BodyFault::Batch);
    let headers = headers("application/json");
    let raw = b"{\"model\":\"small\",\"x\":\"\xff\"}";
    assert!(Asked::read(&Reads::OpenAi, (&headers, "/"), raw).is_err());
    let deep = format!("{{\"model\":\"small\",\"x\":{}", "[".repeat(1_000_000));
    assert!(chat(&deep).is_err(), "refused, and no stack is used up");
}

#[test]
fn only_what_is_said_to_be_json_is_read_as_such() {
    let body = br#"{"model":"small","x":"&model=large&y="}"#;
    let with = |headers: HeaderMap| Asked::read(&Reads::OpenAi, (&headers, "/"), body).is_ok();
    for good in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        assert!(with(headers(good)), "{good}");
    }
    for bad in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json; charset=utf-16",
        "application/json, application/x-www-form-urlencoded",
        "application/jsonl",
    ] {
        assert!(!with(headers(bad)), "{bad}");
    }
    assert!(!with(HeaderMap::new()));
    let mut twice = headers("application/json");
    twice.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    assert!(!with(twice));
    let mut packed = headers("application/json");
    packed.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert!(!with(packed));
}

#[test]
fn answers_are_no_longer_than_allowed() {
    let openai = |path: &str, body: &str| limited(&Reads::OpenAi, path, body, 100);
    let chat = "/v1/chat/completions";
    let short = r#"{"model":"m","messages":[],"max_tokens":100}"#;
    assert_eq!(openai(chat, short), None, "as it is");
    let long = r#"{"model":"m","messages":[],"max_tokens": 101 ,"max_completion_tokens":7}"#;
    let changed = openai(chat, long).unwrap();
    assert_eq!(
        (&changed["max_tokens"], &changed["max_completion_tokens"]),
        (&100.into(), &7.into())
    );
    let null = openai(chat, r#"{"model":"m","messages":[],"max_tokens":null}"#).unwrap();
    assert_eq!(null["max_tokens"], 100);
    let none = openai(chat, r#"{"model":"m","messages":["x"]}"#).unwrap();
    assert_eq!(none["max_completion_tokens"], 100);
    assert_eq!((&none["model"], &none["messages"][0]), (&"m".into(), &"x".into()));
    let elsewhere = openai(chat, r#"{"model":"m","messages":[],"n_predict":1}"#).unwrap();
    assert_eq!(elsewhere["max_completion_tokens"], 100, "in words that count there");
    let many = openai(chat, r#"{"model":"m","messages":[],"n":4,"max_tokens":90}"#).unwrap();
    assert_eq!(many["max_tokens"], 25);
    let lists = openai("/v1/completions", r#"{"model":"m","prompt":["a","b"],"n":2}"#).unwrap();
    assert_eq!(lists["max_tokens"], 25);
    let ids = openai("/v1/completions", r#"{"model":"m","prompt":[1,2,3]}"#).unwrap();
    assert_eq!(ids["max_tokens"], 100);
    let responses = openai("/v1/responses", r#"{"model":"m","input":"x"}"#).unwrap();
    assert_eq!(responses["max_output_tokens"], 100);
    assert_eq!(openai("/v1/embeddings", r#"{"model":"m","input":"x"}"#), None);
    let body = r#"{"model":"m","max_tokens":4096,"messages":[]}"#;
    let claude = limited(&Reads::Anthropic, "/v1/messages", body, 100).unwrap();
    assert_eq!(claude["max_tokens"], 100);
}

#[test]
fn no_number_that_is_none_gets_around_a_limit() {
    for value in ["-1", "\"9999\"", "1e9", "99999999999999999999999", "true", "[1]", "1.5"] {
        let body = format!(r#"{{"model":"m","messages":[],"max_tokens":{value}}}"#);
        assert!(chat(&body).is_err(), "{value}");
    }
    let body = r#"{"model":"m","messages":[],"n":1000}"#;
    let prompt = chat(body).unwrap();
    assert!(prompt.limited(&Bytes::from(body.to_owned()), 100).is_err());
}

#[test]
fn a_call_names_its_tool_and_arguments() {
    let read = call(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_issue","arguments":{"owner":"acme"}}}"#,
    );
    let Ok(Message::Call { tool, arguments }) = read else { panic!("{read:?}") };
    assert_eq!((tool.as_str(), &arguments["owner"]), ("create_issue", &"acme".into()));
    let list = call(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).unwrap();
    assert_eq!(list, Message::Other("tools/list".into()));
    assert_eq!(call(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).unwrap(), Message::Answer);
}

#[test]
fn a_call_that_reads_two_ways_is_refused() {
    for body in [
        r#"{"jsonrpc":"2.0","method":"tools/list","method":"tools/call","params":{"name":"x"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/list","Method":"tools/call","params":{"name":"x"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","Name":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"o":1,"o":2}}}"#,
        r#"[{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}]"#,
        r#"{"method":"tools/call","params":{"name":"a"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":["a"]}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
    ] {
        assert!(call(body).is_err(), "{body}");
    }
}

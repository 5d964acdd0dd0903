//! A model server that misbehaves as real ones do, from `data/model_servers.json`.
//!
//! `rules` of a case say what its server refuses, checked in order. The n-th accepted request gets the
//! n-th of its `responses`, and the last one repeats.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What one request was.
#[derive(Clone, Debug)]
pub struct Seen {
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

/// A server of one case. It ends with the process.
pub struct MockServer {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

struct Script {
    rules: Vec<Value>,
    responses: Vec<Value>,
    accepted: Mutex<usize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl MockServer {
    pub fn start(case: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let list = |name: &str| case[name].as_array().cloned().unwrap_or_default();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let script = Arc::new(Script {
            rules: list("rules"),
            responses: list("responses"),
            accepted: Mutex::default(),
            seen: seen.clone(),
        });
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let script = script.clone();
                // A client that goes away is what some cases are about.
                std::thread::spawn(move || stream.map(|stream| serve(&script, stream)));
            }
        });
        Self { address, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(script: &Script, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut served = 0;
    while let Some(request) = read_request(&mut reader)? {
        served += 1;
        script.seen.lock().unwrap().push(request.clone());
        let refusal = script
            .rules
            .iter()
            .find(|rule| is_broken(&rule["if"], &request, served));
        let response = refusal.map_or_else(
            || {
                let mut accepted = script.accepted.lock().unwrap();
                let response = &script.responses[(*accepted).min(script.responses.len() - 1)];
                *accepted += 1;
                response
            },
            |rule| &rule["response"],
        );
        if !respond(response, &stream, &mut reader)? {
            return stream.shutdown(Shutdown::Both);
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Some(Seen {
        target,
        headers,
        body,
    }))
}

fn member<'a>(body: &'a Value, path: &Value) -> Option<&'a Value> {
    let path = path.as_str().unwrap();
    path.split('.')
        .try_fold(body, |value, name| value.get(name))
}

fn is_broken(rule: &Value, request: &Seen, served: usize) -> bool {
    let body = &request.body;
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    rule.as_object()
        .unwrap()
        .iter()
        .all(|(what, wanted)| match what.as_str() {
            "body_has" => member(body, wanted).is_some(),
            "body_lacks" => member(body, wanted).is_none(),
            "body_not" => member(body, &wanted[0]).is_some_and(|value| *value != wanted[1]),
            "body_above" => {
                member(body, &wanted[0]).is_some_and(|value| value.as_f64() > wanted[1].as_f64())
            }
            "role" => messages.iter().any(|one| one["role"] == *wanted),
            "role_twice" => messages
                .windows(2)
                .any(|two| two[0]["role"] == two[1]["role"]),
            "empty_message" => messages.iter().any(|one| {
                one["role"] == *wanted && one["content"].as_str().unwrap_or("").is_empty()
            }),
            "header_lacks" => !request.headers.contains_key(wanted.as_str().unwrap()),
            "query_lacks" => !request.target.contains(wanted.as_str().unwrap()),
            "path_ends" => request.target.ends_with(wanted.as_str().unwrap()),
            "path_lacks" => !request.target.contains(wanted.as_str().unwrap()),
            "reused_connection" => served > 1,
            other => panic!("unknown rule {other}"),
        })
}

/// Whether the connection stays open.
fn respond(
    response: &Value,
    mut stream: &TcpStream,
    reader: &mut impl Read,
) -> std::io::Result<bool> {
    if response["close"] == true {
        return Ok(false);
    }
    if response["delay_ms"].is_u64() {
        // Every such delay is longer than its client waits: until the client goes, so without a clock.
        reader.read_exact(&mut [0])?;
        return Ok(false);
    }
    let status = response["status"].as_u64().unwrap_or(200);
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    let headers = response["headers"].as_object().cloned().unwrap_or_default();
    for (name, value) in &headers {
        head += &format!("{name}: {}\r\n", value.as_str().unwrap());
    }
    let mut body = response["raw"].as_str().unwrap_or("").as_bytes().to_vec();
    if let Some(hex) = response["hex"].as_str() {
        body = hex::decode(hex).unwrap();
    }
    if !response["json"].is_null() {
        body = response["json"].to_string().into_bytes();
        head += "content-type: application/json\r\n";
    }
    if response["gzip"] == true {
        body = gzip(&body);
        head += "content-encoding: gzip\r\n";
    }
    if let Some(pieces) = response["drip"].as_array() {
        stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
        for piece in pieces {
            chunk(stream, piece[1].as_str().unwrap().as_bytes())?;
        }
        chunk(stream, &body)?;
        chunk(stream, b"")?;
        return Ok(true);
    }
    stream.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes())?;
    let cut = response["cut"].as_u64().map(|cut| cut as usize);
    stream.write_all(&body[..cut.unwrap_or(body.len())])?;
    stream.flush()?;
    Ok(cut.is_none())
}

fn chunk(mut stream: &TcpStream, data: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", data.len()).as_bytes())?;
    stream.write_all(data)?;
    stream.write_all(b"\r\n")?;
    stream.flush()
}

/// A head with a file's name in it, as some servers send, a raw block, and a tail that nobody checks.
fn gzip(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255];
    bytes.extend_from_slice(b"body.json\0");
    bytes.extend(stored(data));
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

/// One block of deflate that is not compressed.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let mut bytes = vec![1];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&(!length).to_le_bytes());
    bytes.extend_from_slice(data);
    bytes
}

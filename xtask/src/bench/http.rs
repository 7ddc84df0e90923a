//! A small HTTP client, for single requests to servers on this machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);

/// A response, whose body is text.
pub struct Response {
    pub status: u16,
    headers: String,
    pub body: String,
}

impl Response {
    /// Returns the values of a header, whose name is in lower case.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.headers.lines().filter_map(|line| line.split_once(':'));
        pairs.filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("the body of a response with status {} is not JSON", self.status))
    }
}

/// Sends GET, with headers such as `X-API-Key: …`.
pub fn get(address: SocketAddr, path: &str, headers: &[String]) -> Result<Response> {
    send(address, &format!("GET {path}"), headers, "")
}

/// Submits a form as a page of this server would.
pub fn post_form(address: SocketAddr, path: &str, body: &str) -> Result<Response> {
    let headers = [
        "Content-Type: application/x-www-form-urlencoded".to_owned(),
        "Sec-Fetch-Site: same-origin".to_owned(),
        format!("Content-Length: {}", body.len()),
    ];
    send(address, &format!("POST {path}"), &headers, body)
}

fn send(address: SocketAddr, line: &str, headers: &[String], body: &str) -> Result<Response> {
    let mut text = format!("{line} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).context("no connection")?;
    stream.set_read_timeout(Some(LIMIT)).context("the time limit could not be set")?;
    stream.write_all(format!("{text}\r\n{body}").as_bytes()).context("the request could not be sent")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("the response could not be read")?;
    parse(&String::from_utf8_lossy(&answer)).with_context(|| format!("{line} got no valid response"))
}

fn parse(text: &str) -> Option<Response> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, headers) = head.split_once("\r\n")?;
    let status = first.split(' ').nth(1)?.parse().ok()?;
    Some(Response { status, headers: headers.to_owned(), body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn response_is_parsed() {
        let response = super::parse("HTTP/1.0 200 OK\r\nA: 1\r\na: 2\r\nB: 3\r\n\r\n{}").unwrap();
        assert_eq!((response.status, response.body.as_str()), (200, "{}"));
        assert_eq!(response.headers("a").collect::<Vec<_>>(), ["1", "2"]);
        assert!(super::parse("nonsense").is_none());
    }
}

//! The servers that Reef is compared with. They read the same tables, and must give the same answers.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http;
use super::options::Server;
use super::process::{Process, free_address};
use super::programs::Programs;
use super::site::Site;
use crate::project;
use crate::run::command;

/// The servers, in the order in which they are measured.
pub const ALL: [Server; 3] = [Server::Bare, Server::Hono, Server::FastApi];

/// Starts a server on the database of `site`.
pub fn start(programs: &Programs, server: Server, site: &Site) -> Result<Process> {
    let address = free_address()?;
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let url = &site.database_url;
    let mut command = match server {
        Server::Bare => command(&programs.bare, &[&address.to_string(), url]),
        Server::Hono => {
            let mut node = command(&programs.node, &["server.mjs", &port, url]);
            node.current_dir(project::root().join("bench/hono")).env("NODE_ENV", "production");
            node
        }
        Server::FastApi => {
            let options = ["--no-access-log", "--log-level", "warning"];
            let place = ["-m", "uvicorn", "app:app", "--host", &host, "--port", &port];
            let mut uvicorn = command(&programs.python, &[&place[..], &options].concat());
            uvicorn.current_dir(project::root().join("bench/fastapi")).env("DATABASE_URL", url);
            uvicorn
        }
        Server::Reef | Server::Baseline => bail!("{} is not compared with itself", server.name()),
    };
    let mut process = Process::start(server.name(), &mut command, address, site.folder.path())?;
    let status = Answers::status_path(site);
    process.wait_until_ready(&status, &headers(site))?;
    Ok(process)
}

/// The headers of all requests to the API. Reef ignores the user's id, and the others ignore the key.
pub fn headers(site: &Site) -> Vec<String> {
    vec![format!("X-API-Key: {}", site.key), format!("X-User-Id: {}", site.user)]
}

/// What a server answers for one assistant and for the list.
#[derive(PartialEq, Eq)]
pub struct Answers {
    status: Value,
    list: Value,
}

impl Answers {
    fn status_path(site: &Site) -> String {
        format!("/api/v1/assistants/{}/status", site.assistants[0])
    }

    /// Requests both from a running server.
    pub fn get(address: SocketAddr, site: &Site) -> Result<Self> {
        let get = |path: &str| {
            let response = http::get(address, path, &headers(site))?;
            if response.status != 200 {
                bail!("GET {path} returned {}: {}", response.status, response.body);
            }
            response.json()
        };
        Ok(Self { status: get(&Self::status_path(site))?, list: get("/api/v1/assistants?limit=100")? })
    }

    /// A server that answers less than Reef does less work.
    pub fn require_same(&self, other: &Self, server: Server) -> Result<()> {
        if self.status != other.status {
            bail!("{} answers a status with {} instead of {}", server.name(), other.status, self.status);
        }
        let list = |answers: &Self| answers.list["data"].as_array().cloned().context("a list has no data");
        let (own, others) = (list(self)?, list(other)?);
        let differing = own.iter().zip(&others).find(|(a, b)| a != b);
        if let Some((own, other)) = differing {
            bail!("{} lists {other} instead of {own}", server.name());
        }
        if own.len() != others.len() || self.list != other.list {
            bail!("{} answers a list with {} entries instead of {}", server.name(), others.len(), own.len());
        }
        Ok(())
    }
}

//! llama.cpp's own server, from a Python package: nobody here wrote it.

use crate::eventually;
use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Names the folder of the Python that has the package; without it nothing can be started.
const FOLDER: &str = "LLM_ORACLE_LLAMA_SERVER";
/// Names the model's file.
const MODEL: &str = "LLM_ORACLE_MODEL";

/// A running server. Dropping it kills it and waits.
pub struct LlamaServer {
    child: Child,
    port: u16,
}

impl LlamaServer {
    /// Whether this machine has it.
    pub fn is_here() -> bool {
        env::var_os(FOLDER).is_some_and(|folder| !folder.is_empty())
    }

    /// Starts it. It loads its model after this has returned.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn start() -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Self::start_at(port)
    }

    /// The same at a port of an earlier one.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn start_at(port: u16) -> Self {
        let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/llama_server.py");
        let child = Command::new(folder.join("bin/python3"))
            .arg("-B")
            .arg(script)
            .arg(env::var_os(MODEL).expect("LLM_ORACLE_MODEL names the model's file"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it has loaded its model.
    ///
    /// # Panics
    /// When that does not happen in time.
    pub async fn loaded(&self) {
        eventually("a model server that has loaded its model", || async {
            (self.health().await? == 200).then_some(())
        })
        .await;
    }

    /// The status that it reports; `None` before it listens.
    async fn health(&self) -> Option<u16> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.ok()?;
        let reply = String::from_utf8_lossy(&reply).into_owned();
        reply.split(' ').nth(1)?.parse().ok()
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A server of the tests: https on a loopback address that stands for the public internet.
#![allow(dead_code, clippy::unwrap_used)]

use llm_oracle_http::{
    dns::{Addrs, Name, Resolve, Resolving},
    AddressGuard, Certificate, GuardedClient,
};
use rcgen::{generate_simple_self_signed, CertifiedKey};
use rustls::{
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    ServerConfig,
};
use std::{
    net::{IpAddr, SocketAddr, TcpListener as Listener},
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc, Mutex,
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// Stands for the public internet: the guard of the tests has opened it and nothing else.
pub const PUBLIC: &str = "127.9.9.9";
/// A name with a certificate.
pub const NAME: &str = "public.example";

/// What the server says to a request.
#[derive(Clone)]
pub enum Says {
    /// These bytes, then the end.
    Raw(Vec<u8>),
    /// These bytes, then a byte now and then, for ever.
    Drip(Vec<u8>),
}

impl Says {
    pub fn status(status: u16, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n");
        Self::Raw([head.as_bytes(), body].concat())
    }

    pub fn page(media: &str, body: &[u8]) -> Self {
        Self::status(200, &format!("Content-Type: {media}\r\n"), body)
    }

    pub fn redirect(to: &str) -> Self {
        Self::status(302, &format!("Location: {to}\r\n"), b"")
    }
}

type Script = Arc<dyn Fn(&str) -> Says + Send + Sync>;

pub struct Server {
    pub address: SocketAddr,
    pub certificate: Option<Certificate>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// A server with a certificate, by its address and by its name.
    pub async fn https(script: impl Fn(&str) -> Says + Send + Sync + 'static) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let names = [PUBLIC, NAME, "127.0.0.1"].map(str::to_owned);
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let certificate = Certificate::from_der(cert.der()).unwrap();
        Self::start(PUBLIC, Some(certificate), Some(acceptor), Arc::new(script)).await
    }

    /// A server without, for gateways.
    pub async fn http(script: impl Fn(&str) -> Says + Send + Sync + 'static) -> Self {
        Self::start("127.0.0.1", None, None, Arc::new(script)).await
    }

    async fn start(
        host: &str,
        certificate: Option<Certificate>,
        acceptor: Option<TlsAcceptor>,
        script: Script,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script, count) = (acceptor.clone(), script.clone(), count.clone());
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                talk(stream, &script, &count).await;
                            }
                        }
                        None => talk(stream, &script, &count).await,
                    }
                });
            }
        });
        Self {
            address,
            certificate,
            requests,
        }
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// An address at it.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{path}", self.address)
    }

    /// A client that may speak to it, whose names are looked up here.
    pub fn client(&self, names: Names) -> GuardedClient {
        let guard = AddressGuard::new(vec![format!("{PUBLIC}/32").parse().unwrap()]);
        let certificates: Vec<_> = self.certificate.iter().cloned().collect();
        GuardedClient::with_system(guard, Arc::new(names), &certificates).unwrap()
    }
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &Script,
    count: &AtomicUsize,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    count.fetch_add(1, Ordering::Relaxed);
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    match script(path) {
        Says::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Says::Drip(bytes) => {
            let _ = stream.write_all(&bytes).await;
            // What the server does, not what the test waits for.
            while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// A name lookup: each look-up of any name gives the next answer, and the last one from then on.
#[derive(Default)]
pub struct Names(Mutex<Vec<Vec<SocketAddr>>>);

impl Names {
    pub fn new(answers: &[&[&str]], port: u16) -> Self {
        let parsed = answers.iter().rev().map(|answer| {
            let all = answer.iter().map(|ip| {
                let ip: IpAddr = ip.parse().unwrap();
                SocketAddr::from((ip, port))
            });
            all.collect()
        });
        Self(Mutex::new(parsed.collect()))
    }
}

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        let mut answers = self.0.lock().unwrap();
        let answer = match answers.len() {
            0 => Vec::new(),
            1 => answers[0].clone(),
            _ => answers.pop().unwrap(),
        };
        Box::pin(async move { Ok(Box::new(answer.into_iter()) as Addrs) })
    }
}

/// Whoever connects to it has been made to.
pub struct Trap(Listener);

impl Trap {
    /// At the address that is inside, on the server's port.
    pub fn new(port: u16) -> Self {
        let listener = Listener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn sprung(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }
}

//! Address of a shared database: a URL with a password, which never prints itself.

use super::tls::Tls;
use crate::StoreError;
use llm_oracle_support::credential;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};
use tokio_postgres::config::{Config, Host, SslMode};

/// Longest URL, bytes; more is a wrong file.
const URL_BYTES_MAX: u64 = 4_096;

/// Address of a PostgreSQL database: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, or the same as
/// `key=value` words. Shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// Takes the text of a URL.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Reads the URL from a file that only its owner can read.
    ///
    /// # Errors
    /// `Io`, `Exposed` when others can read it.
    pub fn from_file(path: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::PermissionsExt;
        let file = File::open(path).map_err(StoreError::io(path))?;
        // Of the opened file, so that it cannot be replaced between the check and the read.
        let metadata = file.metadata().map_err(StoreError::io(path))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & credential::forbidden_mode(path) != 0 {
            return Err(StoreError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = String::new();
        file.take(URL_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(StoreError::io(path))?;
        Ok(Self::new(text.trim()))
    }

    /// What may be shown of it: user, hosts and database.
    pub fn place(&self) -> String {
        let Ok(config) = self.parse() else {
            return "postgresql (not a URL)".to_owned();
        };
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<_> = hosts.collect();
        let user = config.get_user().unwrap_or_default();
        let database = config.get_dbname().unwrap_or(user);
        format!("postgresql://{user}:***@{}/{database}", hosts.join(","))
    }

    /// The parser's error is dropped: it may quote the password.
    fn parse(&self) -> Result<Config, StoreError> {
        let parsed = self.0.expose_secret().parse();
        parsed.map_err(|_| StoreError::BadUrl)
    }

    /// The checked address. Without TLS only addresses of this machine are accepted.
    fn config(&self, encrypted: bool) -> Result<Config, StoreError> {
        let mut config = self.parse()?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(StoreError::BadUrl);
        }
        if encrypted {
            config.ssl_mode(SslMode::Require);
            return Ok(config);
        }
        let near = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                let address = name.parse::<std::net::IpAddr>();
                name == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
        };
        let mut addresses = config.get_hostaddrs().iter();
        let all_near =
            config.get_hosts().iter().all(near) && addresses.all(|address| address.is_loopback());
        if !all_near || config.get_ssl_mode() == SslMode::Require {
            let place = self.place();
            return Err(StoreError::OpenWire { place });
        }
        Ok(config)
    }
}

/// Where the address of a shared database is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlSource {
    /// In the settings or the environment.
    Text(DatabaseUrl),
    /// In a file that only its owner can read.
    File(PathBuf),
}

/// A database on a PostgreSQL server that several replicas of the same operators share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedDatabase {
    /// Its address.
    pub url: UrlSource,
    /// Certificates (PEM) of the authorities that the server's may be from; with one, the way is
    /// encrypted and the server proves its name.
    pub ca_file: Option<PathBuf>,
    /// Time after which the leases of a silent replica expire, milliseconds.
    pub lease_ms: u32,
}

impl SharedDatabase {
    /// Default lease, milliseconds.
    pub const LEASE_MS: u32 = 20_000;
    /// Shortest lease, milliseconds: an iteration of the relayer should be shorter.
    pub const LEASE_MS_MIN: u32 = 1_000;
    /// Longest lease, milliseconds: a dead replica's requests are blocked for this time.
    pub const LEASE_MS_MAX: u32 = 600_000;

    /// What may be shown of the address.
    pub fn place(&self) -> String {
        match &self.url {
            UrlSource::Text(url) => url.place(),
            UrlSource::File(path) => format!("postgresql, see {}", path.display()),
        }
    }

    /// The checked connection options.
    pub(super) fn way(&self, reads_only: bool) -> Result<ConnectOptions, StoreError> {
        let url = match &self.url {
            UrlSource::Text(url) => url.clone(),
            UrlSource::File(path) => DatabaseUrl::from_file(path)?,
        };
        let tls = self.ca_file.as_deref().map(Tls::trusting).transpose()?;
        Ok(ConnectOptions {
            config: url.config(tls.is_some())?,
            tls,
            reads_only,
        })
    }
}

/// How connections are made.
pub(super) struct ConnectOptions {
    pub(super) config: Config,
    pub(super) tls: Option<Tls>,
    /// Read-only: the server refuses every write.
    pub(super) reads_only: bool,
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.place())
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for DatabaseUrl {}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgresql://me:canary@127.0.0.1:5432/oracle?sslmode=disable",
            "postgresql://me:canary@far.example/oracle",
            "postgresql://me:canary@:not-a-port/oracle",
            "user=me password=canary host=/run/postgresql",
            "canary",
        ] {
            let url = DatabaseUrl::new(text);
            let error = url.config(false).err().map(|error| error.to_string());
            for shown in [url.place(), format!("{url:?}"), error.unwrap_or_default()] {
                assert!(!shown.contains("canary"), "{shown}");
            }
        }
    }

    #[test]
    fn a_password_does_not_cross_a_network_in_the_open() {
        for near in [
            "postgresql://me:pw@127.0.0.1:5432/oracle",
            "postgresql://me@localhost/oracle?sslmode=disable",
            "host=/run/postgresql user=me dbname=oracle",
        ] {
            assert!(DatabaseUrl::new(near).config(false).is_ok(), "{near}");
        }
        for far in [
            "postgresql://me:pw@10.0.0.7/oracle",
            "postgresql://me:pw@localhost,far.example/oracle",
            "host=localhost hostaddr=10.0.0.7 user=me",
            "postgresql://me:pw@localhost/oracle?sslmode=require",
        ] {
            let refused = DatabaseUrl::new(far).config(false);
            assert!(matches!(refused, Err(StoreError::OpenWire { .. })), "{far}");
            let config = DatabaseUrl::new(far).config(true).unwrap();
            assert_eq!(config.get_ssl_mode(), SslMode::Require);
        }
    }

    #[test]
    fn a_file_with_it_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        std::fs::write(&path, "postgresql://me:pw@localhost/oracle\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o644);
        let refused = DatabaseUrl::from_file(&path);
        assert!(matches!(
            refused,
            Err(StoreError::Exposed { mode: 0o644, .. })
        ));
        mode(0o600);
        let url = DatabaseUrl::from_file(&path).unwrap();
        assert_eq!(url.place(), "postgresql://me:***@localhost/oracle");
    }
}

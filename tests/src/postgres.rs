//! A PostgreSQL server of a test's own, from Debian's programs, on a free port.

use crate::setting;
use std::{
    env,
    fs::{self, File},
    os::unix::{
        fs::{chown, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Where Debian keeps the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Longest start, a recovery after a crash included: one on an idle machine takes a second.
const START_WITHIN: Duration = Duration::from_secs(60);
/// Ports that are tried: another process may take one between the look and the start.
const PORTS_TRIED: usize = 5;
/// The setting that turns encryption on.
const ENCRYPTED: &str = "ssl = on";
const USER: &str = "oracle";
const PASSWORD: &str = "not a secret";

/// A running server. Dropping it stops it and waits.
pub struct Postgres {
    child: Child,
    folder: TempDir,
    port: u16,
    account: Option<(u32, u32)>,
}

impl Postgres {
    /// Makes a database and starts its server.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further settings, as `name=value`.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn start_with(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("oracle-pg-")
            .tempdir()
            .unwrap();
        let account = account();
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
        let made = program("initdb", account)
            .args(["--no-sync", "-E", "UTF8", "--locale=C", "-U", USER])
            .args(["-A", "scram-sha-256", "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {error}");
        if settings.contains(&ENCRYPTED) {
            certify(&folder.path().join("data"), account);
        }
        let config = folder.path().join("data/postgresql.conf");
        let mut text = fs::read_to_string(&config).unwrap();
        for line in settings {
            text.push_str(&format!("{line}\n"));
        }
        fs::write(&config, text).unwrap();
        for _ in 0..PORTS_TRIED {
            let port = setting::free_addresses(1)[0].port();
            let mut child = spawn(folder.path(), port, account);
            if is_ready(&mut child, folder.path()) {
                return Self {
                    child,
                    folder,
                    port,
                    account,
                };
            }
        }
        panic!("{}", setting::tail(&folder.path().join("log")));
    }

    /// A server that takes encrypted connections alone. Its authority is in [`Self::authority`].
    ///
    /// # Panics
    /// When PostgreSQL or openssl, which it depends on, is not installed.
    pub fn start_encrypted() -> Self {
        Self::start_with(&[ENCRYPTED])
    }

    /// The certificate of the authority that the server's own is from.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("data/authority.pem")
    }

    /// Its port on 127.0.0.1; the same after [`Self::restart`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address of the database.
    pub fn url(&self) -> String {
        url_at(self.port)
    }

    /// Ends the server like a crash, and starts it again: it recovers from its log.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.crash();
        self.begin();
    }

    /// Ends the server like a crash: every connection breaks, nothing is finished.
    pub fn crash(&mut self) {
        self.end("-QUIT");
    }

    /// Starts the server again after [`Self::crash`].
    ///
    /// # Panics
    /// When it does not start.
    pub fn begin(&mut self) {
        self.child = spawn(self.folder.path(), self.port, self.account);
        let ready = is_ready(&mut self.child, self.folder.path());
        assert!(ready, "{}", setting::tail(&self.folder.path().join("log")));
    }

    fn end(&mut self, signal: &str) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args([signal, &id]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end("-INT");
        if std::thread::panicking() {
            eprintln!("{}", setting::tail(&self.folder.path().join("log")));
        }
    }
}

/// Address of the database at a port, which may be a proxy's.
pub fn url_at(port: u16) -> String {
    let password = PASSWORD.replace(' ', "%20");
    format!("postgresql://{USER}:{password}@127.0.0.1:{port}/postgres")
}

/// Makes an authority and a certificate of it, where the server looks for it, and lets in nobody who
/// is not encrypted.
fn certify(data: &Path, account: Option<(u32, u32)>) {
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ];
    let run = |arguments: &[&str]| {
        let mut openssl = as_account(Path::new("openssl"), account);
        openssl.env("PATH", "/usr/bin:/bin").current_dir(data);
        let made = openssl.args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl: {error}");
    };
    let names = "subjectAltName = IP:127.0.0.1\n";
    fs::write(data.join("names"), names).unwrap();
    let authority = [
        "-keyout",
        "authority.key",
        "-out",
        "authority.pem",
        "-subj",
        "/CN=authority",
    ];
    run(&[&["req", "-x509"], &key[..], &authority].concat());
    let server = [
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
        "-subj",
        "/CN=server",
    ];
    run(&[&["req"], &key[..], &server].concat());
    let signed = [
        "-CA",
        "authority.pem",
        "-CAkey",
        "authority.key",
        "-CAcreateserial",
    ];
    let request = [
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-days",
        "2",
        "-extfile",
        "names",
    ];
    run(&[&request[..], &signed, &["-out", "server.crt"]].concat());
    let rules = "hostssl all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(data.join("pg_hba.conf"), rules).unwrap();
}

fn spawn(folder: &Path, port: u16, account: Option<(u32, u32)>) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    program("postgres", account)
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "shared_buffers=16MB", "-c", "max_connections=100"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits until the server says in its pid file that it takes connections; false when it has ended.
fn is_ready(child: &mut Child, folder: &Path) -> bool {
    let started = Instant::now();
    let id = child.id().to_string();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        // The eighth line of it is the state; the first one says whose it is.
        let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let ours = lines.next() == Some(id.as_str());
        if ours && lines.nth(6).is_some_and(|state| state.trim() == "ready") {
            return true;
        }
        assert!(
            started.elapsed() < START_WITHIN,
            "PostgreSQL does not start: {}",
            setting::tail(&folder.join("log"))
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A program of PostgreSQL, run by an account that it accepts.
fn program(name: &str, account: Option<(u32, u32)>) -> Command {
    as_account(&find(name), account)
}

fn as_account(program: &Path, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C");
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}

/// The newest of Debian's, or one on PATH.
fn find(name: &str) -> PathBuf {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| -> u32 {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.parse().ok()).unwrap_or_default()
    };
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    let path = env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .map(|version| version.join("bin"))
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("no {name} of PostgreSQL; run ./scripts/setup.sh --postgres, or install what Debian calls postgresql")
        })
}

/// PostgreSQL refuses to run as root: then the account of Debian's package, or nobody.
fn account() -> Option<(u32, u32)> {
    let mine = fs::metadata("/proc/self").unwrap();
    if std::os::unix::fs::MetadataExt::uid(&mine) != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = accounts
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let (user, group) = (fields.next()?, fields.next()?);
        Some((user.parse().ok()?, group.parse().ok()?))
    };
    let found = of("postgres").or_else(|| of("nobody"));
    Some(found.expect("an account postgres or nobody in /etc/passwd"))
}

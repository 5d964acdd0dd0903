//! The table `[peers]` of the settings, and the relayers and operators that it names.

use super::wire::OperatorId;
use llm_oracle_support::address::{parse_account, ss58, AddressError};
use reqwest::Url;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};

/// Most blocks that an operator may wait for a transmitter.
const TRANSMITTER_TIMEOUT_BLOCKS_MAX: u32 = 1_000;
/// Longest wait of a transmitter for the entries of others, milliseconds.
const BATCHING_WINDOW_MS_MAX: u64 = 60_000;

/// The table `[peers]` of the settings.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct PeersConfig {
    /// Address on which messages of peers are received: an IP address and a port, or `off`.
    pub listen: String,
    /// Whether addresses beyond this machine are allowed, here and in the peers' URLs.
    pub allow_remote: bool,
    /// Blocks that an operator waits for its transmitter before it submits its own entry.
    #[serde(alias = "carrier_blocks")]
    pub transmitter_timeout_blocks: u32,
    /// How long a transmitter waits for the entries of others, milliseconds.
    #[serde(alias = "company_ms")]
    pub batching_window_ms: u64,
    /// The known relayers.
    #[serde(rename = "relayer")]
    pub relayers: Vec<PeerConfig>,
}

/// One table `[[peers.relayer]]`.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// URL at which it listens.
    pub url: String,
    /// Its operators, all of them.
    pub operators: Vec<String>,
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self {
            listen: "off".to_owned(),
            allow_remote: false,
            transmitter_timeout_blocks: 3,
            batching_window_ms: 2_000,
            relayers: Vec::new(),
        }
    }
}

/// What is wrong with the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum PeersError {
    #[error("listen = '{0}' in [peers] is not an address; give an IP address and a port such as 127.0.0.1:9700, or off")]
    Listen(String),
    #[error("'{0}' in [peers] is beyond this machine; set allow_remote = true if that is meant")]
    Remote(String),
    #[error("listen is off and [[peers.relayer]] names relayers; set `listen` in [peers], or their entries reach nobody when this relayer is the transmitter")]
    NotListening,
    #[error("url = '{0}' in [[peers.relayer]] is not an address of a relayer; give http:// or https://, a host and a port")]
    Url(String),
    #[error("the relayer at {0} in [[peers.relayer]] has no operators; name all of them")]
    NoOperators(String),
    #[error("{0} in [[peers.relayer]] is one of this relayer's own operators; leave it out")]
    OwnOperator(String),
    #[error("{0} is named twice in [[peers.relayer]]")]
    DuplicateOperator(String),
    #[error("{key} = {value} in [peers] is out of range; give {min} to {max}")]
    Range {
        key: &'static str,
        value: u64,
        min: u64,
        max: u64,
    },
    #[error("operators in [[peers.relayer]]: {0}")]
    Address(#[from] AddressError),
    #[error("the HTTP client of [peers] cannot be set up: {0}")]
    Client(String),
}

/// A known relayer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// URL to which entries are posted.
    pub url: Url,
    /// Its operators.
    pub operators: Vec<OperatorId>,
}

/// Which operators belong to which relayer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerDirectory {
    /// This relayer's operators.
    pub own: Vec<OperatorId>,
    /// The other relayers.
    pub peers: Vec<Peer>,
}

impl PeerDirectory {
    /// The peer that an operator belongs to.
    pub fn peer_of(&self, operator: &OperatorId) -> Option<usize> {
        let mut peers = self.peers.iter();
        peers.position(|peer| peer.operators.contains(operator))
    }

    /// All operators of this relayer and its peers, ordered by account: the same list in each of them.
    pub fn known(&self) -> Vec<OperatorId> {
        let of_peers = self.peers.iter().flat_map(|peer| &peer.operators);
        let mut known: Vec<OperatorId> = self.own.iter().chain(of_peers).copied().collect();
        known.sort_unstable();
        known
    }
}

impl PeersConfig {
    /// The address to listen at; `None` when it is `off`.
    ///
    /// # Errors
    /// When it is neither, or not on this machine.
    pub fn address(&self) -> Result<Option<SocketAddr>, PeersError> {
        if self.listen == "off" {
            return Ok(None);
        }
        let address: SocketAddr = self
            .listen
            .parse()
            .map_err(|_| PeersError::Listen(self.listen.clone()))?;
        self.allowed(Some(address.ip()), &self.listen)?;
        Ok(Some(address))
    }

    /// Checks everything, with this relayer's own operators.
    ///
    /// # Errors
    /// See [`PeersError`].
    pub fn check(&self, own: &[OperatorId]) -> Result<PeerDirectory, PeersError> {
        let listens = self.address()?.is_some();
        if !listens && !self.relayers.is_empty() {
            return Err(PeersError::NotListening);
        }
        let blocks = u64::from(self.transmitter_timeout_blocks);
        in_range(
            "transmitter_timeout_blocks",
            blocks,
            1,
            TRANSMITTER_TIMEOUT_BLOCKS_MAX.into(),
        )?;
        in_range(
            "batching_window_ms",
            self.batching_window_ms,
            0,
            BATCHING_WINDOW_MS_MAX,
        )?;
        let mut directory = PeerDirectory {
            own: own.to_vec(),
            peers: Vec::new(),
        };
        for relayer in &self.relayers {
            let peer = self.peer(relayer, &directory)?;
            directory.peers.push(peer);
        }
        Ok(directory)
    }

    fn peer(&self, relayer: &PeerConfig, known: &PeerDirectory) -> Result<Peer, PeersError> {
        let url = self.url(&relayer.url)?;
        let mut operators: Vec<OperatorId> = Vec::new();
        for text in &relayer.operators {
            let account = parse_account(text)?;
            let id: &OperatorId = account.as_ref();
            if known.own.contains(id) {
                return Err(PeersError::OwnOperator(ss58(&account)));
            }
            if known.peer_of(id).is_some() || operators.contains(id) {
                return Err(PeersError::DuplicateOperator(ss58(&account)));
            }
            operators.push(*id);
        }
        if operators.is_empty() {
            return Err(PeersError::NoOperators(relayer.url.clone()));
        }
        Ok(Peer { url, operators })
    }

    fn url(&self, text: &str) -> Result<Url, PeersError> {
        let wrong = || PeersError::Url(text.to_owned());
        let url: Url = text.parse().map_err(|_| wrong())?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|_| plain).ok_or_else(wrong)?;
        // A name may lead anywhere, so only literal addresses count as this machine's.
        let address = host.trim_matches(['[', ']']).parse().ok();
        self.allowed(address, text)?;
        url.join("/entries").map_err(|_| wrong())
    }

    fn allowed(&self, address: Option<IpAddr>, text: &str) -> Result<(), PeersError> {
        if self.allow_remote || address.is_some_and(|address| address.is_loopback()) {
            return Ok(());
        }
        Err(PeersError::Remote(text.to_owned()))
    }
}

fn in_range(key: &'static str, value: u64, min: u64, max: u64) -> Result<(), PeersError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(PeersError::Range {
        key,
        value,
        min,
        max,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

    fn id(text: &str) -> OperatorId {
        *parse_account(text).unwrap().as_ref()
    }

    fn config(listen: &str, url: &str, operators: &[&str]) -> PeersConfig {
        PeersConfig {
            listen: listen.to_owned(),
            relayers: vec![PeerConfig {
                url: url.to_owned(),
                operators: operators.iter().map(|&one| one.to_owned()).collect(),
            }],
            ..PeersConfig::default()
        }
    }

    #[test]
    fn a_good_table_gives_a_directory_and_none_gives_nobody() {
        let nobody = PeersConfig::default().check(&[[1; 32]]).unwrap();
        assert_eq!((nobody.peers.len(), nobody.known()), (0, vec![[1; 32]]));
        let one = config("127.0.0.1:9700", "http://127.0.0.1:9701", &[BOB, ALICE]);
        let directory = one.check(&[[0xff; 32], [0; 32]]).unwrap();
        let url = directory.peers[0].url.as_str();
        assert_eq!(url, "http://127.0.0.1:9701/entries");
        assert_eq!(directory.peer_of(&id(ALICE)), Some(0));
        assert_eq!(directory.peer_of(&[0; 32]), None);
        let known = [[0; 32], id(BOB), id(ALICE), [0xff; 32]];
        assert_eq!(directory.known(), known);
    }

    #[test]
    fn the_old_names_of_the_settings_are_accepted() {
        let read = |keys: [(&'static str, u64); 2]| {
            let table = serde::de::value::MapDeserializer::new(keys.into_iter());
            let config: Result<_, serde::de::value::Error> = PeersConfig::deserialize(table);
            config.unwrap()
        };
        let new = read([
            ("transmitter_timeout_blocks", 7),
            ("batching_window_ms", 800),
        ]);
        assert_eq!(new.transmitter_timeout_blocks, 7);
        assert_eq!(new.batching_window_ms, 800);
        assert_eq!(read([("carrier_blocks", 7), ("company_ms", 800)]), new);
    }

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        let here = "http://127.0.0.1:9701";
        let at = "127.0.0.1:9700";
        let remote = |text: &str| PeersError::Remote(text.to_owned());
        let url = |text: &str| PeersError::Url(text.to_owned());
        for (listen, peer, operators, wrong) in [
            ("off", here, &[BOB][..], PeersError::NotListening),
            ("9700", here, &[BOB], PeersError::Listen("9700".to_owned())),
            ("0.0.0.0:9700", here, &[BOB], remote("0.0.0.0:9700")),
            (
                at,
                "http://10.0.0.1:9701",
                &[BOB],
                remote("http://10.0.0.1:9701"),
            ),
            (
                at,
                "http://localhost:1",
                &[BOB],
                remote("http://localhost:1"),
            ),
            (at, "ftp://127.0.0.1:1", &[BOB], url("ftp://127.0.0.1:1")),
            (
                at,
                "http://a:b@127.0.0.1",
                &[BOB],
                url("http://a:b@127.0.0.1"),
            ),
            (at, "nowhere", &[BOB], url("nowhere")),
            (at, here, &[], PeersError::NoOperators(here.to_owned())),
            (
                at,
                here,
                &[BOB, BOB],
                PeersError::DuplicateOperator(BOB.to_owned()),
            ),
            (
                at,
                here,
                &[ALICE],
                PeersError::OwnOperator(ALICE.to_owned()),
            ),
        ] {
            let refused = config(listen, peer, operators).check(&[id(ALICE)]);
            assert_eq!(refused.unwrap_err(), wrong);
        }
        let allowed = PeersConfig {
            allow_remote: true,
            ..config("0.0.0.0:9700", "https://relayer.example:9700", &[BOB])
        };
        assert!(allowed.check(&[id(ALICE)]).is_ok());
        for (blocks, window) in [(0, 0), (1_001, 0), (3, 60_001)] {
            let wrong = PeersConfig {
                transmitter_timeout_blocks: blocks,
                batching_window_ms: window,
                ..PeersConfig::default()
            };
            let refused = wrong.check(&[]).unwrap_err();
            assert!(matches!(refused, PeersError::Range { .. }), "{refused}");
        }
    }
}

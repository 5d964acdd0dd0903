//! The settings of sources.

use llm_oracle_http::{AddressGuard, IpNet, Url};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What stands for a digest in the address of a gateway.
pub(crate) const PLACEHOLDER: &str = "{digest}";
/// Folder of attachments in a relayer's store.
const ATTACHMENTS_FOLDER: &str = "attachments";
/// Most gateways.
const GATEWAYS_MAX: usize = 8;

/// `[sources]` of a relayer: where attachments come from, and what fetching and reading may take.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SourcesConfig {
    /// Where attachments are had by their digest, in the order of asking: addresses with `{digest}` in the place
    /// of `0x` and 64 hex digits. They are trusted with nothing: what they give must hash to the digest.
    pub gateways: Vec<String>,
    /// Folder with attachments that this relayer holds, asked before any gateway.
    pub folder: Option<PathBuf>,
    /// Networks beside the public internet that questions may lead this relayer to, such as `10.1.0.0/16`.
    /// Whoever may ask can then have everything there fetched and shown in evidence.
    pub opened_networks: Vec<String>,
    /// Time to fetch one source with all redirects and gateways, milliseconds.
    pub timeout_ms: u64,
    /// Redirects that are followed.
    pub redirects_max: u8,
    /// Most text of all sources of a question that the model is shown, bytes. A token is about four.
    pub passage_bytes_max: usize,
}

impl Default for SourcesConfig {
    fn default() -> Self {
        Self {
            gateways: Vec::new(),
            folder: None,
            opened_networks: Vec::new(),
            timeout_ms: 20_000,
            redirects_max: 5,
            passage_bytes_max: 8 * 1024,
        }
    }
}

impl SourcesConfig {
    /// The defaults of a relayer with this store: attachments are held in a folder of it.
    pub fn held_in(store: &Path) -> Self {
        let mut this = Self::default();
        this.hold_in(store);
        this
    }

    /// Holds attachments in a folder of a relayer's store, unless the settings name another one.
    pub fn hold_in(&mut self, store: &Path) {
        self.folder
            .get_or_insert_with(|| store.join(ATTACHMENTS_FOLDER));
    }

    /// Each setting by its key in the file, without the addresses of gateways, which may hold passwords.
    pub fn shown(&self) -> [(&'static str, String); 6] {
        let folder = self.folder.as_ref();
        [
            ("sources.gateways", self.gateways.len().to_string()),
            (
                "sources.folder",
                folder.map_or_else(String::new, |folder| folder.display().to_string()),
            ),
            ("sources.opened_networks", self.opened_networks.join(", ")),
            ("sources.timeout_ms", self.timeout_ms.to_string()),
            ("sources.redirects_max", self.redirects_max.to_string()),
            (
                "sources.passage_bytes_max",
                self.passage_bytes_max.to_string(),
            ),
        ]
    }

    /// Checks the settings, and gives the guard that they make.
    ///
    /// # Errors
    /// Which setting is wrong, with the remedy.
    pub fn check(&self) -> Result<AddressGuard, String> {
        if self.gateways.len() > GATEWAYS_MAX {
            let count = self.gateways.len();
            return Err(format!(
                "sources.gateways has {count}, and at most {GATEWAYS_MAX} are asked"
            ));
        }
        for gateway in &self.gateways {
            check_gateway(gateway)?;
        }
        if self.timeout_ms == 0 {
            return Err("sources.timeout_ms is 0; give milliseconds, such as 20000".to_owned());
        }
        let networks = self.opened_networks.iter().map(|network| {
            network.parse::<IpNet>().map_err(|_| {
                format!(
                    "sources.opened_networks has '{network}'; write a network such as 10.1.0.0/16"
                )
            })
        });
        Ok(AddressGuard::new(networks.collect::<Result<_, _>>()?))
    }
}

/// Its text is not repeated: it may hold a password.
fn check_gateway(gateway: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("sources.gateways has an address {why}"));
    let Ok(url) = Url::parse(gateway) else {
        return wrong("that can't be read; write https://example.com/attachments/{digest}");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("that is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("with a user or password; leave them out");
    }
    if !gateway.contains(PLACEHOLDER) {
        return wrong("without {digest}; write {digest} where the attachment's digest belongs");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_is_named_with_the_remedy() {
        let gateway = |text: &str| SourcesConfig {
            gateways: vec![text.to_owned()],
            ..SourcesConfig::default()
        };
        assert!(SourcesConfig::default().check().is_ok());
        assert!(gateway("http://127.0.0.1:9/attachments/{digest}")
            .check()
            .is_ok());
        for (config, word) in [
            (gateway("https://example.com/"), "{digest}"),
            (gateway("ftp://example.com/{digest}"), "neither"),
            (gateway("https://a:geheim@example.com/{digest}"), "password"),
            (gateway("{digest}"), "can't be read"),
            (
                SourcesConfig {
                    opened_networks: vec!["10.1".to_owned()],
                    ..SourcesConfig::default()
                },
                "'10.1'",
            ),
            (
                SourcesConfig {
                    timeout_ms: 0,
                    ..SourcesConfig::default()
                },
                "timeout_ms",
            ),
            (
                SourcesConfig {
                    gateways: vec!["https://example.com/{digest}".to_owned(); 9],
                    ..SourcesConfig::default()
                },
                "at most 8",
            ),
        ] {
            let error = config.check().err().unwrap_or_default();
            assert!(error.contains(word), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}

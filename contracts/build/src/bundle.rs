//! The metadata file and the bundle, in the form that `cargo contract` reads.

use std::{fmt::Display, fs, str::FromStr};

use contract_metadata::{Contract, ContractMetadata, Source, SourceWasm, User};
use serde_json::{json, Map, Value};

use crate::{
    code_hash, compile::HostLibrary, optimise::Optimiser, package::Package, toolchain::Core, Built,
    Error, Toolchain,
};

/// Everything that goes into the bundle beside the code.
pub(crate) struct Bundle<'a> {
    pub package: &'a Package,
    pub library: &'a HostLibrary,
    pub toolchain: &'a Toolchain,
    pub optimiser: &'a Optimiser,
}

impl Bundle<'_> {
    /// Writes both files of `built`.
    pub fn write(&self, built: &Built, code: &[u8], abi: Map<String, Value>) -> Result<(), Error> {
        let user = self.package.user().map(User::new);
        let mut metadata =
            ContractMetadata::new(self.source(code)?, self.contract()?, None, user, abi);
        let to_error = |e: serde_json::Error| self.error(e);
        let text = serde_json::to_string(&metadata).map_err(to_error)?;
        fs::write(&built.bundle, text).map_err(|e| Error::file(&built.bundle, e))?;
        metadata.remove_source_wasm_attribute();
        let text = serde_json::to_string_pretty(&metadata).map_err(to_error)?;
        fs::write(&built.metadata, text).map_err(|e| Error::file(&built.metadata, e))?;
        // As `cargo contract` reads it.
        let read = ContractMetadata::load(&built.bundle).map_err(|e| self.error(e))?;
        read.check_ink_compatibility().map_err(|e| self.error(e))
    }

    fn source(&self, code: &[u8]) -> Result<Source, Error> {
        let language = self.parse(&format!("ink! {}", self.library.ink_version))?;
        let compiler = self.parse(&format!("rustc {}", self.toolchain.release))?;
        let wasm = SourceWasm::new(code.to_vec());
        Ok(Source::new(
            Some(wasm),
            code_hash(code).into(),
            language,
            compiler,
            Some(self.build_info()),
        ))
    }

    /// What another needs to know to make the same code.
    fn build_info(&self) -> Map<String, Value> {
        let core = match self.toolchain.core {
            Core::ImmediateAbort => "source, panic=immediate-abort",
            Core::Source => "source",
            Core::Installed => "installed",
        };
        let info = json!({
            "build_mode": "Release",
            "builder": concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            "core": core,
            "rust_toolchain": format!("{}-{}", self.toolchain.release, self.toolchain.host),
            "wasm_opt": self.optimiser.version,
        });
        info.as_object().cloned().unwrap_or_default()
    }

    fn contract(&self) -> Result<Contract, Error> {
        let manifest = &self.package.manifest;
        let mut contract = Contract::builder();
        contract
            .name(&manifest.name)
            .version(self.parse(&manifest.version)?)
            .authors(&manifest.authors);
        if let Some(text) = &manifest.description {
            contract.description(text);
        }
        if let Some(url) = &manifest.documentation {
            contract.documentation(self.parse(url)?);
        }
        if let Some(url) = &manifest.repository {
            contract.repository(self.parse(url)?);
        }
        if let Some(url) = &manifest.homepage {
            contract.homepage(self.parse(url)?);
        }
        if let Some(text) = &manifest.license {
            contract.license(text);
        }
        contract.build().map_err(|e| self.error(e))
    }

    fn parse<T: FromStr>(&self, text: &str) -> Result<T, Error>
    where
        T::Err: Display,
    {
        text.parse()
            .map_err(|e| self.error(format!("'{text}': {e}")))
    }

    fn error(&self, why: impl Display) -> Error {
        Error::Bundle {
            contract: self.package.manifest.name.clone(),
            why: why.to_string(),
        }
    }
}

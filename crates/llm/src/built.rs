//! All providers of the settings, made and made again.

use super::{
    config::{build, ModelConfig, Models, ProviderConfig},
    Fallback, ModelError, Provider,
};
use std::sync::Arc;

/// Makes all providers, see [`build`].
///
/// # Errors
/// When one of them cannot be used.
pub fn build_all(models: &Models) -> Result<Arc<dyn Provider>, ModelError> {
    BuiltModels::build(models)?.provider()
}

/// Providers that were made, to be made again from other settings while they are in use.
pub struct BuiltModels {
    models: Models,
    providers: Vec<Arc<dyn Provider>>,
}

impl BuiltModels {
    /// Makes all providers, see [`build`].
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn build(models: &Models) -> Result<Self, ModelError> {
        let none = Self {
            models: Models(Vec::new()),
            providers: Vec::new(),
        };
        none.rebuild(models)
    }

    /// Makes them again, with keys as they are read now. Local models that are the same as before stay loaded.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn rebuild(&self, models: &Models) -> Result<Self, ModelError> {
        let made = models.0.iter().map(|model| match self.loaded(model) {
            Some(loaded) => Ok(loaded),
            None => build(&model.provider),
        });
        Ok(Self {
            providers: made.collect::<Result<_, ModelError>>()?,
            models: models.clone(),
        })
    }

    /// The settings that they were made from.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// All of them as one, with the limits of each.
    ///
    /// # Errors
    /// `NotConfigured` when there is none.
    pub fn provider(&self) -> Result<Arc<dyn Provider>, ModelError> {
        let limits = self.models.0.iter().map(|model| model.limits);
        let limited = self.providers.iter().cloned().zip(limits);
        Ok(Arc::new(Fallback::new(limited.collect())?))
    }

    fn loaded(&self, model: &ModelConfig) -> Option<Arc<dyn Provider>> {
        if !matches!(model.provider, ProviderConfig::Local { .. }) {
            return None;
        }
        let mut known = self.models.0.iter();
        let at = known.position(|known| known.provider == model.provider)?;
        self.providers.get(at).cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::CallLimits;
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    fn hosted(key_file: &Path) -> Models {
        let text = format!(
            "provider = 'openai'\nmodel = 'm'\napi_key_file = '{}'",
            key_file.display()
        );
        Models(vec![toml::from_str(&text).unwrap()])
    }

    #[test]
    fn keys_are_read_again_and_a_wrong_one_leaves_what_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        fs::write(&key, "sk-one").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let models = hosted(&key);
        let built = BuiltModels::build(&models).unwrap();
        assert_eq!(built.provider().unwrap().name(), "m");
        fs::write(&key, "sk-two").unwrap();
        assert!(built.rebuild(&models).is_ok());
        fs::write(&key, "").unwrap();
        let error = built.rebuild(&models).map(drop).unwrap_err().to_string();
        assert!(error.contains("holds no API key"), "{error}");
        assert_eq!(built.provider().unwrap().name(), "m");
    }

    #[test]
    fn a_local_model_stays_loaded_unless_it_is_another_one() {
        let local = |threads: u16| {
            Models(vec![ModelConfig {
                provider: ProviderConfig::Local {
                    path: "no-such.gguf".into(),
                    threads,
                    name: None,
                },
                limits: CallLimits::default(),
            }])
        };
        let scripted = crate::scripted::Scripted::from_table("s", "yes".to_owned(), [].into());
        let loaded: Arc<dyn Provider> = Arc::new(scripted);
        let built = BuiltModels {
            models: local(2),
            providers: vec![loaded.clone()],
        };
        let again = built.rebuild(&local(2)).unwrap();
        assert!(Arc::ptr_eq(&again.providers[0], &loaded));
        // It would have to be loaded, and there is no such file.
        assert!(built.rebuild(&local(3)).is_err());
        assert!(local(2).has_same_local(&local(2)) && !local(2).has_same_local(&local(3)));
    }
}

//! One setting from one origin, so that errors and `config show` can name the origin.

use figment2::{
    value::{Dict, Map, Value},
    Error, Metadata, Profile, Provider,
};

/// One key with one text. The text is not parsed: an address or a key that looks like a number stays
/// text.
pub struct SettingLayer {
    origin: String,
    key: &'static str,
    value: String,
}

impl SettingLayer {
    /// A layer with the name of its origin, such as `flag --url`.
    pub fn new(origin: String, key: &'static str, value: String) -> Self {
        Self { origin, key, value }
    }
}

impl Provider for SettingLayer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone()).interpolater(|_, keys| keys.join("."))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let dict = Dict::from([(self.key.to_owned(), Value::from(self.value.clone()))]);
        Ok(Profile::Default.collect(dict))
    }
}

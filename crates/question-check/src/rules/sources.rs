//! Several sources without an order.

use crate::{
    checker::DefectRule,
    patterns::compile,
    text::{PromptSentence, QuestionText},
    DefectKind, Finding,
};
use regex::{Error, Regex};

/// Publishers, exchanges and agencies by name.
const NAMES: &str = "reuters|ap|associated press|afp|bbc|cnn|bloomberg|(?:the )?(?:new york times|washington post|wall street journal|financial times|guardian|economist)|nyt|wsj|ft|fox news|nbc|abc|cbs|npr|espn|flashscore|sofascore|transfermarkt|coingecko|coinmarketcap|binance|coinbase|kraken|bitstamp|bitfinex|bitvavo|okx|bybit|gemini|kucoin|etherscan|blockscout|polygonscan|solscan|subscan|dune|defillama|wikipedia|usgs|emsc|nasa|esa|noaa|ecmwf|who|cdc|ecdc|imf|world bank|oecd|eurostat|ons|bls|fed|ecb|box office mojo|the numbers|imdb|rotten tomatoes|metacritic|our world in data|yahoo finance|google finance|tradingview|morningstar|twitter|truth social|reddit|github|spotify|billboard|netcraft|statista|gallup|yougov|fivethirtyeight|\\w+\\.(?:com|org|net|io|gov|eu|info)";

/// What a source is called by its kind.
const NOUNS: &str = "websites?|sites?|pages?|log|logs|registers?|registry|reports?|database|catalogue|catalog|bulletin|census|ministry|office|service|agency|authority|institute|bureau|feed|api|explorer|release|app|portal|lists?|minutes|records?|archives?|newspaper|gazette|account|channel|index|dashboard|statement|press|media|announcement|committee|association|federation";

/// Finds [`DefectKind::SourceOrder`].
pub struct SourceOrderRule {
    named: Regex,
    described: Regex,
    order: Regex,
}

impl SourceOrderRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        let article = "(?:the |its |their |his |her |a )?";
        let joined = "(?:,? (?:or|and|and/or|as well as) | / |, )";
        let cue = "(?:according to|as (?:\\w+ )?(?:by|on|in|per|from)|as per|per|based on|using|with data from|data from|from|by|on|via|source(?:s)?:?|consult(?:ing)?|check(?:ing)?)";
        let words = "(?:[\\p{L}\\d.'’-]+ ){0,4}?";
        let one = format!("{article}(?:{words}(?:{NOUNS})|(?:{NAMES}))");
        Ok(Self {
            named: compile(&format!(
                r"\b{article}(?:{NAMES})(?:{joined}{article}(?:{NAMES}))+\b"
            ))?,
            described: compile(&format!(
                r"\b{cue} {one}{joined}{one}\b|\bsources?(?: are|:) \S+(?: \S+){{0,3}}?{joined}\S+\b"
            ))?,
            order: compile(
                r"\b(?:in (?:this|that|the (?:given|following|listed)) order|precedence|takes? priority|prefer(?:red|ence)?|whichever is|the (?:first|former|lower|higher|average|median|mean) (?:of|source|counts|decides|is)|both (?:must|have to|agree)|must agree|average of|median of|mean of|at least two of|any (?:one )?of|first available)\b",
            )?,
        })
    }

    fn unordered(&self, text: &QuestionText<'_>, sentence: &PromptSentence) -> Vec<Finding> {
        let mut found = text.matches(&self.named, sentence);
        if found.is_empty() {
            found = text.matches(&self.described, sentence);
        }
        let suggestion =
            "name the one that counts, and then what replaces it: 'Use A; if it has no value, use B'";
        found
            .into_iter()
            .map(|range| text.finding(DefectKind::SourceOrder, range, suggestion))
            .collect()
    }
}

impl DefectRule for SourceOrderRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        if self.order.is_match(&text.context) {
            return Vec::new();
        }
        let own = text.sentences.iter();
        let mut found: Vec<_> = own.flat_map(|one| self.unordered(text, one)).collect();
        let asking = text.asking();
        if let (true, true, Some(first)) =
            (text.question.sources > 1, found.is_empty(), asking.first())
        {
            let suggestion = "add which of the sources counts when they differ: 'The first source counts; if it is silent, the second'";
            found.push(text.finding(DefectKind::SourceOrder, first.range.clone(), suggestion));
        }
        found
    }
}

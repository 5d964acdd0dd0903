//! Text that tries to command the model.

use crate::{checker::DefectRule, patterns::compile, text::QuestionText, DefectKind, Finding};
use regex::{Error, Regex};

/// Phrases that try to replace the instructions.
const COMMANDS: &[&str] = &[
    r"(?:ignore|disregard|forget|skip|override|bypass|pay no attention to|do not (?:follow|obey|heed)|don't (?:follow|obey|heed)|stop following|never mind)\s+(?:about\s+)?(?:all\s+|any\s+|everything\s+|every\s+|of\s+|the\s+|your\s+|my\s+|our\s+|these\s+|those\s+|previous\s+|prior\s+|earlier\s+|preceding\s+|above\s+|former\s+|foregoing\s+|other\s+|system\s+|safety\s+|original\s+|given\s+)*(?:instructions?|prompts?|rules|directions|guidelines|commands?|orders|constraints|context|messages?|(?:the )?above|everything|all (?:of )?(?:that|this|the above))\b",
    r"(?:you are now|from now on,? (?:you|act|answer)|act as (?:if|though|an?)\b|pretend (?:to be|that|you)|roleplay as|imagine you are|you are no longer)",
    r"(?:system|admin(?:istrator)?|developer|root)\s*(?:override|prompt:|message:|mode|command)|(?:developer|debug|god|jailbreak) mode|do anything now|\bjailbreak",
    r"(?:new|updated|revised|real|actual) (?:instructions?|system prompt|rules|task)\s*:",
    r"(?:reveal|print|repeat|show|output) (?:your|the) (?:system )?(?:prompt|instructions)",
    r"(?:do not|don't) (?:tell|mention|reveal) (?:this|that|anyone|the (?:user|judge|operator))",
    r"note to (?:the )?(?:ai|model|assistant|llm|judge|operators?|grader|reviewer)\b|(?:dear|attention|hey),? (?:ai|model|assistant|llm|chatgpt|claude|gpt)\b|as an ai (?:language )?model",
];

/// Marks of roles and turns in the templates of models.
const MARKS: &[&str] = &[
    r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|user|instructions?|s)>|(?:^|[\s(])\[/?(?:system|assistant|user)\]|<(?:start|end)_of_turn>",
    r"(?m)^\s*(?:#{1,4}\s*)(?:system|assistant|instructions?|new instructions?|response)\s*:?|#{2,4}\s*(?:new |system )?(?:instructions?|prompt|response)\s*:",
    r"(?m)^\s*(?:system|assistant|human)\s*:\s",
    r"<!--|\{\{.*\}\}",
];

/// Finds [`DefectKind::Injection`].
pub struct InjectionRule {
    command: Regex,
    mark: Regex,
    mention: Regex,
}

impl InjectionRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            command: compile(&format!(r"(?:^|\b)(?:{})", COMMANDS.join("|")))?,
            mark: compile(&MARKS.join("|"))?,
            mention: compile(
                r#"\b(?:words?|phrase|text|string|sentence|command|expression|pattern) ["“`]$"#,
            )?,
        })
    }
}

impl DefectRule for InjectionRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        let suggestion =
            "take it out, or put the text that is judged into an attachment, which models get between marks";
        let parts = text.parts().into_iter();
        parts
            .flat_map(|(part, all)| {
                let before = |start: usize| all.get(..start).unwrap_or_default();
                let commands = self.command.find_iter(all);
                // A question about these words names them in quotation marks.
                let commands =
                    commands.filter(move |one| !self.mention.is_match(before(one.start())));
                let found = commands.chain(self.mark.find_iter(all));
                found
                    .map(move |one| {
                        let kind = DefectKind::Injection;
                        Finding::new(kind, part, all, one.range(), suggestion)
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

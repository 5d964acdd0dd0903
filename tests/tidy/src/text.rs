//! The words of a source file: in its code, its comments and its texts.

use std::{iter::Peekable, str::Chars};

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// In a name, also in one that a comment shows between backticks.
    Code,
    /// In a comment or a text.
    Prose,
}

/// What is between a word and the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gap {
    /// Nothing: both are parts of one name (`left_out`, `LeftOut`).
    Joined,
    /// White space, a comma or a hyphen, also from one line of a comment to the next.
    Spaced,
    /// Anything else.
    Apart,
}

/// A word, or a part of a name.
#[derive(Clone, Debug)]
pub struct Word {
    /// As it is written.
    pub text: String,
    /// Where it stands.
    pub kind: Kind,
    /// What is before it.
    pub gap: Gap,
    /// Its line, from 1 on.
    pub line: usize,
}

/// A name with so many parts is read as a sentence.
const SENTENCE_PARTS: usize = 6;

/// All words of a file of Rust.
pub fn words(source: &str) -> Vec<Word> {
    let mut reader = Reader {
        chars: source.chars().peekable(),
        words: Vec::new(),
        gap: Gap::Apart,
        kind: Kind::Code,
        line: 1,
    };
    while reader.code() {}
    reader.words
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    words: Vec<Word>,
    gap: Gap,
    kind: Kind,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.chars.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    /// Reads one piece of code. Returns whether there was one.
    fn code(&mut self) -> bool {
        let Some(first) = self.next() else {
            return false;
        };
        match (first, self.peek()) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.text(),
            ('r', Some('"' | '#')) => self.raw(),
            ('b' | 'c', Some('"')) => {}
            ('\'', _) => self.quote(),
            (first, _) if is_part(first) => self.name(first, Kind::Code),
            // A comment goes on in the next line.
            (first, _) if first.is_whitespace() && self.kind == Kind::Prose => {}
            _ => self.apart(),
        }
        true
    }

    fn apart(&mut self) {
        self.gap = Gap::Apart;
        self.kind = Kind::Code;
    }

    fn line_comment(&mut self) {
        let mut shown = false;
        while let Some(next) = self.peek().filter(|next| *next != '\n') {
            self.next();
            self.prose(next, &mut shown);
        }
        self.prose(' ', &mut shown);
    }

    fn block_comment(&mut self) {
        let (mut depth, mut shown) = (0, false);
        let mut before = '/';
        while let Some(next) = self.next() {
            match (before, next) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            self.prose(next, &mut shown);
            before = next;
        }
        self.apart();
    }

    fn text(&mut self) {
        self.apart();
        let mut shown = false;
        while let Some(next) = self.next() {
            match next {
                '"' => break,
                '\\' => match self.next() {
                    Some('\n') => self.prose(' ', &mut shown),
                    _ => self.gap = Gap::Apart,
                },
                next => self.prose(next, &mut shown),
            }
        }
        self.apart();
    }

    /// After `r`: a raw text, or a name that begins so.
    fn raw(&mut self) {
        let mut marks = 0;
        while self.peek() == Some('#') {
            self.next();
            marks += 1;
        }
        self.apart();
        if self.peek() != Some('"') {
            return;
        }
        self.next();
        let (mut shown, mut closing) = (false, None);
        while let Some(next) = self.next() {
            closing = match (next, closing) {
                ('"', _) => Some(0),
                ('#', Some(seen)) => Some(seen + 1),
                _ => None,
            };
            if closing == Some(marks) {
                break;
            }
            self.prose(next, &mut shown);
        }
        self.apart();
    }

    /// After `'`: a character, or a lifetime.
    fn quote(&mut self) {
        self.apart();
        let first = self.next();
        if first == Some('\\') {
            self.next();
            while self.next().is_some_and(|next| next != '\'') {}
        } else if self.peek() == Some('\'') {
            self.next();
        } else if let Some(first) = first.filter(|first| is_part(*first)) {
            self.name(first, Kind::Code);
        }
    }

    /// One character of a comment or a text. `shown` says whether it is between backticks.
    fn prose(&mut self, next: char, shown: &mut bool) {
        match next {
            '`' => {
                *shown = !*shown;
                self.gap = Gap::Apart;
            }
            next if is_part(next) => {
                let kind = if *shown { Kind::Code } else { Kind::Prose };
                self.name(next, kind);
            }
            ' ' | '\t' | '\n' | '/' | '!' | '-' | ',' if self.gap != Gap::Apart => {
                self.gap = Gap::Spaced;
            }
            ' ' | '\t' | '\n' | '/' | '!' => {}
            _ => self.gap = Gap::Apart,
        }
        self.kind = Kind::Prose;
    }

    /// Reads a name to its end and adds its parts.
    fn name(&mut self, first: char, kind: Kind) {
        if kind != self.kind {
            self.gap = Gap::Apart;
        }
        let mut name = String::from(first);
        while let Some(next) = self.peek().filter(|next| is_part(*next)) {
            self.next();
            name.push(next);
        }
        let parts = parts(&name);
        // The name of a test is a sentence.
        let (shown, joint) = match parts.len() >= SENTENCE_PARTS {
            true => (Kind::Prose, Gap::Spaced),
            false => (kind, Gap::Joined),
        };
        for text in parts {
            self.words.push(Word {
                text,
                kind: shown,
                gap: self.gap,
                line: self.line,
            });
            self.gap = joint;
        }
        // What follows a name directly is neither white space nor a part of it.
        self.gap = if kind == Kind::Prose {
            Gap::Spaced
        } else {
            Gap::Apart
        };
        self.kind = kind;
    }
}

fn is_part(next: char) -> bool {
    next.is_alphanumeric() || next == '_'
}

/// The parts of a name: between `_`, and from one capital to the next.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let chars: Vec<char> = name.chars().collect();
    for (at, next) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1);
        let rises = next.is_uppercase()
            && (before.is_some_and(char::is_lowercase)
                || before.is_some_and(char::is_uppercase)
                    && after.is_some_and(|after| after.is_lowercase()));
        if *next == '_' || rises {
            parts.push(String::new());
        }
        if *next != '_' {
            parts.last_mut().expect("it begins with one").push(*next);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[test]
fn words_of_names_comments_and_texts_are_told_apart() {
    let source = "/// Is left\n/// out, by `rest_ms`.\nfn left_out<'a>(x: LeftOut) { \"a\\nbad \\\n way\"; 'c'; r#\"raw \"one\"#; }";
    let shown: Vec<_> = words(source)
        .into_iter()
        .map(|word| format!("{} {:?} {:?} {}", word.text, word.kind, word.gap, word.line))
        .collect();
    assert_eq!(
        shown,
        [
            "Is Prose Apart 1",
            "left Prose Spaced 1",
            "out Prose Spaced 2",
            "by Prose Spaced 2",
            "rest Code Apart 2",
            "ms Code Joined 2",
            "fn Code Apart 3",
            "left Code Apart 3",
            "out Code Joined 3",
            "a Code Apart 3",
            "x Code Apart 3",
            "Left Code Apart 3",
            "Out Code Joined 3",
            "a Prose Apart 3",
            "bad Prose Apart 3",
            "way Prose Spaced 4",
            "raw Prose Apart 4",
            "one Prose Apart 4",
        ]
    );
}

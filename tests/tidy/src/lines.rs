//! The length of files.

use crate::{
    ratchet::{self, Counts, Slack},
    tree,
};

/// Folders whose files are measured.
const FOLDERS: [&str; 5] = ["crates", "contracts", "tests", "node", "relayer"];

/// A file has at most this many lines.
const LINES_MAX: usize = 400;

/// Files that are too long, each with its lines.
pub fn too_long() -> Counts {
    let files = tree::rust_files(&FOLDERS).into_iter();
    let lengths = files.map(|path| (tree::relative(&path), tree::read(&path).lines().count()));
    lengths.filter(|(_, lines)| *lines > LINES_MAX).collect()
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let remedy = "give a part of the file that can be named a file of its own; tests may move to \
                  a file beside it";
    ratchet::check("files", &too_long(), Slack::Stale, remedy, |_| {
        " lines".to_owned()
    });
}

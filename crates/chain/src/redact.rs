//! URLs of nodes, fit to be shown.

/// The URL without user, password, path and query: providers put keys into any of them.
pub fn redact(url: &str) -> String {
    let parted = url.split_once("://");
    // What precedes the first '://' of some other text may be a secret too.
    let parted = parted.filter(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
    let (scheme, rest) = parted.unwrap_or(("ws", url));
    // Clients read a backslash as a slash.
    let authority = rest.split(['/', '\\', '?', '#']).next();
    let authority = authority.unwrap_or_default();
    let after = rest.get(authority.len()..).unwrap_or_default();
    if after.contains('@') {
        // Either a path, or a password that holds such a character: show neither.
        return format!("{scheme}://***");
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn urls_are_shown_without_anything_secret() {
        for (url, shown) in [
            ("ws://127.0.0.1:9944", "ws://127.0.0.1:9944"),
            (
                "wss://user:pass@node.example:443/key?token=1",
                "wss://node.example:443",
            ),
            ("wss://node.example/v1/0123abcd", "wss://node.example"),
            ("wss://user:pa/ss@node.example", "wss://***"),
            ("wss://us@er:pa#ss@node.example", "wss://***"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}

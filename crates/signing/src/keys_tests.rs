//! Where keys come from, and what is never taken for one.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn development_keys_are_the_well_known_ones() {
    let source = KeySource {
        suri: Some("//Alice".into()),
        ..KeySource::default()
    };
    let alice = load_key(&source).unwrap();
    assert_eq!(
        llm_oracle_support::address::ss58(&crate::account_of(&alice)),
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    );
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "//Bob\n").unwrap();
    let source = KeySource {
        suri_file: Some(path.clone()),
        ..KeySource::default()
    };
    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = load_key(&source).err().unwrap();
        assert!(matches!(error, KeyError::Exposed { mode: found, .. } if found == mode));
        let text = error.to_string();
        assert!(
            text.contains(&format!("{mode:03o}")) && text.contains("chmod 600"),
            "{text}"
        );
        assert!(!text.contains("Bob"), "{text}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(load_key(&source).is_ok());
}

#[test]
fn secrets_in_the_configuration_file_are_refused() {
    let phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
    let source = KeySource {
        suri: Some(phrase.into()),
        ..KeySource::default()
    };
    let error = load_key(&source).err().unwrap();
    assert!(matches!(error, KeyError::NotADevelopmentKey));
    assert!(!error.to_string().contains("bottom"));
    assert!(matches!(
        load_key(&KeySource::default()),
        Err(KeyError::NotOneSource)
    ));
}

/// A private file with this text.
fn key_file(folder: &Path, text: &[u8]) -> PathBuf {
    let path = folder.join("operator.key");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn of_file(path: &Path) -> KeySource {
    KeySource {
        suri_file: Some(path.to_owned()),
        ..KeySource::default()
    }
}

const PHRASE: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

#[test]
fn what_is_no_key_or_more_than_one_is_never_another_key() {
    let folder = tempfile::tempdir().unwrap();
    for (text, part) in [
        ("", "is empty"),
        ("\n", "is empty"),
        (" \t \n\n", "is empty"),
        ("///caveword", "no phrase"),
        ("/soft", "no phrase"),
        ("//", "no phrase"),
        ("//Berta  # mine", "a blank (U+0020) at character 8"),
        ("//Berta \n", "a blank (U+0020) at character 8"),
        (" //Berta", "a blank (U+0020) at character 1"),
        ("//Berta\n//Bob\n", "a line break (U+000A) at character 8"),
        ("//Berta\n\n", "a line break (U+000A) at character 8"),
        ("//Berta\r", "a carriage return (U+000D) at character 8"),
        ("//Be\trta", "a tab (U+0009) at character 5"),
        ("//Berta\u{a0}", "U+00A0 at character 8"),
        ("//Ber\u{200b}ta", "U+200B at character 6"),
        ("\u{feff}//Berta", "U+FEFF at character 1"),
        ("//Berta///cave ", "a blank (U+0020) at character 15"),
        ("//Berta///cave # mine", "a blank (U+0020) at character 15"),
        ("//Berta///ca\nve", "a line break (U+000A) at character 13"),
    ] {
        let path = key_file(folder.path(), text.as_bytes());
        let refused = load_key(&of_file(&path))
            .err()
            .map(|error| error.to_string());
        let refused = refused.unwrap_or_else(|| panic!("{text:?} is a key"));
        assert!(refused.contains(part), "{text:?}: {refused}");
        assert!(
            !refused.contains("Ber") && !refused.contains("cave"),
            "{refused}"
        );
    }
    for (text, at) in [
        (format!("{PHRASE} \n"), 76),
        (format!("{PHRASE}\n{PHRASE}\n"), 76),
        (format!("{PHRASE}//1  # cold"), 79),
    ] {
        let path = key_file(folder.path(), text.as_bytes());
        let refused = load_key(&of_file(&path)).err().unwrap().to_string();
        assert!(refused.contains(&format!("at character {at}")), "{refused}");
        assert!(!refused.contains("legal"), "{refused}");
    }
}

#[test]
fn one_line_break_at_the_end_of_a_file_is_forgiven() {
    let folder = tempfile::tempdir().unwrap();
    for uri in [
        PHRASE.to_owned(),
        format!("{PHRASE}//1/2"),
        format!("{PHRASE}///two words"),
    ] {
        let plain = load_key(&of_file(&key_file(folder.path(), uri.as_bytes()))).unwrap();
        for end in ["\n", "\r\n"] {
            let path = key_file(folder.path(), format!("{uri}{end}").as_bytes());
            let key = load_key(&of_file(&path)).unwrap();
            assert_eq!(crate::account_of(&key), crate::account_of(&plain));
        }
    }
}

/// `//Bob` as polkadot.js exports it; the password is ` two blanks `.
const KEYSTORE: &str = include_str!("../tests/spaced_password.json");

#[test]
fn a_password_is_taken_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = key_file(folder.path(), KEYSTORE.as_bytes());
    let password = folder.path().join("password");
    for (text, opens) in [
        (" two blanks ", true),
        (" two blanks \n", true),
        (" two blanks \r\n", true),
        ("two blanks", false),
        (" two blanks \n\n", false),
    ] {
        fs::write(&password, text).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        let source = KeySource {
            keystore: Some(keystore.clone()),
            password_file: Some(password.clone()),
            ..KeySource::default()
        };
        assert_eq!(load_key(&source).is_ok(), opens, "{text:?}");
    }
}

#[test]
fn a_keystore_is_told_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = key_file(folder.path(), format!("\n {KEYSTORE}").as_bytes());
    let password = folder.path().join("password");
    fs::write(&password, " two blanks \n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let without = of_file(&path);
    let refused = load_key(&without).err().unwrap();
    assert!(matches!(refused, KeyError::NoPassword { .. }), "{refused}");
    let with = KeySource {
        password_file: Some(password),
        ..without
    };
    assert!(load_key(&with).is_ok());
    // And the other way round: a phrase that the settings call a keystore.
    let phrase = key_file(folder.path(), PHRASE.as_bytes());
    let source = KeySource {
        suri_file: None,
        keystore: Some(phrase),
        ..with
    };
    let refused = load_key(&source).err().unwrap().to_string();
    assert!(
        refused.contains("suri_file") && !refused.contains("legal"),
        "{refused}"
    );
}

#[test]
fn a_signer_stands_alone_and_with_its_account() {
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let source = KeySource {
        signer: Some("signer.sock".into()),
        account: Some(alice.into()),
        ..KeySource::default()
    };
    let signer = load_signer(&source).unwrap();
    assert_eq!(llm_oracle_support::address::ss58(&signer.account()), alice);
    assert!(matches!(
        load_key(&source),
        Err(KeyError::HeldByDaemon { .. })
    ));
    for (wrong, part) in [
        (
            KeySource {
                account: None,
                ..source.clone()
            },
            "together",
        ),
        (
            KeySource {
                signer: None,
                ..source.clone()
            },
            "together",
        ),
        (
            KeySource {
                suri: Some("//Bob".into()),
                ..source.clone()
            },
            "exactly one",
        ),
        (
            KeySource {
                account: Some("5Grw".into()),
                ..source.clone()
            },
            "'5Grw'",
        ),
    ] {
        let refused = load_signer(&wrong).err().unwrap().to_string();
        assert!(refused.contains(part), "{refused}");
    }
}

//! Reading documents in the reader's process: good ones, broken ones, and those made to break a reader.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use llm_oracle_fixtures::SimRng;
use llm_oracle_sources::{
    extract::{extract, TEXT_BYTES_MAX},
    reader::{DocumentReader, ReaderError, ReaderLimits},
};
use std::{fmt::Write as _, io::Write as _, time::Instant};

fn reader() -> DocumentReader {
    DocumentReader::new(env!("CARGO_BIN_EXE_llm-oracle-reader"), &[])
}

/// A reader with little time, for what takes any.
fn short() -> DocumentReader {
    reader().with_limits(ReaderLimits {
        cpu_seconds: 1,
        ..ReaderLimits::default()
    })
}

/// A PDF with a page for each text.
fn pdf(pages: &[Vec<u8>], filter: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    let mut object = |file: &mut Vec<u8>, body: &[u8]| {
        offsets.push(file.len());
        writeln!(file, "{} 0 obj", offsets.len()).unwrap();
        file.extend_from_slice(body);
        file.extend_from_slice(b"\nendobj\n");
    };
    let kids = (0..pages.len()).fold(String::new(), |mut kids, page| {
        write!(kids, "{} 0 R ", 4 + 2 * page).unwrap();
        kids
    });
    object(&mut file, b"<</Type/Catalog/Pages 2 0 R>>");
    let tree = format!("<</Type/Pages/Count {}/Kids[{kids}]>>", pages.len());
    object(&mut file, tree.as_bytes());
    object(
        &mut file,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    );
    for (page, content) in pages.iter().enumerate() {
        let stream = 5 + 2 * page;
        let page = format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {stream} 0 R/Resources<</Font<</F 3 0 R>>>>>>"
        );
        object(&mut file, page.as_bytes());
        let head = format!("<</Length {}{filter}>>\nstream\n", content.len());
        object(
            &mut file,
            &[head.as_bytes(), content, b"\nendstream"].concat(),
        );
    }
    let table = file.len();
    write!(file, "xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).unwrap();
    for offset in &offsets {
        writeln!(file, "{offset:010} 00000 n ").unwrap();
    }
    let size = offsets.len() + 1;
    write!(
        file,
        "trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n"
    )
    .unwrap();
    file
}

fn line(text: &str) -> Vec<u8> {
    format!("BT /F 12 Tf 50 700 Td ({text}) Tj ET").into_bytes()
}

/// A zlib stream of so many bytes of zero, without ever holding them: 13 bits for each 258.
fn zeros(bytes: usize) -> Vec<u8> {
    let (mut stream, mut bits, mut count) = (vec![0x78, 0x9c], 0_u32, 0_u32);
    let mut push = |value: u32, length: u32| {
        for bit in 0..length {
            bits |= (value >> bit & 1) << count;
            count += 1;
            if count == 8 {
                stream.push(u8::try_from(bits).unwrap());
                (bits, count) = (0, 0);
            }
        }
    };
    // The last block, with the fixed codes; a zero; then runs of 258 at a distance of 1.
    push(0b011, 3);
    push(0b0000_1100, 8);
    for _ in 0..bytes / 258 {
        push(0b1010_0011, 8);
        push(0, 5);
    }
    push(0, 7 + 8);
    stream
}

async fn fails(reader: &DocumentReader, bytes: &[u8], media: &str) -> String {
    match reader.read(bytes, media).await {
        Err(ReaderError::Document(why)) => why.to_string(),
        Err(ReaderError::TooSlow(why)) => format!("too slow: {why}"),
        other => unreachable!("{media}: {other:?}"),
    }
}

fn documents() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let html = "<html><body><h1>Hall</h1><p>It is <b>blue</b>.</p></body></html>";
    vec![
        ("text/html", html.into(), "It is blue."),
        ("text/plain; charset=latin1", b"caf\xe9".to_vec(), "café"),
        (
            "application/json",
            b"{\"colour\":\"blue\"}".to_vec(),
            "\"colour\": \"blue\"",
        ),
        (
            "text/csv",
            b"hall,colour\nTown,blue\n".to_vec(),
            "Town\tblue",
        ),
        (
            "application/pdf",
            pdf(&[line("It is blue."), line("Page two")], ""),
            "It is blue.",
        ),
    ]
}

#[tokio::test]
async fn each_type_is_read_and_the_same_bytes_give_the_same_text() {
    let reader = reader();
    for (media, bytes, word) in documents() {
        let first = reader.read(&bytes, media).await.unwrap();
        assert!(first.text.contains(word), "{media}: {}", first.text);
        assert_eq!(first, reader.read(&bytes, media).await.unwrap(), "{media}");
        assert_eq!(first, extract(&bytes, media).unwrap(), "{media}");
        assert!(first.extractor.contains('/'), "{}", first.extractor);
    }
}

#[tokio::test]
async fn a_broken_document_says_what_is_wrong_with_it() {
    let reader = reader();
    let encrypted = pdf(&[line("x")], "");
    let encrypted = String::from_utf8(encrypted).unwrap();
    let encrypted = encrypted.replace("/Root 1 0 R", "/Root 1 0 R/Encrypt<</Filter/Standard>>");
    for (media, bytes, word) in [
        ("image/png", &b"\x89PNG"[..], "'image/png' is not read"),
        (
            "application/zip",
            b"PK",
            "HTML, plain text, JSON, PDF and CSV",
        ),
        ("text/plain", b" \n ", "no text"),
        ("text/plain", b"a\0b", "no text"),
        ("text/html", b"<p></p>", "no text"),
        ("application/json", b"{\"a\":", "no JSON"),
        ("application/pdf", b"%PDF-1.4\nbroken", "broken"),
        ("application/pdf", b"", "broken"),
        ("application/pdf", encrypted.as_bytes(), ""),
        ("text/plain; charset=klingon", b"a", "'klingon'"),
    ] {
        let why = fails(&reader, bytes, media).await;
        assert!(why.contains(word), "{media}: {why}");
    }
}

#[tokio::test]
async fn pages_nesting_and_length_are_bounded() {
    let reader = reader();
    let pages: Vec<_> = (0..10_000).map(|page| line(&page.to_string())).collect();
    let long = pdf(&pages, "");
    assert!(
        long.len() > 2 * 1024 * 1024,
        "a tenth of it is within the limit"
    );
    let within = pdf(&pages[..1_001], "");
    for document in [&long, &within] {
        let why = fails(&reader, document, "application/pdf").await;
        assert!(why.contains("more than 1000 pages"), "{why}");
    }
    let most = pdf(&pages[..1_000], "");
    let text = reader.read(&most, "application/pdf").await.unwrap().text;
    assert!(text.contains("999"), "the last page");
    let deep = "<div>".repeat(20_000);
    let why = fails(&reader, deep.as_bytes(), "text/html").await;
    assert!(why.contains("20000 elements"), "{why}");
    let deep = "[".repeat(100_000);
    let why = fails(&reader, deep.as_bytes(), "application/json").await;
    assert!(why.contains("no JSON"), "{why}");
    // The longest source, within the longest text.
    let most = vec![b'x'; 2 * 1024 * 1024];
    assert!(most.len() < TEXT_BYTES_MAX);
    assert_eq!(
        reader.read(&most, "text/plain").await.unwrap().text.len(),
        most.len()
    );
}

#[tokio::test]
async fn a_bomb_in_a_pdf_ends_the_readers_process_and_nothing_else() {
    let bomb = pdf(&[zeros(300 * 1024 * 1024)], "/Filter/FlateDecode");
    assert!(bomb.len() <= 2 * 1024 * 1024, "{}", bomb.len());
    let began = Instant::now();
    let why = fails(&reader(), &bomb, "application/pdf").await;
    assert!(why.contains("takes more than"), "{why}");
    let line = format!(
        "sources: a PDF of {} bytes that inflates to 300 MiB: '{why}' in {:?}\n",
        bomb.len(),
        began.elapsed()
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[tokio::test]
async fn a_document_that_takes_for_ever_is_ended() {
    // In HTML a div does not end where it begins, so this nests past the check that tags alone allow.
    let deep = "<div/>".repeat(300_000);
    let why = fails(&short(), deep.as_bytes(), "text/html").await;
    assert!(why.contains("1 s of processor time"), "{why}");
}

#[tokio::test]
async fn a_reader_that_cannot_be_started_is_no_fault_of_the_document() {
    for program in ["/nonexistent", "/bin/true"] {
        let result = DocumentReader::new(program, &[])
            .read(b"x", "text/plain")
            .await;
        assert!(matches!(result, Err(ReaderError::Process(_))), "{result:?}");
    }
    let why = fails(&DocumentReader::new("/bin/false", &[]), b"x", "text/plain").await;
    assert!(why.contains("broken"), "{why}");
}

#[tokio::test]
async fn documents_with_bytes_changed_at_random_give_a_text_or_a_reason() {
    let seed = 20;
    let (mut rng, reader) = (SimRng::new(seed), short());
    let (mut texts, mut reasons) = (0, 0);
    for (media, bytes, _) in documents() {
        for round in 0..12 {
            let mut broken = bytes.clone();
            for _ in 0..=round {
                let at = rng.index(broken.len());
                broken[at] = rng.byte();
            }
            match reader.read(&broken, media).await {
                Ok(_) => texts += 1,
                Err(ReaderError::Document(_)) => reasons += 1,
                Err(other) => unreachable!("seed {seed}, {media}, round {round}: {other}"),
            }
        }
    }
    assert_eq!(texts + reasons, 60);
    assert!(texts > 0 && reasons > 0, "{texts} {reasons}");
}

//! One table of what the other tests measure.

use crate::{arrows, circles, lines, methods, modules, tree, types, words};
use std::collections::BTreeSet;

/// Not a check: prints the table, of an older tree too (`LLM_ORACLE_TIDY_ROOT`).
#[test]
fn summary() {
    println!("| crate | lines with tests | files | files in circles | largest type |");
    println!("|---|---|---|---|---|");
    let links = circles::links();
    let methods = methods::by_type();
    let packages = tree::packages()
        .iter()
        .filter(|package| package.is_product());
    for package in packages.clone() {
        let files = tree::rust_files(&[&package.folder]);
        let count: usize = files
            .iter()
            .map(|path| tree::read(path).lines().count())
            .sum();
        let name = package.short_name();
        let in_circles: BTreeSet<_> = links
            .iter()
            .filter(|link| link.krate == name)
            .map(|link| &link.from)
            .collect();
        let prefix = format!("{name}: ");
        let largest = methods::largest(&methods)
            .into_iter()
            .find(|(key, _)| key.starts_with(&prefix));
        let largest = largest.map_or("-".to_owned(), |(key, methods)| {
            format!("{} ({})", &key[prefix.len()..], methods.count)
        });
        let (files, folder) = (files.len(), package.folder.trim_end_matches('/'));
        println!(
            "| {folder} | {count} | {files} | {} | {largest} |",
            in_circles.len()
        );
    }

    let circles_of = |is_counted: fn(&str) -> bool| -> Vec<_> {
        let crates = modules::of_product().iter();
        crates
            .filter(|krate| is_counted(&krate.name))
            .flat_map(circles::circles)
            .collect()
    };
    let (circles, checked) = (circles_of(|_| true), circles_of(circles::is_checked));
    let places = types::places();
    let doubled = types::doubled(&places);
    let words = words::counts(&words::places());
    println!("\n| measure | number |\n|---|---|");
    println!("| crates | {} |", packages.count());
    println!("| files over 400 lines | {} |", lines::too_long().len());
    println!("| type names | {} |", places.len());
    let shipped = types::doubled(&types::without_test_crates(&places));
    println!("| type names defined more than once | {} |", doubled.len());
    println!(
        "| the same without simulation and fixtures | {} |",
        shipped.len()
    );
    let files = |circles: &[BTreeSet<String>]| circles.iter().map(BTreeSet::len).sum::<usize>();
    println!("| circles of files | {} |", circles.len());
    println!("| files in circles | {} |", files(&circles));
    println!(
        "| circles in cli, chain, llm and relayer | {} |",
        checked.len()
    );
    println!("| files in these | {} |", files(&checked));
    println!("| imports within circles | {} |", links.len());
    println!(
        "| words of the old dialect | {} |",
        words.values().sum::<usize>()
    );
    println!(
        "| arrows that the design does not have | {} |",
        arrows::forbidden(tree::packages()).len()
    );
    println!("\n| type | methods | files |\n|---|---|---|");
    for (name, methods) in methods::largest(&methods).into_iter().take(10) {
        println!("| {name} | {} | {} |", methods.count, methods.files.len());
    }
}

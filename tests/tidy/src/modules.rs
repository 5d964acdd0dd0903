//! The modules of each crate outside tests: what each defines, imports and mentions.

use crate::tree;
use proc_macro2::{TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::OnceLock,
};
use syn::{
    visit::{self, Visit},
    Attribute, ImplItem, Item, Meta, UseTree, Visibility,
};

/// A library or a binary.
pub struct Krate {
    /// Of its package, without `llm-oracle-`.
    pub name: String,
    /// Its modules; the first is the root.
    pub modules: Vec<Module>,
}

/// A module without what is compiled for tests only.
#[derive(Default)]
pub struct Module {
    /// Its file, relative to the root of the tree. A module within a file has the same one.
    pub file: String,
    /// Names from the root of the crate down to it.
    pub path: Vec<String>,
    /// The module that it is declared in.
    pub parent: Option<usize>,
    /// Modules that it declares.
    pub children: BTreeMap<String, usize>,
    /// Structs, enums, unions, traits and aliases that it defines.
    pub types: BTreeSet<String>,
    /// All that it defines but modules.
    pub items: BTreeSet<String>,
    /// Its imports and exports.
    pub uses: Vec<Use>,
    /// Modules of which it imports or exports everything.
    pub globs: Vec<Vec<String>>,
    /// Every path in its code, imports within functions included.
    pub paths: BTreeSet<Vec<String>>,
    /// Its `impl` blocks without a trait: the type, and how many functions.
    pub impls: Vec<(Vec<String>, usize)>,
}

/// An import of one name.
pub struct Use {
    /// The name here.
    pub name: String,
    /// What it stands for.
    pub path: Vec<String>,
    /// Whether others see it too.
    pub is_exported: bool,
}

/// Libraries and binaries of the product.
pub fn of_product() -> &'static [Krate] {
    static KRATES: OnceLock<Vec<Krate>> = OnceLock::new();
    KRATES.get_or_init(|| {
        let packages = tree::packages()
            .iter()
            .filter(|package| package.is_product());
        let roots =
            packages.flat_map(|package| package.roots.iter().map(move |root| (package, root)));
        roots
            .map(|(package, root)| Krate::read(package.short_name(), root))
            .collect()
    })
}

impl Krate {
    fn read(name: &str, root: &Path) -> Self {
        let mut krate = Self {
            name: name.to_owned(),
            modules: Vec::new(),
        };
        let folder = root.parent().unwrap();
        krate.add_file(root, folder, None, None);
        krate
    }

    /// A crate of one file.
    pub fn parse(source: &str) -> Self {
        let mut krate = Self {
            name: String::new(),
            modules: Vec::new(),
        };
        let (file, folder) = (Path::new("lib.rs"), Path::new(""));
        let items = syn::parse_file(source).unwrap().items;
        krate.add(file, folder, None, None, &items);
        krate
    }

    /// Reads a file; its modules are in `folder`. Returns the place of its module.
    fn add_file(
        &mut self,
        file: &Path,
        folder: &Path,
        name: Option<&str>,
        parent: Option<usize>,
    ) -> usize {
        let parsed = syn::parse_file(&tree::read(file));
        let parsed = parsed.unwrap_or_else(|error| panic!("failed to parse {file:?}: {error}"));
        self.add(file, folder, name, parent, &parsed.items)
    }

    fn add(
        &mut self,
        file: &Path,
        folder: &Path,
        name: Option<&str>,
        parent: Option<usize>,
        items: &[Item],
    ) -> usize {
        let at = self.modules.len();
        let above = parent.map_or_else(Vec::new, |parent| self.modules[parent].path.clone());
        let path = above.into_iter().chain(name.map(str::to_owned)).collect();
        self.modules.push(Module {
            file: tree::relative(file),
            path,
            parent,
            ..Module::default()
        });
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let child = match &module.content {
                        Some((_, items)) => {
                            self.add(file, &folder.join(&name), Some(&name), Some(at), items)
                        }
                        None => {
                            let (path, below) = find(file, folder, &name, &module.attrs);
                            if is_test_file(&path) {
                                continue;
                            }
                            self.add_file(&path, &below, Some(&name), Some(at))
                        }
                    };
                    self.modules[at].children.insert(name, child);
                }
                other => self.modules[at].take(other),
            }
        }
        at
    }
}

/// The file of a module, and the folder of its own modules.
fn find(file: &Path, folder: &Path, name: &str, attributes: &[Attribute]) -> (PathBuf, PathBuf) {
    let given = attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
    if let Some(given) = given {
        let path = file.parent().unwrap().join(given);
        let below = path.parent().unwrap().to_owned();
        return (path, below);
    }
    let below = folder.join(name);
    let path = below.with_extension("rs");
    match path.exists() {
        true => (path, below),
        false => (below.join("mod.rs"), below),
    }
}

/// Whether a file is for tests by its name. Most are by `cfg(test)` as well.
fn is_test_file(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_string_lossy();
    stem == "tests" || stem.ends_with("_tests")
}

impl Module {
    fn take(&mut self, item: &Item) {
        let (name, is_type) = match item {
            Item::Struct(item) => (Some(&item.ident), true),
            Item::Enum(item) => (Some(&item.ident), true),
            Item::Union(item) => (Some(&item.ident), true),
            Item::Trait(item) => (Some(&item.ident), true),
            Item::Type(item) => (Some(&item.ident), true),
            Item::Fn(item) => (Some(&item.sig.ident), false),
            Item::Const(item) => (Some(&item.ident), false),
            Item::Static(item) => (Some(&item.ident), false),
            Item::Macro(item) => (item.ident.as_ref(), false),
            _ => (None, false),
        };
        if let Some(name) = name {
            self.items.insert(name.to_string());
            if is_type {
                self.types.insert(name.to_string());
            }
        }
        match item {
            Item::Use(item) => {
                let is_exported = !matches!(item.vis, Visibility::Inherited);
                self.import(&item.tree, &mut Vec::new(), is_exported);
            }
            Item::Impl(item) if item.trait_.is_none() => {
                if let syn::Type::Path(path) = &*item.self_ty {
                    let functions = item.items.iter().filter(|item| {
                        matches!(item, ImplItem::Fn(function) if !is_for_tests(&function.attrs))
                    });
                    self.impls.push((names(&path.path), functions.count()));
                }
                Mentions(self).visit_item_impl(item);
            }
            other => Mentions(self).visit_item(other),
        }
    }

    fn import(&mut self, tree: &UseTree, above: &mut Vec<String>, is_exported: bool) {
        let mut add = |name: String, path: Vec<String>| {
            self.uses.push(Use {
                name,
                path,
                is_exported,
            });
        };
        match tree {
            UseTree::Path(path) => {
                above.push(path.ident.to_string());
                self.import(&path.tree, above, is_exported);
                above.pop();
            }
            UseTree::Name(name) if name.ident == "self" => {
                add(above.last().cloned().unwrap_or_default(), above.clone());
            }
            UseTree::Name(name) => add(name.ident.to_string(), join(above, &name.ident)),
            UseTree::Rename(rename) if rename.ident == "self" => {
                add(rename.rename.to_string(), above.clone());
            }
            UseTree::Rename(rename) => add(rename.rename.to_string(), join(above, &rename.ident)),
            UseTree::Glob(_) => self.globs.push(above.clone()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, above, is_exported);
                }
            }
        }
    }
}

fn join(above: &[String], last: &syn::Ident) -> Vec<String> {
    above.iter().cloned().chain([last.to_string()]).collect()
}

fn names(path: &syn::Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect()
}

/// Collects paths, those in the arguments of macros too.
struct Mentions<'a>(&'a mut Module);

impl<'a> Visit<'a> for Mentions<'_> {
    fn visit_path(&mut self, path: &'a syn::Path) {
        self.0.paths.insert(names(path));
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let mut inner = Module::default();
        inner.import(&item.tree, &mut Vec::new(), false);
        self.0
            .paths
            .extend(inner.uses.into_iter().map(|one| one.path));
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        self.0.paths.insert(names(&called.path));
        collect_paths(called.tokens.clone(), &mut self.0.paths);
    }
}

fn collect_paths(tokens: TokenStream, paths: &mut BTreeSet<Vec<String>>) {
    let (mut path, mut colons) = (Vec::new(), 0);
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 {
                    paths.insert(std::mem::take(&mut path));
                }
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                paths.insert(std::mem::take(&mut path));
                collect_paths(group.stream(), paths);
            }
            _ => {
                paths.insert(std::mem::take(&mut path));
                colons = 0;
            }
        }
    }
    paths.insert(path);
    paths.remove(&Vec::new());
}

/// Whether attributes say that something is compiled for tests only, or for test machinery.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => wants_test(list.tokens.clone()),
        _ => false,
    })
}

/// Whether a condition names `test`, but not as `not(test)`.
fn wants_test(tokens: TokenStream) -> bool {
    let mut is_negated = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => {
            is_negated = name == "not";
            name == "test"
        }
        TokenTree::Group(group) => !is_negated && wants_test(group.stream()),
        _ => false,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

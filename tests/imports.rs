//! The layers import one way. Reads the sources; fails on a planted violation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Each layer may import itself and those to its left.
const LAYERS: &[&str] = &[
    "names",
    "secret",
    "progress",
    "hazard",
    "permission",
    "transport",
    "error",
    "cancellation",
    "context",
    "operation",
    "sql",
    "orchestrator",
    "any_operation",
];

/// Beside the layers: what these may import besides themselves.
const BESIDE: &[(&str, &[&str])] = &[
    (
        "adapter",
        &[
            "names",
            "secret",
            "progress",
            "hazard",
            "transport",
            "error",
        ],
    ),
    (
        "conformance",
        &[
            "names",
            "secret",
            "progress",
            "hazard",
            "transport",
            "error",
        ],
    ),
    (
        "simulator",
        &[
            "names",
            "secret",
            "progress",
            "hazard",
            "transport",
            "error",
        ],
    ),
];

/// Finds `crate::…` in use trees and in paths.
#[derive(Default)]
struct Imports(BTreeSet<String>);

impl Imports {
    fn tree(&mut self, tree: &syn::UseTree, prefix: &[String]) {
        match tree {
            syn::UseTree::Path(path) => {
                let mut longer = prefix.to_vec();
                longer.push(path.ident.to_string());
                self.tree(&path.tree, &longer);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(item, prefix))
            }
            syn::UseTree::Name(name) => self.path(prefix, &name.ident.to_string()),
            syn::UseTree::Rename(rename) => self.path(prefix, &rename.ident.to_string()),
            syn::UseTree::Glob(_) => self.path(prefix, "*"),
        }
    }

    fn path(&mut self, prefix: &[String], last: &str) {
        let mut segments = prefix.iter().map(String::as_str).chain([last]);
        if segments.next() == Some("crate") {
            self.0.extend(segments.next().map(str::to_owned));
        }
    }
}

impl Visit<'_> for Imports {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if let Some((last, prefix)) = segments.split_last() {
            self.path(prefix, last);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        // Tests may use anything.
        let is_test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Meta>().is_ok_and(|meta| {
                    let mut words = Words(false);
                    words.visit_meta(&meta);
                    words.0
                })
        });
        if !is_test {
            syn::visit::visit_item_mod(self, module);
        }
    }
}

/// Whether `test` occurs in a cfg.
struct Words(bool);

impl Visit<'_> for Words {
    fn visit_path(&mut self, path: &syn::Path) {
        self.0 |= path.is_ident("test");
    }

    fn visit_meta_list(&mut self, list: &syn::MetaList) {
        self.0 |= list
            .tokens
            .to_string()
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "test");
    }
}

/// What `source`, a file of the layer `layer`, may not import and does.
fn violations(layer: &str, source: &str) -> Vec<String> {
    let file = syn::parse_file(source).expect("the sources parse");
    let mut imports = Imports::default();
    imports.visit_file(&file);
    let allowed: Vec<&str> = match BESIDE.iter().find(|(name, _)| *name == layer) {
        Some((_, allowed)) => allowed.to_vec(),
        None => LAYERS
            .iter()
            .copied()
            .take_while(|name| *name != layer)
            .collect(),
    };
    let is_known = LAYERS.contains(&layer) || BESIDE.iter().any(|(name, _)| *name == layer);
    assert!(
        is_known,
        "the layer {layer} has no place in the order yet: give it one"
    );
    imports
        .0
        .into_iter()
        .filter(|import| import != layer && !allowed.contains(&import.as_str()))
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is there") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_imports_to_the_left_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 40, "only {} files were found", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).expect("it is in src");
        let first = relative
            .iter()
            .next()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        let layer = first.trim_end_matches(".rs");
        // A file of tests stands beside what it tests, under a cfg in the module's file.
        let is_test = relative
            .iter()
            .any(|part| part == "tests.rs" || part == "tests");
        if layer == "lib" || is_test {
            continue;
        }
        let source = std::fs::read_to_string(&file).expect("it can be read");
        for import in violations(layer, &source) {
            wrong.push(format!("{} imports {import}", relative.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_planted_violation_is_found() {
    for (layer, source) in [
        ("transport", "use crate::error::Error;"),
        ("names", "use crate::{names::X, sql::{self, Y}};"),
        ("sql", "fn f() { let _ = crate::simulator::new(); }"),
        ("adapter", "fn f(_: &crate::sql::Database) {}"),
        ("simulator", "mod inner { use crate::context::*; }"),
    ] {
        assert_eq!(violations(layer, source).len(), 1, "{layer}: {source}");
    }
    assert!(
        violations(
            "sql",
            "use crate::error::Error; #[cfg(test)] mod tests { use crate::simulator::X; }"
        )
        .is_empty()
    );
    assert!(
        violations(
            "sql",
            "#[cfg(all(test, unix))] mod tests { use crate::simulator::X; }"
        )
        .is_empty()
    );
}

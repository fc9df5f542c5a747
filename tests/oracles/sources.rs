//! What the library's own source says of its operations: so that none is forgotten here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The tag and the type of each operation on SQL Server, as `any_operation!` lists them.
pub(crate) fn operations() -> BTreeMap<String, String> {
    let text = read(&root().join("any_operation.rs"));
    let list = text.rsplit("any_operation! {").next().unwrap();
    // Behind it are those that send no T-SQL.
    let (list, _) = list.split_once("; hosts {").unwrap();
    let mut operations = BTreeMap::new();
    for line in list.lines() {
        if let Some((head, tag)) = line.split_once(" = \"") {
            let (_, inner) = head.split_once('(').unwrap();
            let (operation, _) = inner.split_once(" -> ").unwrap();
            let (tag, _) = tag.split_once('"').unwrap();
            operations.insert(tag.to_owned(), operation.to_owned());
        }
    }
    operations
}

/// The methods by which each type is built: those that take it and give it back.
pub(crate) fn builders() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = Builders::default();
    for file in sources_with_sql() {
        found.visit_file(&syn::parse_file(&read(&file)).unwrap());
    }
    found.0
}

#[derive(Default)]
struct Builders(BTreeMap<String, BTreeSet<String>>);

impl<'ast> Visit<'ast> for Builders {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let syn::Type::Path(path) = &*item.self_ty else {
            return;
        };
        let name = path.path.segments.last().unwrap().ident.to_string();
        for item in &item.items {
            let syn::ImplItem::Fn(method) = item else {
                continue;
            };
            let takes_itself = matches!(
                method.sig.inputs.first(),
                Some(syn::FnArg::Receiver(receiver)) if matches!(receiver.kind, syn::ReceiverKind::Value)
            );
            let is_public = matches!(method.vis, syn::Visibility::Public(_));
            if takes_itself && is_public && gives_itself(&method.sig.output, &name) {
                let methods = self.0.entry(name.clone()).or_default();
                methods.insert(method.sig.ident.to_string());
            }
        }
    }
}

fn gives_itself(output: &syn::ReturnType, name: &str) -> bool {
    match output {
        syn::ReturnType::Type(_, given) => match &**given {
            syn::Type::Path(path) => path.path.is_ident("Self") || path.path.is_ident(name),
            _ => false,
        },
        syn::ReturnType::Default => false,
    }
}

/// How each statement of the library begins: what stands in `Statement::new("…")`.
pub(crate) fn beginnings() -> BTreeSet<String> {
    let mut beginnings = BTreeSet::new();
    for file in sources_with_sql() {
        if ["fuzzing.rs", "statement.rs"]
            .iter()
            .any(|name| file.ends_with(name))
        {
            continue;
        }
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap();
        for rest in code.split("Statement::new(").skip(1) {
            let rest = rest.trim_start();
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(at, c)| *c == '"' && !rest[..*at].ends_with('\\'));
            let (true, Some((end, _))) = (rest.starts_with('"'), end) else {
                continue;
            };
            let literal: syn::LitStr = syn::parse_str(&rest[..=end]).unwrap();
            if !literal.value().is_empty() {
                beginnings.insert(literal.value());
            }
        }
    }
    beginnings
}

/// Where statements are built.
fn sources_with_sql() -> Vec<PathBuf> {
    let mut sources = files(&root().join("sql"));
    sources.extend(files(&root().join("orchestrator")));
    sources
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

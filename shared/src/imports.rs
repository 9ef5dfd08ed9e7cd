//! The walls between the rooms: every path in every file is read, and none leads up or in a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The rooms, from the top down. A file may name files of its own room and of rooms further down; rooms in one line do
/// not know each other.
const LAYERS: [&[&str]; 8] = [
    &["serve"],
    &["http"],
    &["metrics"],
    &["sessions"],
    &["dynamodb"],
    &["logging", "counters"],
    &["settings"],
    &["clock", "id"],
];

/// A module by the names of its path, `crate` left out: `["sessions", "rules"]`.
type Module = Vec<String>;

/// What is read of the files below `src`.
struct Sources {
    /// What each file names, as a path from the crate's root.
    paths: BTreeMap<Module, BTreeSet<Vec<String>>>,
    /// Where the names are from that a folder's `mod.rs` (or `lib.rs`) hands on.
    handed_on: BTreeMap<Vec<String>, Vec<String>>,
}

impl Sources {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources = Self { paths: BTreeMap::new(), handed_on: BTreeMap::new() };
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    sources.add(&root, &path);
                }
            }
        }
        sources
    }

    fn add(&mut self, root: &Path, file: &PathBuf) {
        let module = file.strip_prefix(root).unwrap().with_extension("");
        let mut module: Module = module.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let hands_on = module.last().is_some_and(|name| name == "mod" || name == "lib");
        if hands_on {
            module.pop();
        }
        let mut paths = Vec::new();
        let tokens: TokenStream = fs::read_to_string(file).unwrap().parse().unwrap();
        collect(tokens, &module, &mut paths);
        if hands_on {
            for path in paths {
                let handed_on = [&module[..], &path[path.len() - 1..]].concat();
                self.handed_on.insert(handed_on, path);
            }
        } else {
            self.paths.insert(module, paths.into_iter().collect());
        }
    }

    /// The file in which a path ends, by way of what folders hand on.
    fn file(&self, path: &[String]) -> Option<&Module> {
        for length in (1..=path.len()).rev() {
            let (start, rest) = path.split_at(length);
            if let Some((file, _)) = self.paths.get_key_value(start) {
                return Some(file);
            }
            if let Some(origin) = self.handed_on.get(start).filter(|origin| *origin != start) {
                return self.file(&[&origin[..], rest].concat());
            }
        }
        None
    }

    /// Which files each file names.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let is_folder = |path: &[String]| self.paths.keys().any(|file| file.starts_with(path));
        let named = |file: &Module, paths: &BTreeSet<Vec<String>>| {
            let end = |path: &Vec<String>| {
                let end = self.file(path);
                assert!(
                    end.is_some() || is_folder(path),
                    "{} names {path:?}: where is that?",
                    file.join("/")
                );
                end
            };
            paths.iter().filter_map(end).filter(|end| *end != file).collect()
        };
        self.paths.iter().map(|(file, paths)| (file, named(file, paths))).collect()
    }
}

/// All paths in `tokens` that begin in this crate: those with `crate`, `self` or `super`, the parts of groups each for
/// itself, in whatever braces, brackets and macros they stand.
fn collect(tokens: TokenStream, module: &[String], paths: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => {
                // A module in a file is that file, one level deeper.
                let inner = at >= 2 && is(&tokens[at - 2], "mod") && group.delimiter() == Delimiter::Brace;
                let module = if inner { [module, &["tests".to_owned()]].concat() } else { module.to_vec() };
                collect(group.stream(), &module, paths);
                at += 1;
            }
            TokenTree::Ident(start) if leads_on(&tokens, at) && !leads_to(&tokens, at) => {
                let base = match start.to_string().as_str() {
                    "crate" => Some(Vec::new()),
                    "self" => Some(module.to_vec()),
                    "super" => Some(module[..module.len() - 1].to_vec()),
                    _ => None,
                };
                if let Some(base) = base {
                    follow(&tokens, at + 3, &base, paths);
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// What stands at `at`, after `base` and two colons.
fn follow(tokens: &[TokenTree], at: usize, base: &[String], paths: &mut Vec<Vec<String>>) {
    match tokens.get(at) {
        Some(TokenTree::Ident(name)) if *name == "super" => {
            follow(tokens, at + 3, &base[..base.len() - 1], paths);
        }
        // `dynamodb::{self, …}` names the folder.
        Some(TokenTree::Ident(name)) if *name == "self" => paths.push(base.to_vec()),
        Some(TokenTree::Ident(name)) => {
            let path = [base, &[name.to_string()]].concat();
            if leads_on(tokens, at) {
                follow(tokens, at + 3, &path, paths);
            } else {
                paths.push(path);
            }
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            for part in inner.split(|token| is(token, ",")) {
                follow(part, 0, base, paths);
            }
        }
        _ => paths.push(base.to_vec()),
    }
}

/// Whether two colons follow.
fn leads_on(tokens: &[TokenTree], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|token| is(token, ":"))
        && tokens.get(at + 2).is_some_and(|token| is(token, ":"))
}

/// Whether two colons come before.
fn leads_to(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is(&tokens[at - 1], ":") && is(&tokens[at - 2], ":")
}

fn is(token: &TokenTree, text: &str) -> bool {
    token.to_string() == text
}

fn layer(file: &Module) -> usize {
    let place = LAYERS.iter().position(|rooms| rooms.contains(&file[0].as_str()));
    place.unwrap_or_else(|| panic!("{file:?} is in no room that is listed here"))
}

#[test]
fn no_file_names_a_room_above_its_own() {
    let sources = Sources::read();
    let mut arrows = 0;
    for (file, named) in sources.arrows() {
        if file[0] == "imports" {
            continue;
        }
        for other in named {
            arrows += 1;
            let is_below = layer(other) > layer(file);
            assert!(is_below || other[0] == file[0], "{} names {}", file.join("/"), other.join("/"));
        }
    }
    assert!(arrows > 100, "{arrows} arrows are too few: the files are not read as they are written");
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let sources = Sources::read();
    let mut left = sources.arrows();
    // What names only what is gone, or is named only by that, is in no circle.
    loop {
        let here: BTreeSet<&Module> = left.keys().copied().collect();
        let named: BTreeSet<&Module> = left.values().flatten().copied().collect();
        left.retain(|file, names| named.contains(file) && names.iter().any(|other| here.contains(other)));
        if left.len() == here.len() {
            break;
        }
    }
    assert!(left.is_empty(), "in a circle: {:?}", left.keys());
}

//! The walls between the rooms: every path in every file is read, and none leads up or in a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
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
#[derive(Default)]
struct Sources {
    /// What each file names, as a path from the crate's root. A folder's `mod.rs` goes by the folder's name.
    paths: BTreeMap<Module, BTreeSet<Vec<String>>>,
    /// Where the names are from that a folder's `mod.rs` (or `lib.rs`) hands on.
    handed_on: BTreeMap<Vec<String>, Vec<String>>,
}

impl Sources {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources = Self::default();
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

    fn add(&mut self, root: &Path, file: &Path) {
        let module = file.strip_prefix(root).unwrap().with_extension("");
        let mut module: Module = module.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if module.last().is_some_and(|name| name == "mod" || name == "lib") {
            module.pop();
            self.add_folder(&module, &fs::read_to_string(file).unwrap());
        } else {
            self.add_file(&module, &fs::read_to_string(file).unwrap());
        }
    }

    fn add_file(&mut self, module: &[String], text: &str) {
        self.paths.insert(module.to_vec(), paths(text, module));
    }

    /// A folder hands names of its own files on, and does nothing else.
    fn add_folder(&mut self, module: &[String], text: &str) {
        for path in paths(text, module) {
            assert!(path.starts_with(module), "{} hands on {path:?}", module.join("/"));
            let name = [module, &path[path.len() - 1..]].concat();
            self.handed_on.insert(name, path);
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

    /// Which files each file names. A path that ends in a folder tells of no file, so there may be none.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let named = |file: &Module, paths: &BTreeSet<Vec<String>>| {
            let end = |path: &Vec<String>| {
                let end = self.file(path);
                end.unwrap_or_else(|| {
                    panic!("{} names {path:?}: name a file, or what is in it", file.join("/"))
                })
            };
            paths.iter().map(end).filter(|end| *end != file).collect()
        };
        self.paths.iter().map(|(file, paths)| (file, named(file, paths))).collect()
    }

    /// Panics where a file names a room above its own. Returns how many paths were looked at.
    fn check_rooms(&self) -> usize {
        let all = self.paths.iter().flat_map(|(file, paths)| paths.iter().map(move |path| (file, path)));
        let mut count = 0;
        for (file, path) in all.filter(|(file, _)| file[0] != "imports") {
            count += 1;
            let is_below = self.layer(path) > self.layer(file);
            assert!(is_below || path[0] == file[0], "{} names {}", file.join("/"), path.join("::"));
        }
        count
    }

    /// How far down the room of a path is. What `lib.rs` hands on is of the room that it is from.
    fn layer(&self, path: &[String]) -> usize {
        let path = self.handed_on.get(&path[..1]).map_or(path, Vec::as_slice);
        let place = LAYERS.iter().position(|rooms| rooms.contains(&path[0].as_str()));
        place.unwrap_or_else(|| panic!("{path:?} is in no room that is listed here"))
    }
}

/// All paths in a file that begin in this crate.
fn paths(text: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let mut paths = Vec::new();
    collect(text.parse().unwrap(), module, &mut paths);
    // What a file says of itself, its tests' `super::*` for one.
    paths.into_iter().filter(|path| path != module).collect()
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
            // After the last comma may come nothing.
            for part in inner.split(|token| is(token, ",")).filter(|part| !part.is_empty()) {
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

#[test]
fn no_file_names_a_room_above_its_own() {
    let count = Sources::read().check_rooms();
    assert!(count > 200, "{count} paths are too few: the files are not read as they are written");
}

/// However it is written.
#[test]
fn a_path_that_leads_up_is_found() {
    for text in [
        "use crate::http::ApiError;",
        "use crate::http;",
        "use crate::{id::UserId, http as above};",
        "use crate::metrics::*;",
        "use super::super::http::{caller, input};",
        "fn x() -> crate::http::ApiError { todo!() }",
        "mod tests { use super::super::super::http::ApiError; }",
        "fn x() { let _ = vec![crate::serve(1)]; }",
        "pub use crate::answer;",
    ] {
        let mut sources = Sources::default();
        sources.add_folder(&[], "pub use self::serve::{answer, serve};");
        sources.add_file(&["sessions", "rules"].map(str::to_owned), text);
        let found = std::panic::catch_unwind(|| sources.check_rooms());
        assert!(found.is_err(), "{text}");
    }
    for text in ["pub use crate::http::ApiError;", "fn x() -> crate::id::UserId { todo!() }"] {
        let mut sources = Sources::default();
        let added =
            std::panic::catch_unwind(move || sources.add_folder(&["sessions"].map(str::to_owned), text));
        assert!(added.is_err(), "{text}");
    }
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

//! The documents say what is there: their links lead somewhere, their tables are the template's, and the commands that
//! can be run here are run.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use local::template::{BUILT_IN, Route};

use crate::support::{Need, World, lacks};

/// The front page is read to its end.
const README_LINES: usize = 160;

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Every Markdown file of the repository.
fn documents() -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![root().to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if path.is_dir() && !["target", "node_modules", ".git", ".aws-sam", "dist"].contains(&name) {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("md")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A document's lines, each with the language of the fenced block that it is in; the fences themselves are left out.
fn lines(text: &str) -> Vec<(Option<&str>, &str)> {
    let mut language = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), language) {
            (Some(name), None) => language = Some(name),
            (Some(_), Some(_)) => language = None,
            (None, _) => lines.push((language, line)),
        }
    }
    assert_eq!(language, None, "a block without an end");
    lines
}

/// What is in no block.
fn unfenced(text: &str) -> String {
    let lines: Vec<&str> =
        lines(text).into_iter().filter(|(block, _)| block.is_none()).map(|(_, line)| line.trim()).collect();
    lines.join(" ")
}

/// What is no code.
fn prose(text: &str) -> String {
    unfenced(text).split('`').step_by(2).collect()
}

/// The code within lines, such as `GET /dashboard`.
fn code(text: &str) -> Vec<String> {
    unfenced(text).split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Where a document's headings can be linked to, by GitHub's rules.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = lines(text).into_iter().filter(|(block, line)| block.is_none() && line.starts_with('#'));
    let anchor = |(_, line): (_, &str)| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let is_kept = |letter: &char| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter);
        let anchor = heading.chars().filter(is_kept).collect::<String>().replace(' ', "-");
        let times = seen.entry(anchor.clone()).and_modify(|times| *times += 1).or_default();
        if *times == 0 { anchor } else { format!("{anchor}-{times}") }
    };
    headings.map(anchor).collect()
}

/// The cells of the table that has these first columns.
fn table(text: &str, columns: &str) -> Vec<Vec<String>> {
    let rows = text.lines().skip_while(|line| !line.starts_with(columns)).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.take_while(|line| line.starts_with('|')).map(cells).collect();
    assert!(!rows.is_empty(), "no table {columns}");
    rows
}

/// The names in a column.
fn names(rows: &[Vec<String>], column: usize) -> BTreeSet<String> {
    rows.iter().flat_map(|cells| code(&cells[column])).collect()
}

/// The ids in a part of the template, with what it says of each.
fn section(name: &str) -> BTreeMap<&'static str, &'static str> {
    let (_, rest) = BUILT_IN.split_once(&format!("\n{name}:\n")).unwrap();
    let end = rest
        .match_indices('\n')
        .find(|(at, _)| rest[at + 1..].starts_with(|first: char| first.is_alphabetic()));
    let part = end.map_or(rest, |(at, _)| &rest[..at]);
    let is_id = |line: &&str| line.starts_with("  ") && line[2..].starts_with(char::is_alphabetic);
    let ids = part.lines().filter(is_id).map(|line| line.trim().trim_end_matches(':'));
    let said = |id: &'static str| {
        let (_, rest) = part.split_once(&format!("  {id}:\n")).unwrap();
        let end = rest
            .match_indices('\n')
            .find(|(at, _)| is_id(&rest[at + 1..].lines().next().unwrap_or_default()));
        (id, end.map_or(rest, |(at, _)| &rest[..at]))
    };
    ids.map(said).collect()
}

/// What the template's parameters are when nobody says otherwise.
fn defaults() -> BTreeMap<&'static str, String> {
    let default = |(id, said): (&'static str, &str)| {
        let Some(line) = said.lines().find(|line| line.trim_start().starts_with("Default:")) else {
            panic!("{id} has no default");
        };
        (id, line.trim_start().trim_start_matches("Default:").trim().trim_matches('"').to_owned())
    };
    section("Parameters").into_iter().map(default).collect()
}

#[test]
fn every_link_leads_somewhere() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let (mut broken, mut followed) = (Vec::new(), 0);
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let prose = prose(&text);
        let links = prose.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.contains("://")) {
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            // A folder's page is its README.
            let page = if target.is_dir() { target.join("README.md") } else { target };
            let is_there = match fs::read_to_string(&page) {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                // A picture is no text.
                Err(_) => page.exists() && anchor.is_empty(),
            };
            if !is_there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
    assert!(followed > 100, "{followed}");
}

#[test]
fn headings_have_the_anchors_that_github_gives_them() {
    let text = "# A session's states\n## `recount`, twice\n```sh\n# no heading\n```\n## Same\n## Same\n### A_b-c: d (e)\n";
    let expected = ["a-sessions-states", "recount-twice", "same", "same-1", "a_b-c-d-e"];
    assert_eq!(anchors(text), expected.map(str::to_owned).into());
}

#[test]
fn the_front_page_is_short_and_the_index_whole() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let lines = text("README.md").lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines");
    let index = text("docs/README.md");
    for path in documents().iter().filter(|path| path.parent() == Some(&root().join("docs"))) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || index.contains(&format!("({name})")), "docs/README.md: {name}");
    }
}

#[tokio::test]
async fn functions_and_routes_are_those_of_the_template() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let functions = &world.template.functions;
    let rows = table(&text("ARCHITECTURE.md"), "| Function (crate) | In the template | Route | Event |");
    let told: BTreeSet<[BTreeSet<String>; 4]> =
        rows.iter().map(|row| [0, 1, 2, 3].map(|column| code(&row[column]).into_iter().collect())).collect();
    let expected = functions.iter().map(|function| {
        let event = format!("events/{}.json", function.crate_name);
        let routes = function.routes.iter().map(Route::key).collect();
        [[function.crate_name.clone()].into(), [function.logical_id.clone()].into(), routes, [event].into()]
    });
    assert_eq!(told, expected.collect());

    // And wherever else a document names a route.
    let routes: BTreeSet<String> =
        functions.iter().flat_map(|function| &function.routes).map(Route::key).collect();
    let mut unknown = Vec::new();
    for path in documents() {
        for key in code(&fs::read_to_string(&path).unwrap()) {
            let Some((method, target)) = key.split_once(' ') else { continue };
            let is_route = ["GET", "POST", "PATCH"].contains(&method) && target.starts_with('/');
            let is_local = ["/demo/controls/", "/oauth2/"].iter().any(|prefix| target.starts_with(prefix));
            let target = target.split('?').next().unwrap();
            if is_route && !is_local && !routes.contains(&format!("{method} {target}")) {
                unknown.push(format!("{}: {key}", path.display()));
            }
        }
    }
    assert_eq!(unknown, [""; 0]);
}

#[tokio::test]
async fn settings_are_those_of_the_template_with_their_defaults() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let document = text("docs/configuration.md");
    let rows = table(&document, "| Template parameter | Environment variable | Default |");
    let told = rows.iter().map(|row| {
        let default = if row[2] == "empty" { String::new() } else { code(&row[2]).concat() };
        (code(&row[0]).concat(), (code(&row[1]).concat(), default))
    });
    let told: BTreeMap<_, _> = told.collect();
    assert_eq!(told.len(), rows.len(), "a parameter has one row");

    let world = World::new().await;
    let functions = world.template.functions.iter();
    let variables: BTreeSet<String> =
        functions.flat_map(|function| function.environment.keys().cloned()).collect();
    let made = names(&table(&document, "| Environment variable | Default | Meaning |"), 0);
    let all: BTreeSet<String> = made.iter().cloned().chain(names(&rows, 1)).collect();
    assert_eq!(all, variables);
    let defaults = defaults();
    // The first parameter that the template refers to after the variable's name.
    let parameter = |variable: &String| {
        let (_, rest) = BUILT_IN.split_once(&format!(" {variable}: ")).unwrap();
        let ids = rest
            .split("!Ref ")
            .skip(1)
            .map(|rest| rest.split(|letter: char| !letter.is_alphanumeric()).next());
        ids.flatten().find(|id| defaults.contains_key(id)).unwrap()
    };
    let passed_on: BTreeMap<&str, &String> =
        variables.difference(&made).map(|variable| (parameter(variable), variable)).collect();
    let expected = defaults.iter().map(|(id, default)| {
        let variable = passed_on.get(id).map(ToString::to_string).unwrap_or_default();
        ((*id).to_owned(), (variable, default.clone()))
    });
    assert_eq!(told, expected.collect());
}

#[test]
fn outputs_and_alarms_are_those_of_the_template() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let outputs: BTreeSet<String> = section("Outputs").keys().map(|id| (*id).to_owned()).collect();
    assert_eq!(names(&table(&text("docs/deploy.md"), "| Output | For |"), 0), outputs);
    let alarms =
        section("Resources").into_iter().filter(|(_, said)| said.contains("Type: AWS::CloudWatch::Alarm\n"));
    let alarms: BTreeSet<String> = alarms.map(|(id, _)| id.to_owned()).collect();
    assert_eq!(names(&table(&text("docs/operations.md"), "| Alarm | Means | Do |"), 0), alarms);
}

#[test]
fn options_are_those_of_the_program() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let help = Command::new(env!("CARGO_BIN_EXE_local")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let first = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let options: BTreeSet<String> = help.lines().map(first).filter(|word| word.starts_with("--")).collect();
    let told = names(&table(&text("docs/configuration.md"), "| Option | Default | Meaning |"), 0);
    assert_eq!(told.iter().map(|option| first(option)).collect::<BTreeSet<_>>(), options);
}

/// Commands of documents, as a person pastes them: those of a `bash` block, and what the block of `json` right after it
/// says that they print.
#[cfg(unix)]
mod commands {
    use local::{Options, Server};

    use super::*;

    /// Between the blocks' outputs.
    const MARK: &str = "-- the next block --";

    /// Each `bash` block of a document, and what it prints, where that is told.
    fn blocks(text: &str) -> Vec<(String, Option<String>)> {
        let mut blocks: Vec<(String, Option<String>)> = Vec::new();
        let mut pieces = text.split("\n```");
        let mut before = pieces.next().unwrap();
        let mut is_after_commands = false;
        // Outside of a block and within one, by turns.
        while let (Some(inside), after) = (pieces.next(), pieces.next()) {
            let (language, content) = inside.split_once('\n').unwrap();
            is_after_commands &= before.trim().is_empty();
            match language {
                "bash" => blocks.push((content.to_owned(), None)),
                "json" if is_after_commands => blocks.last_mut().unwrap().1 = Some(content.to_owned()),
                "" | "hcl" | "html" | "js" | "json" | "jsx" | "sh" | "ts" => {}
                other => panic!("what is to be done with {other}?"),
            }
            is_after_commands = language == "bash";
            before = after.unwrap_or_default();
        }
        blocks
    }

    /// Whether a line is as told, where `…` stands for anything.
    fn is_as_told(line: &str, told: &str) -> bool {
        let Some((first, mut told)) = told.split_once('…') else { return line == told };
        let Some(mut rest) = line.strip_prefix(first) else { return false };
        while let Some((part, later)) = told.split_once('…') {
            let Some((_, after)) = rest.split_once(part) else { return false };
            (rest, told) = (after, later);
        }
        rest.ends_with(told)
    }

    #[test]
    fn what_is_told_of_a_line_may_leave_parts_out() {
        assert!(is_as_told(r#"{"a":1,"b":2}"#, r#"{"a":…,"b":2}"#));
        assert!(is_as_told(r#"{"a":1,"b":2}"#, r#"{…,"b":…}"#));
        assert!(is_as_told("[]", "[]"));
        for told in ["[]", r#"{"a":…,"c":2}"#, r#"{"a":…,"b":3}"#, r#"{"b":…}"#, r#"{"a":…,"b":2}…,"c":…"#]
        {
            assert!(!is_as_told(r#"{"a":1,"b":2}"#, told), "{told}");
        }
    }

    /// Runs a document's commands in one shell, against a server of its own.
    async fn run(path: &Path, blocks: Vec<(String, Option<String>)>) {
        let server = Server::start(Options { demo: true, ..Options::default() }).await.unwrap();
        let here = |commands: &str| commands.replace("http://localhost:3000", &server.url);
        let marked = blocks.iter().map(|(commands, _)| format!("{}\necho '{MARK}'\n", here(commands)));
        let script = format!("set -euo pipefail\n{}", marked.collect::<Vec<_>>().concat());
        let shell = || Command::new("bash").arg("-c").arg(script).output().unwrap();
        let output = tokio::task::spawn_blocking(shell).await.unwrap();
        let (printed, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {errors}\n{printed}", path.display());
        for ((commands, told), printed) in blocks.iter().zip(printed.split(&format!("{MARK}\n"))) {
            assert!(!printed.contains(r#""status":"error""#), "{}: {commands}\n{printed}", path.display());
            let Some(told) = told else { continue };
            let is_same = printed.lines().count() == told.lines().count()
                && printed.lines().zip(told.lines()).all(|(line, told)| is_as_told(line, told));
            assert!(is_same, "{}: {commands}\nprints\n{printed}\nand not\n{told}", path.display());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn commands_that_can_be_run_here_do_what_is_told() {
        if lacks(&[Need::Pump, Need::LocalServer]) {
            return;
        }
        let (mut ran, mut told) = (0, 0);
        for path in documents() {
            let blocks = blocks(&fs::read_to_string(&path).unwrap());
            if blocks.is_empty() {
                continue;
            }
            ran += blocks.len();
            told += blocks.iter().filter(|(_, told)| told.is_some()).count();
            run(&path, blocks).await;
        }
        assert!(ran >= 9 && told >= 8, "{ran} blocks, {told} of them with what they print");
    }
}

//! The table in ARCHITECTURE.md against what cargo knows: an arrow that no test holds is a wish.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

/// A room and where it stands. On the ground, a later line is a lower step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    floor: u32,
    line: usize,
}

/// The table of the house.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    rooms: BTreeMap<String, Place>,
    /// Folders outside the floors.
    beside: BTreeSet<String>,
}

impl Plan {
    /// Reads the fenced block in which a line starts with `floor `.
    fn parse(markdown: &str) -> Self {
        let mut fences = markdown.split("\n```").skip(1).step_by(2);
        let table =
            fences.find(|block| block.lines().any(|line| line.starts_with("floor "))).unwrap();
        let column = "floor 5  ".len();
        let (mut plan, mut level) = (Self::default(), None);
        for (number, line) in table.lines().skip(1).enumerate() {
            let (head, rest) = line.split_at_checked(column).unwrap_or((line, ""));
            match head.trim() {
                "" => {}
                "ground" => level = Some(0),
                "beside" => level = None,
                head => level = Some(head.strip_prefix("floor ").unwrap().trim().parse().unwrap()),
            }
            match (level, rest.split_whitespace().next()) {
                (Some(floor), Some(room)) if !rest.starts_with(' ') => {
                    plan.rooms.insert(room.to_owned(), Place { floor, line: number });
                }
                (None, _) => {
                    let folders = rest.split(['(', ')']).step_by(2);
                    let folders = folders.flat_map(str::split_whitespace);
                    plan.beside
                        .extend(folders.map(|folder| folder.trim_end_matches('/').to_owned()));
                }
                _ => {}
            }
        }
        plan
    }

    fn stands_beside(&self, folder: &str) -> bool {
        self.beside.iter().any(|beside| Path::new(folder).starts_with(beside))
    }

    fn top(&self) -> u32 {
        self.rooms.values().map(|place| place.floor).max().unwrap()
    }

    /// Why `from` may not depend on `to`, if it may not.
    fn forbids(&self, from: &Package, to: &Package) -> Option<String> {
        let arrow = |why: &str| Some(format!("{} -> {}: {why}", from.folder, to.folder));
        match (self.rooms.get(from.room()), self.rooms.get(to.room())) {
            (Some(a), Some(b)) if a.floor == 0 && b.floor == 0 && a.line < b.line => None,
            (Some(a), Some(b)) if a.floor > b.floor => None,
            (Some(a), Some(b)) if a.floor == b.floor => arrow("sideways"),
            (Some(_), Some(_)) => arrow("upwards"),
            (Some(a), None) if a.floor < self.top() => {
                arrow("only the top floor knows what stands beside")
            }
            _ => None,
        }
    }
}

/// A member of the workspace.
#[derive(Debug)]
struct Package {
    name: String,
    /// Relative to the root of the workspace.
    folder: String,
    depends_on: Vec<String>,
}

impl Package {
    fn room(&self) -> &str {
        self.folder.strip_prefix("crates/").unwrap_or_default()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn plan() -> Plan {
    Plan::parse(&std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap())
}

fn packages() -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo
        .args(["metadata", "--format-version=1", "--no-deps"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let package = |package: &Value| {
        let manifest = text(&package["manifest_path"]);
        let folder = Path::new(&manifest).parent().unwrap().strip_prefix(root()).unwrap();
        let depends_on = package["dependencies"].as_array().unwrap();
        Package {
            name: text(&package["name"]),
            folder: folder.to_str().unwrap().to_owned(),
            depends_on: depends_on.iter().map(|dependency| text(&dependency["name"])).collect(),
        }
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn every_package_has_its_place_in_the_table() {
    let plan = plan();
    for package in packages() {
        let placed = plan.rooms.contains_key(package.room()) || plan.stands_beside(&package.folder);
        assert!(
            placed,
            "{} ({}) is not in the table of ARCHITECTURE.md",
            package.name, package.folder
        );
    }
}

#[test]
fn every_room_is_a_folder_of_the_same_name() {
    let packages = packages();
    for room in plan().rooms.keys() {
        let name = if room == "portcullis" { room.clone() } else { format!("portcullis-{room}") };
        let package = packages.iter().find(|package| package.room() == room);
        let Some(package) = package else {
            panic!("there is no crates/{room}, but the table has that room")
        };
        assert_eq!(package.name, name, "in crates/{room}");
    }
}

/// Dependencies of every kind count: a test that knows another room knows it too. A room may name itself, with the
/// features that only tests use.
#[test]
fn an_arrow_only_goes_down() {
    let (plan, packages) = (plan(), packages());
    let named: BTreeMap<&str, &Package> =
        packages.iter().map(|package| (&*package.name, package)).collect();
    let arrows = packages.iter().flat_map(|from| from.depends_on.iter().map(move |to| (from, to)));
    let inside = arrows.filter_map(|(from, to)| Some((from, *named.get(&**to)?)));
    let others = inside.filter(|(from, to)| from.name != to.name);
    let wrong: Vec<String> = others.filter_map(|(from, to)| plan.forbids(from, to)).collect();
    assert!(wrong.is_empty(), "arrows that ARCHITECTURE.md forbids:\n{}", wrong.join("\n"));
}

#[test]
fn the_ground_does_no_input_or_output() {
    const DOES: [&str; 8] =
        ["tokio", "hyper", "axum", "reqwest", "rusqlite", "socket2", "rustls", "tokio-rustls"];
    let plan = plan();
    for package in packages() {
        if plan.rooms.get(package.room()).is_some_and(|place| place.floor == 0) {
            let found: Vec<&String> =
                package.depends_on.iter().filter(|name| DOES.contains(&&***name)).collect();
            assert!(found.is_empty(), "{} depends on {found:?}", package.folder);
        }
    }
}

mod the_table {
    use super::{Package, Place, Plan};

    const TABLE: &str = "# The house\n\n```text\n\
        floor 2  portal      pages and\n             \x20       more pages\n\
        floor 1  store       one writer\n         \
                 web         calls\n\
        ground   verify      checks\n         \
                 types       words\n\
        beside   xtask  sdk/python (verify through PyO3)  examples/\n```\n\n```sh\nfloor it\n```\n";

    fn package(folder: &str) -> Package {
        Package { name: String::new(), folder: folder.to_owned(), depends_on: Vec::new() }
    }

    fn allows(from: &str, to: &str) -> bool {
        Plan::parse(TABLE).forbids(&package(from), &package(to)).is_none()
    }

    #[test]
    fn is_read_by_its_columns() {
        let plan = Plan::parse(TABLE);
        assert_eq!(plan.rooms["portal"].floor, 2);
        assert_eq!(plan.rooms["web"], Place { floor: 1, line: 3 });
        assert_eq!(plan.rooms["types"].floor, 0);
        assert_eq!(plan.rooms.len(), 5);
        assert_eq!(plan.beside.iter().collect::<Vec<_>>(), ["examples", "sdk/python", "xtask"]);
        assert!(plan.stands_beside("examples/textgen"));
        assert!(!plan.stands_beside("crates/store"));
    }

    #[test]
    fn lets_arrows_go_down_and_nowhere_else() {
        assert!(allows("crates/portal", "crates/store"));
        assert!(allows("crates/store", "crates/types"));
        assert!(allows("crates/verify", "crates/types"));
        assert!(!allows("crates/types", "crates/verify"));
        assert!(!allows("crates/store", "crates/web"));
        assert!(!allows("crates/store", "crates/portal"));
        assert!(allows("sdk/python", "crates/verify"));
        assert!(allows("crates/portal", "examples/textgen"));
        assert!(!allows("crates/store", "examples/textgen"));
    }
}

//! `cargo xtask arrows`: which package may depend on which. ARCHITECTURE.md says why.

use std::path::Path;

use serde::Deserialize;

use crate::cargo;
use crate::error::Error;

/// The packages that one package may depend on.
enum Allowed {
    Only(&'static [&'static str]),
    Everything,
}

/// Every package of the workspace, and what it may depend on: normally, for its tests or for its
/// build.
const TABLE: &[(&str, Allowed)] = &[
    ("rszs-graph", Allowed::Only(&[])),
    ("rszs-tokenizer", Allowed::Only(&[])),
    ("rszs-durable", Allowed::Only(&[])),
    ("rszs-jpeg", Allowed::Only(&[])),
    ("rszs-checkpoint", Allowed::Only(&["rszs-durable", "rszs-graph"])),
    ("rszs-bundle", Allowed::Only(&["rszs-durable"])),
    ("rszs-data", Allowed::Only(&["rszs-durable"])),
    ("rszs-metrics", Allowed::Only(&[])),
    ("rszs-geo", Allowed::Only(&[])),
    ("rszs-tensorrt", Allowed::Only(&[])),
    ("rszs-cuda", Allowed::Only(&["rszs-hot", "rszs-cuda-simulator"])),
    ("rszs-cuda-simulator", Allowed::Only(&[])),
    ("rszs-hot", Allowed::Only(&[])),
    ("rszs-network", Allowed::Only(&["rszs-graph"])),
    (
        "rszs-engine",
        Allowed::Only(&["rszs-bundle", "rszs-hot", "rszs-tensorrt", "rszs-cuda", "rszs-durable"]),
    ),
    (
        "rszs-train",
        Allowed::Only(&[
            "rszs-network",
            "rszs-graph",
            "rszs-data",
            "rszs-metrics",
            "rszs-hot",
            "rszs-durable",
            "rszs-checkpoint",
            "rszs-tokenizer",
            "rszs-cuda",
            "rszs-cuda-simulator",
        ]),
    ),
    (
        "rszs-export",
        Allowed::Only(&[
            "rszs-network",
            "rszs-graph",
            "rszs-bundle",
            "rszs-tokenizer",
            "rszs-durable",
            "rszs-checkpoint",
            "rszs-engine",
        ]),
    ),
    (
        "rszs-calibrate",
        Allowed::Only(&[
            "rszs-export",
            "rszs-edge",
            "rszs-engine",
            "rszs-data",
            "rszs-metrics",
            "rszs-bundle",
            "rszs-durable",
            "rszs-hot",
            "rszs-network",
            "rszs-graph",
        ]),
    ),
    (
        "rszs-edge",
        Allowed::Only(&[
            "rszs-geo",
            "rszs-hot",
            "rszs-durable",
            "rszs-jpeg",
            "rszs-bundle",
            "rszs-engine",
            "rszs-tokenizer",
            "rszs-tensorrt",
            "rszs-cuda",
            "rszs-cuda-simulator",
        ]),
    ),
    ("rszs-tests", Allowed::Everything),
    ("rszs-bench", Allowed::Everything),
    ("xtask", Allowed::Only(&[])),
];

/// The package with the one suite of cases. Any package may let its own tests run through it, and
/// for nothing else.
const SUITE: &str = "rszs-tests";

/// The part of `cargo metadata` that is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
    /// Set when the dependency is a folder and not from a registry.
    path: Option<String>,
}

/// Checks the workspace at `root`. Returns how many dependencies between its packages were looked
/// at.
pub(crate) fn check_workspace(root: &Path) -> Result<usize, Error> {
    let metadata: Metadata = serde_json::from_slice(&cargo::metadata(root)?)?;
    let faults = faults(&metadata.packages, TABLE);
    if faults.is_empty() {
        Ok(arrows(&metadata.packages).count())
    } else {
        Err(Error::Faults(faults))
    }
}

/// Every dependency between two packages of the workspace.
fn arrows(packages: &[Package]) -> impl Iterator<Item = (&Package, &Dependency)> {
    packages.iter().flat_map(|package| {
        package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some())
            .map(move |to| (package, to))
    })
}

/// One sentence for each package and dependency that does not agree with the table.
fn faults(packages: &[Package], table: &[(&str, Allowed)]) -> Vec<String> {
    let row_of =
        |name: &str| table.iter().find(|(row, _)| *row == name).map(|(_, allowed)| allowed);
    let mut faults = Vec::new();
    for package in packages.iter().filter(|package| row_of(&package.name).is_none()) {
        faults.push(format!(
            "{}: expected a row in the table of xtask/src/arrows.rs, found none (add one)",
            package.name
        ));
    }
    for (row, _) in
        table.iter().filter(|(row, _)| packages.iter().all(|package| package.name != *row))
    {
        faults.push(format!(
            "{row}: expected a package of the workspace, found none (remove its row in \
             xtask/src/arrows.rs)"
        ));
    }
    for (package, dependency) in arrows(packages) {
        let Some(Allowed::Only(allowed)) = row_of(&package.name) else { continue };
        let for_own_tests = dependency.name == SUITE && dependency.kind.as_deref() == Some("dev");
        if !allowed.contains(&dependency.name.as_str()) && !for_own_tests {
            let expected = if allowed.is_empty() {
                "no dependency on a package of the workspace".to_owned()
            } else {
                format!("dependencies on none but {}", allowed.join(", "))
            };
            let kind = dependency.kind.as_ref().map_or(String::new(), |kind| format!(" ({kind})"));
            faults.push(format!(
                "{}: expected {expected}, found {}{kind} (move what is needed to where both may \
                 reach it, see ARCHITECTURE.md)",
                package.name, dependency.name
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"packages": [
        {"name": "graph", "dependencies": [{"name": "serde", "kind": null, "path": null}]},
        {"name": "network", "dependencies": [{"name": "graph", "kind": null, "path": "/graph"}]},
        {"name": "runtime",
            "dependencies": [{"name": "network", "kind": "dev", "path": "/network"}]},
        {"name": "tests",
            "dependencies": [{"name": "runtime", "kind": "build", "path": "/runtime"}]}
    ]}"#;

    fn faults_with(table: &[(&str, Allowed)]) -> Vec<String> {
        let metadata: Metadata = serde_json::from_str(METADATA).unwrap();
        faults(&metadata.packages, table)
    }

    /// A table that agrees with `METADATA`, with a row for `runtime` of the caller's.
    fn table(runtime: Allowed) -> [(&'static str, Allowed); 4] {
        [
            ("graph", Allowed::Only(&[])),
            ("network", Allowed::Only(&["graph"])),
            ("runtime", runtime),
            ("tests", Allowed::Everything),
        ]
    }

    #[test]
    fn allowed_dependencies_and_those_from_a_registry_are_no_fault() {
        assert_eq!(faults_with(&table(Allowed::Only(&["network"]))), Vec::<String>::new());
    }

    #[test]
    fn a_dependency_of_tests_alone_counts_too() {
        let found = faults_with(&table(Allowed::Only(&["graph"])));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with(
                "runtime: expected dependencies on none but graph, found network (dev)"
            ),
            "{found:?}"
        );
    }

    #[test]
    fn the_suite_may_be_used_by_tests_and_by_nothing_else() {
        let faults_of = |kind: Option<&str>| {
            let suite = Dependency {
                name: SUITE.to_owned(),
                kind: kind.map(str::to_owned),
                path: Some("/tests".to_owned()),
            };
            let packages = [
                Package { name: "trainer".to_owned(), dependencies: vec![suite] },
                Package { name: SUITE.to_owned(), dependencies: Vec::new() },
            ];
            faults(&packages, &[("trainer", Allowed::Only(&[])), (SUITE, Allowed::Everything)])
        };
        assert_eq!(faults_of(Some("dev")), Vec::<String>::new());
        assert_eq!(faults_of(None).len(), 1);
        assert_eq!(faults_of(Some("build")).len(), 1);
    }

    #[test]
    fn a_package_without_a_row_is_a_fault() {
        let found = faults_with(&table(Allowed::Everything)[1..]);
        assert_eq!(
            found,
            ["graph: expected a row in the table of xtask/src/arrows.rs, found none (add one)"]
        );
    }

    #[test]
    fn a_row_without_a_package_is_a_fault() {
        let mut rows: Vec<_> = table(Allowed::Everything).into();
        rows.push(("gone", Allowed::Everything));
        let found = faults_with(&rows);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("gone: expected a package of the workspace"), "{found:?}");
    }

    #[test]
    fn the_table_has_no_circle() {
        let allowed = |name: &str| match TABLE.iter().find(|(row, _)| *row == name) {
            Some((_, Allowed::Only(list))) => *list,
            _ => &[],
        };
        for (start, _) in TABLE {
            let mut reached: Vec<&str> = allowed(start).to_vec();
            let mut next = 0;
            while next < reached.len() {
                assert_ne!(reached[next], *start, "{start} reaches itself");
                let further: Vec<&str> = allowed(reached[next])
                    .iter()
                    .filter(|name| !reached.contains(name))
                    .copied()
                    .collect();
                reached.extend(further);
                next += 1;
            }
        }
    }
}

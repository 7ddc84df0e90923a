//! Which of Reef's crates may depend on which, and which foreign crates are out of place in one of them.

use super::Violation;

const RULE: &str = "dependencies";

/// Each crate of the workspace, and Reef's crates that it may use outside tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("crates/domain", &[]),
    ("crates/docs", &[]),
    ("crates/sandbox", &[]),
    ("crates/ports", &["reef-domain"]),
    ("crates/protocols", &["reef-domain", "reef-ports"]),
    ("crates/vault", &["reef-ports"]),
    ("crates/store", &["reef-domain"]),
    ("crates/jobs", &["reef-domain", "reef-ports", "reef-store"]),
    (
        "crates/service",
        &["reef-domain", "reef-jobs", "reef-ports", "reef-protocols", "reef-store", "reef-vault"],
    ),
    ("crates/outbound", &["reef-domain", "reef-ports", "reef-protocols"]),
    ("crates/assistant", &["reef-domain", "reef-protocols"]),
    (
        "crates/workers",
        &[
            "reef-assistant",
            "reef-domain",
            "reef-jobs",
            "reef-outbound",
            "reef-ports",
            "reef-protocols",
            "reef-store",
            "reef-vault",
        ],
    ),
    ("frontend", &["reef-domain"]),
    ("app", &["reef-docs", "reef-domain", "reef-frontend", "reef-ports", "reef-service"]),
    (
        "server",
        &[
            "reef-app",
            "reef-docs",
            "reef-domain",
            "reef-workers",
            "reef-jobs",
            "reef-outbound",
            "reef-ports",
            "reef-protocols",
            "reef-sandbox",
            "reef-service",
            "reef-store",
            "reef-vault",
        ],
    ),
    ("xtask", &[]),
    ("chaos", &[]),
    ("bench/bare", &[]),
    ("bench/load", &[]),
];

/// Foreign crates that are out of place in a crate, and why.
const OUT_OF_PLACE: &[(&str, &[&str], &str)] = &[
    ("crates/domain", &["axum", "http", "hyper", "reqwest"], "the domain knows no HTTP"),
    ("crates/service", &["axum", "http", "hyper", "reqwest"], "the service knows no HTTP"),
    ("crates/ports", &["axum", "http", "hyper", "reqwest", "sqlx", "tokio"], "ports are only traits"),
    ("crates/protocols", &["axum", "hyper", "reqwest", "sqlx", "tokio"], "formats need no I/O"),
    (
        "crates/assistant",
        &["axum", "hyper", "reqwest", "sqlx", "tokio"],
        "a turn has no runtime but its host's",
    ),
];

/// Checks the manifests of the crates, given as folders and texts.
pub fn check(manifests: &[(String, String)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (folder, manifest) in manifests {
        let mut report = |detail: String| {
            violations.push(Violation { rule: RULE, place: format!("{folder}/Cargo.toml"), detail });
        };
        let used = dependencies(manifest);
        match ALLOWED.iter().find(|(name, _)| name == folder) {
            None => report("is not in the table of allowed dependencies".to_owned()),
            Some((_, allowed)) => {
                let ours = used.iter().filter(|name| name.starts_with("reef-"));
                ours.filter(|name| !allowed.contains(&name.as_str()))
                    .for_each(|name| report(format!("may not depend on {name}")));
                let spare = allowed.iter().filter(|name| !used.iter().any(|used| used == *name));
                spare.for_each(|name| report(format!("does not use {name}, which the table allows")));
            }
        }
        for (_, foreign, reason) in OUT_OF_PLACE.iter().filter(|(name, ..)| name == folder) {
            let found = used.iter().filter(|name| foreign.contains(&name.as_str()));
            found.for_each(|name| report(format!("may not depend on {name}, because {reason}")));
        }
    }
    let missing = ALLOWED.iter().filter(|(name, _)| !manifests.iter().any(|(folder, _)| folder == name));
    violations.extend(missing.map(|(name, _)| Violation {
        rule: RULE,
        place: format!("{name}/Cargo.toml"),
        detail: "is in the table of allowed dependencies, but does not exist".to_owned(),
    }));
    violations
}

/// Lists the dependencies of a manifest outside tests, also those of one target only.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_dependencies = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            is_dependencies = section == "dependencies" || section.ends_with(".dependencies");
        } else if let Some((key, _)) =
            line.split_once('=').filter(|_| is_dependencies && !line.starts_with('#'))
        {
            names.push(key.trim().trim_end_matches(".workspace").to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_tests_do_not_count() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\n# b = \"1\"\nc = { path = \".\" }\n\
                        [dev-dependencies]\nd = \"1\"\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n";
        assert_eq!(dependencies(manifest), ["a", "c", "e"]);
    }

    #[test]
    fn dependencies_outside_the_table_are_found() {
        let manifests: Vec<_> = ALLOWED
            .iter()
            .map(|(folder, allowed)| {
                let lines: String = allowed.iter().map(|name| format!("{name}.workspace = true\n")).collect();
                ((*folder).to_owned(), format!("[dependencies]\n{lines}"))
            })
            .collect();
        assert_eq!(check(&manifests), []);
        let details = |folder: &str, text: &str| {
            let changed: Vec<_> = manifests
                .iter()
                .map(|(name, old)| (name.clone(), if name == folder { text } else { old }.to_owned()))
                .collect();
            check(&changed).into_iter().map(|found| found.detail).collect::<Vec<_>>()
        };
        let upward = "[dependencies]\nreef-domain.workspace = true\nreef-service.workspace = true\n";
        assert_eq!(details("crates/ports", upward), ["may not depend on reef-service"]);
        assert_eq!(
            details("crates/ports", "[dependencies]\n"),
            ["does not use reef-domain, which the table allows"]
        );
        assert_eq!(
            details("crates/domain", "[dependencies]\nhttp = \"1\"\n"),
            ["may not depend on http, because the domain knows no HTTP"]
        );
        let renamed: Vec<_> =
            manifests.iter().map(|(name, text)| (name.replace("xtask", "tasks"), text.clone())).collect();
        assert_eq!(check(&renamed).len(), 2);
    }
}

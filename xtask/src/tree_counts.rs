//! The numbers that describe the tree: `cargo xtask counts`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};

use crate::project;
use crate::rules::{self, Crate, words};
use crate::run::output_of;

const SERVICE: &str = "crates/service";

/// Prints the numbers, one per line.
pub fn print() -> Result<()> {
    let crates = rules::crates(project::root())?;
    let service = crates.iter().find(|one| one.folder == SERVICE).context("crates/service does not exist")?;
    let mut lengths: Vec<usize> =
        crates.iter().flat_map(|one| &one.sources).map(|source| source.lines).collect();
    lengths.sort_unstable();
    let tree = output_of(
        "cargo",
        &["tree", "--workspace", "--duplicates", "--edges", "normal", "--depth", "0", "--prefix", "none"],
    )
    .context("cargo tree failed")?;
    let duplicates = duplicates(&tree);
    let (groups, files) = cycles(std::iter::once(service));
    let (all_groups, all_files) = cycles(crates.iter());
    println!("{:>5}  files in the root of {SERVICE}/src", root_files()?);
    println!("{:>5}  methods in `impl Services`", methods(service));
    println!("{groups:>5}  import cycles in {SERVICE} ({files} files)");
    println!("{all_groups:>5}  import cycles in all crates ({all_files} files)");
    println!("{:>5}  lines in the median Rust file outside tests", percentile(&lengths, 50));
    println!("{:>5}  lines in the 90th percentile", percentile(&lengths, 90));
    println!("{:>5}  crates in two or more versions: {}", duplicates.len(), duplicates.join(", "));
    Ok(())
}

/// Counts the files of the service that are in no folder, also those for tests.
fn root_files() -> Result<usize> {
    let entries = fs::read_dir(project::root().join(SERVICE).join("src"))
        .with_context(|| format!("{SERVICE}/src could not be read"))?;
    let paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    Ok(paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).count())
}

/// Counts the functions in blocks `impl Services`.
fn methods(of: &Crate) -> usize {
    of.sources.iter().map(|source| methods_in(&source.code)).sum()
}

/// Counts by indentation, which the formatter makes exact.
fn methods_in(code: &str) -> usize {
    let blocks = code.split("\nimpl Services {").skip(1).filter_map(|rest| rest.split("\n}").next());
    let is_method = |line: &&str| {
        line.strip_prefix("    ")
            .is_some_and(|line| !line.starts_with(' ') && words(line).any(|word| word == "fn"))
    };
    blocks.map(|block| block.lines().filter(is_method).count()).sum()
}

/// Returns the number of cycles, and of the files in them.
fn cycles<'a>(crates: impl Iterator<Item = &'a Crate>) -> (usize, usize) {
    let cycles: Vec<_> = crates.flat_map(Crate::cycles).collect();
    (cycles.len(), cycles.iter().map(|cycle| cycle.files.len()).sum())
}

/// Returns the smallest number that at least this percentage of the sorted numbers does not exceed.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Returns the names of the packages that `cargo tree --duplicates` lists with several versions. It also lists a version that is
/// built with different features.
fn duplicates(tree: &str) -> Vec<&str> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name).or_default().insert(version);
        }
    }
    versions.into_iter().filter(|(_, versions)| versions.len() > 1).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_services_are_counted() {
        let code = "fn a() {}\n\nimpl Services {\n    pub async fn b(&self) {\n        fn c() {}\n    }\n\n    fn d() {}\n}\n\n\
                    impl Other {\n    fn e() {}\n}\n";
        assert_eq!(methods_in(code), 2);
    }

    #[test]
    fn percentiles_are_values_of_the_list() {
        let lengths: Vec<usize> = (1..=10).collect();
        assert_eq!((percentile(&lengths, 50), percentile(&lengths, 90), percentile(&[], 50)), (5, 9, 0));
    }

    #[test]
    fn package_with_one_version_is_no_duplicate() {
        let tree = "a v1.0.0\n\na v2.0.0 (proc-macro)\n\nb v1.0.0\n\nb v1.0.0\n";
        assert_eq!(duplicates(tree), ["a"]);
    }
}

//! The numbers of passed and failed tests, parsed from the output of the test runners.

/// The numbers of passed and failed tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed, perhaps after a retry.
    pub passed: u64,
    /// Tests that failed, timed out or crashed.
    pub failed: u64,
}

impl Counts {
    /// Adds the numbers of another runner.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Parses a line of output. A line that is not a summary counts nothing. Summaries are nextest's
    /// `Summary [   0.1s] 5 tests run: 4 passed, 1 failed, 0 skipped`, cargo test's
    /// `test result: ok. 4 passed; 0 failed; …`, and Playwright's lines `  4 passed (1.2s)` and `  1 failed`.
    pub fn parse_line(line: &str) -> Self {
        let line = line.trim();
        let summary =
            (line.starts_with("Summary [") && line.contains(" run: ")).then(|| line.split(" run: ").last());
        if let Some(list) = summary.flatten().or_else(|| line.strip_prefix("test result: ")) {
            return Self::parse_list(list);
        }
        let mut words = line.split(' ');
        match (words.next().map(str::parse), words.next(), words.next()) {
            (Some(Ok(passed)), Some("passed"), Some(time)) if time.starts_with('(') => {
                Self { passed, failed: 0 }
            }
            (Some(Ok(failed)), Some("failed" | "interrupted"), None) => Self { passed: 0, failed },
            _ => Self::default(),
        }
    }

    fn parse_list(list: &str) -> Self {
        let mut counts = Self::default();
        let words: Vec<&str> = list.split([' ', ',', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => counts.passed += number,
                "failed" | "timed" => counts.failed += number,
                _ => {}
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn counts(passed: u64, failed: u64) -> Counts {
        Counts { passed, failed }
    }

    #[test]
    fn summary_of_each_runner_is_parsed() {
        let nextest =
            "     Summary [   0.214s] 7 tests run: 5 passed (1 slow), 1 failed, 1 timed out, 2 skipped\n";
        assert_eq!(Counts::parse_line(nextest), counts(5, 2));
        let partial = "     Summary [   0.214s] 3/7 tests run: 2 passed, 1 failed, 0 skipped";
        assert_eq!(Counts::parse_line(partial), counts(2, 1));
        let cargo = "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(Counts::parse_line(cargo), counts(3, 2));
        assert_eq!(Counts::parse_line("  12 passed (3.4s)"), counts(12, 0));
        assert_eq!(Counts::parse_line("  1 failed"), counts(0, 1));
    }

    #[test]
    fn other_lines_are_ignored() {
        for line in
            ["running 3 tests", "   PASS [0.01s] reef-domain 5 passed", "  2 skipped", "4 failed logins", ""]
        {
            assert_eq!(Counts::parse_line(line), counts(0, 0), "{line}");
        }
    }
}

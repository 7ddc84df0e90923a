//! Formatting of an error together with all of its sources, for logs.

use std::error::Error;
use std::fmt;

/// Displays an error and its sources, outermost first, joined by colons.
///
/// Log fields need it in every format: the JSON formatter records only the outermost error of a chain.
#[derive(Clone, Copy, Debug)]
pub struct ErrorChain<'a>(pub &'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|inner| inner as _)
        }
    }

    #[test]
    fn every_source_is_shown() {
        let inner = Layer("refused", None);
        let middle = Layer("connection", Some(Box::new(inner)));
        assert_eq!(
            ErrorChain(&Layer("database", Some(Box::new(middle)))).to_string(),
            "database: connection: refused"
        );
        assert_eq!(ErrorChain(&Layer("alone", None)).to_string(), "alone");
    }
}

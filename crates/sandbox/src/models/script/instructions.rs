//! What the system prompt asks for, as far as the scripted model understands it.

/// The languages that the scripted model knows a few sentences of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    French,
    Spanish,
    Italian,
}

/// Names of languages as instructions write them, and BCP 47 tags as settings do.
const LANGUAGES: [(Language, [&str; 3]); 4] = [
    (Language::German, ["german", "deutsch", "de"]),
    (Language::French, ["french", "français", "fr"]),
    (Language::Spanish, ["spanish", "español", "es"]),
    (Language::Italian, ["italian", "italiano", "it"]),
];

/// A system prompt.
pub(super) struct Instructions<'a> {
    system: &'a str,
    lower: String,
}

impl<'a> Instructions<'a> {
    pub fn of(system: &'a str) -> Self {
        Self { system, lower: system.to_lowercase() }
    }

    /// The language to answer in: `answer in German`, `reply in German`, `language: de`.
    pub fn language(&self) -> Language {
        let asked =
            ["answer in ", "reply in ", "respond in ", "speak ", "write in ", "language: ", "language is "];
        let follows = |name: &str| {
            asked.iter().any(|before| {
                self.lower.match_indices(before).any(|(at, _)| {
                    let rest = &self.lower[at + before.len()..];
                    rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
                })
            })
        };
        let found = LANGUAGES.iter().find(|(_, names)| names.iter().any(|name| follows(name)));
        found.map_or(Language::English, |(language, _)| *language)
    }

    /// Does to a reply what the instructions say about its form.
    pub fn apply(&self, reply: &str) -> String {
        let mut reply = reply.to_owned();
        if let Some(start) = self.quoted_after(&["begin every answer with ", "start every answer with "]) {
            reply = format!("{start} {reply}");
        }
        if let Some(end) =
            self.quoted_after(&["end every answer with ", "end each answer with ", "end all answers with "])
        {
            reply = format!("{} {end}", reply.trim_end());
        }
        let capitals = ["in capitals", "in capital letters", "in all caps", "in uppercase"];
        if capitals.iter().any(|words| self.lower.contains(words)) {
            reply = reply.to_uppercase();
        }
        reply
    }

    /// Finds what follows one of these phrases: a quoted text, or the rest of the sentence.
    fn quoted_after(&self, phrases: &[&str]) -> Option<String> {
        // Lower-casing ASCII letters keeps the byte offsets valid.
        let lower = self.system.to_ascii_lowercase();
        let rest =
            phrases.iter().find_map(|phrase| Some(&self.system[lower.find(phrase)? + phrase.len()..]))?;
        let line = rest.lines().next().unwrap_or_default().trim();
        let quotes = [('"', '"'), ('“', '”'), ('\'', '\''), ('`', '`'), ('«', '»')];
        let quoted = quotes.iter().find_map(|(open, close)| {
            let inner = line.strip_prefix(*open)?;
            Some(&inner[..inner.find(*close)?])
        });
        let end = quoted.unwrap_or_else(|| line.split(". ").next().unwrap_or_default().trim_end_matches('.'));
        (!end.trim().is_empty()).then(|| end.trim().to_owned())
    }

    /// Repeats the instructions: what follows a heading such as `Instructions:`, or the whole prompt if there is none.
    pub fn recite(&self) -> String {
        let lower = self.system.to_ascii_lowercase();
        let heading = lower.find("instructions").and_then(|at| {
            let colon = at + lower[at..].find(':')?;
            // A heading and its colon are on the same line.
            (!lower[at..colon].contains('\n')).then_some(colon + 1)
        });
        let own = heading.map_or(self.system, |at| &self.system[at..]).trim();
        if own.is_empty() {
            "I have no instructions.".to_owned()
        } else {
            format!("These are my instructions:\n\n{own}")
        }
    }
}

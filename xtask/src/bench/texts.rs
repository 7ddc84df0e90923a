//! What the report says about each measurement: its title, and one sentence on what limits the figure.

use super::options::Measure;

impl Measure {
    /// The name in the report.
    pub const fn title(self) -> &'static str {
        match self {
            Self::RefusedKey => "Refused API key (401)",
            Self::Status => "Status of an assistant",
            Self::List => "List of 100 assistants",
            Self::StartPage => "Start page",
            Self::DocsPage => "Documentation page",
            Self::Dashboard => "Dashboard with 100 assistants",
            Self::AssistantPage => "Page of an assistant",
            Self::Bots => "Activations and turns",
            Self::Streams => "Event streams",
            Self::Process => "Process",
        }
    }

    /// What limits the figure.
    pub const fn limit(self) -> &'static str {
        match self {
            Self::RefusedKey => {
                "The key's checksum is wrong, so that no database is asked: what is left is the HTTP server, the layers that \
                 every request passes and its log line."
            }
            Self::Status => {
                "A request authenticates its key, counts against its rate limit, reads one row and is logged; the bare limit \
                 only reads the row."
            }
            Self::List => {
                "A request reads 100 rows and renders their 20 fields, which is about 70 KB of JSON; authentication and log \
                 are small next to that."
            }
            Self::StartPage => {
                "The page is the same for every visitor; the figure is bounded by the HTTP server and by what is rendered for \
                 each request."
            }
            Self::DocsPage => {
                "The page is the same for every visitor and larger than the start page, so that copying its bytes counts, too."
            }
            Self::Dashboard => {
                "A request reads a session and 100 assistants, and renders a card for each of them."
            }
            Self::AssistantPage => {
                "A request reads a session, one assistant with its timeline, its deliveries and its settings, and renders the page."
            }
            Self::Bots => {
                "The sandbox, in another process, plays Polar, Telegram and the models, and shares the processors; a turn waits \
                 for the commits that make it safe against a crash. Activations are counted from the first request until the \
                 last customer has read the status active; each message is in a chat of its own."
            }
            Self::Streams => {
                "Each user has two streams on one assistant; memory is what the process has grown by, divided by the streams. \
                 A delay is counted from the request that stops the assistant until a stream has the event, so that it contains \
                 the stop itself, while 100 assistants without streams are stopped each second."
            }
            Self::Process => {
                "The start opens the database, compares its migrations with those of the binary and binds the address; idle \
                 memory is the program, its pools and its caches."
            }
        }
    }
}

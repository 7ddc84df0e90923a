//! Texts to start from.

use leptos::prelude::*;

/// A text to start from.
pub(super) struct Template {
    /// The name in the page's address.
    pub(super) slug: &'static str,
    pub(super) label: &'static str,
    pub(super) instructions: &'static str,
    pub(super) greeting: &'static str,
}

pub(super) const TEMPLATES: [Template; 5] = [
    Template {
        slug: "support",
        label: "Support",
        instructions: "You answer questions about our product for its customers. Be friendly and precise. Ask one question \
            if something is unclear. Never guess prices, dates or promises: if you don't know, say that a person will follow up.",
        greeting: "Hi! What can I help you with?",
    },
    Template {
        slug: "tutor",
        label: "Tutor",
        instructions: "You help one person learn. Explain step by step, with an example from daily life. Ask what they already \
            know before you begin. Don't solve exercises for them: give hints, and check their answers.",
        greeting: "Hello! What would you like to learn today?",
    },
    Template {
        slug: "coach",
        label: "Coach",
        instructions: "You help one person reach their goals. Ask open questions, listen, and summarize what you understood. \
            End each conversation with one small step that they want to take next. You are not a doctor or a therapist: say so \
            when it matters.",
        greeting: "Good to see you. What is on your mind?",
    },
    Template {
        slug: "writer",
        label: "Writer",
        instructions: "You help one person write. Keep their voice. Improve clarity first, then style. Show the improved text, \
            then explain the most important changes in a few words.",
        greeting: "Send me a text, or say what you would like to write.",
    },
    Template { slug: "blank", label: "Blank", instructions: "", greeting: "" },
];

/// Links to the texts to start from. They fill in the form, which still has to be saved.
pub(super) fn section(here: &str, chosen: Option<&'static Template>) -> AnyView {
    let link = |template: &'static Template| {
        let to = format!("{here}?template={}", template.slug);
        view! { <a class="button quiet small" href=to>{template.label}</a> " " }
    };
    let note = chosen.map(|template| {
        let sentence = format!("The template {} is filled in below. It isn’t saved yet.", template.label);
        view! { <p role="status">{sentence}</p> }
    });
    view! {
        <p>"Start from a template: " {TEMPLATES.iter().map(link).collect_view()}</p>
        {note}
    }
    .into_any()
}

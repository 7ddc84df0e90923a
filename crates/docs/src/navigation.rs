//! The pages in groups, as they stand beside every page.

use crate::page::Draft;

/// Pages that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they have in common.
    pub title: String,
    /// The pages.
    pub links: Vec<Link>,
}

/// A link to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where to.
    pub path: String,
    /// What it says.
    pub label: String,
    /// An endpoint's method, in capitals.
    pub method: Option<String>,
}

/// The groups of all pages, in the order in which they first appear.
pub(crate) fn groups(drafts: &[Draft]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for draft in drafts {
        let link = Link { path: draft.path(), label: draft.label.clone(), method: draft.method.clone() };
        match groups.iter_mut().find(|group| group.title == draft.group) {
            Some(group) => group.links.push(link),
            None => groups.push(Group { title: draft.group.clone(), links: vec![link] }),
        }
    }
    groups
}

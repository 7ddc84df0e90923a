//! The navigation, which groups the links to all pages.

use crate::page::Draft;

/// A group of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The heading of the group.
    pub title: String,
    /// The links to the pages, in order.
    pub links: Vec<Link>,
}

/// A link in the navigation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The path of the page, such as `/docs/quick-start`.
    pub path: String,
    /// The text of the link.
    pub label: String,
    /// The method in upper case, if the page is about an endpoint.
    pub method: Option<String>,
}

/// Groups all pages. The groups are in the order in which they first appear.
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

//! Which entities may contain which. The rules are those of the Bot API, type `MessageEntity`, and of `fix_entities` in TDLib's
//! `MessageEntity.cpp`: what breaks them is no error, but the entities are changed.

use serde_json::{Value, json};

/// Kinds that can be cut into pieces, because each piece looks the same.
const SPLITTABLE: [&str; 5] = ["bold", "italic", "underline", "strikethrough", "spoiler"];

#[derive(Clone)]
struct Entity {
    start: usize,
    end: usize,
    value: Value,
}

impl Entity {
    fn read(value: Value) -> Self {
        let number = |name: &str| value[name].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let (start, length) = (number("offset"), number("length"));
        Self { start, end: start + length, value }
    }

    fn kind(&self) -> &str {
        self.value["type"].as_str().unwrap_or_default()
    }

    fn is_splittable(&self) -> bool {
        SPLITTABLE.contains(&self.kind())
    }

    fn is_code(&self) -> bool {
        matches!(self.kind(), "code" | "pre")
    }

    fn is_quote(&self) -> bool {
        matches!(self.kind(), "blockquote" | "expandable_blockquote")
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether two entities that are not splittable can be in one text.
    fn is_compatible(&self, other: &Self) -> bool {
        if !self.overlaps(other) {
            return true;
        }
        match (self.is_quote(), other.is_quote()) {
            (true, false) => self.contains(other),
            (false, true) => other.contains(self),
            _ => false,
        }
    }
}

/// Returns the entities that Telegram stores, sorted: code contains nothing and is in no emphasis, quotations are not nested, links
/// contain no links, and no two entities overlap in part.
pub(super) fn fix(entities: Vec<Value>) -> Vec<Value> {
    let (mut splittable, mut others): (Vec<Entity>, Vec<Entity>) =
        entities.into_iter().map(Entity::read).partition(Entity::is_splittable);
    others.sort_by_key(|entity| (entity.start, std::cmp::Reverse(entity.end)));
    let mut kept: Vec<Entity> = Vec::with_capacity(others.len());
    for entity in others {
        if kept.iter().all(|other| other.is_compatible(&entity)) {
            kept.push(entity);
        }
    }
    splittable.sort_by_key(|entity| (entity.start, std::cmp::Reverse(entity.end)));
    let mut pieces = Vec::with_capacity(splittable.len());
    for entity in splittable {
        pieces.extend(split(&entity, &kept, &pieces));
    }
    kept.extend(pieces);
    kept.sort_by_key(|entity| (entity.start, std::cmp::Reverse(entity.end)));
    kept.into_iter().map(|entity| entity.value).collect()
}

/// Cuts an entity where another one begins or ends that it overlaps in part, and removes the pieces in code.
fn split(entity: &Entity, others: &[Entity], before: &[Entity]) -> Vec<Entity> {
    let mut cuts = vec![entity.start, entity.end];
    for other in others.iter().chain(before).filter(|other| other.overlaps(entity)) {
        if other.is_code() || !(other.contains(entity) || entity.contains(other)) {
            cuts.extend([other.start, other.end].iter().filter(|at| (entity.start..entity.end).contains(at)));
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let piece = |pair: &[usize]| {
        let mut value = entity.value.clone();
        value["offset"] = json!(pair[0]);
        value["length"] = json!(pair[1] - pair[0]);
        Entity { start: pair[0], end: pair[1], value }
    };
    let is_shown = |piece: &Entity| {
        let is_twice = |other: &&Entity| other.kind() == piece.kind() && other.contains(piece);
        !others.iter().any(|other| other.is_code() && other.overlaps(piece))
            && before.iter().find(is_twice).is_none()
    };
    cuts.windows(2).map(piece).filter(is_shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(entities: &[(&str, usize, usize)]) -> Vec<(String, usize, usize)> {
        let value = |(kind, offset, length): &(&str, usize, usize)| json!({"type": kind, "offset": offset, "length": length});
        let read = |value: Value| {
            let entity = Entity::read(value);
            (entity.kind().to_owned(), entity.start, entity.end - entity.start)
        };
        fix(entities.iter().map(value).collect()).into_iter().map(read).collect()
    }

    #[test]
    fn nesting_is_fixed_as_telegram_does() {
        for (given, expected) in [
            (vec![("italic", 2, 3), ("bold", 0, 9)], vec![("bold", 0, 9), ("italic", 2, 3)]),
            (vec![("bold", 0, 9), ("code", 3, 2)], vec![("bold", 0, 3), ("code", 3, 2), ("bold", 5, 4)]),
            (vec![("pre", 0, 9), ("bold", 2, 3), ("text_link", 4, 2)], vec![("pre", 0, 9)]),
            (vec![("blockquote", 0, 9), ("pre", 2, 3)], vec![("blockquote", 0, 9), ("pre", 2, 3)]),
            (vec![("blockquote", 0, 9), ("blockquote", 2, 3)], vec![("blockquote", 0, 9)]),
            (vec![("blockquote", 0, 4), ("pre", 2, 4)], vec![("blockquote", 0, 4)]),
            (
                vec![("bold", 0, 5), ("italic", 3, 5)],
                vec![("bold", 0, 5), ("italic", 3, 2), ("italic", 5, 3)],
            ),
            (vec![("bold", 0, 5), ("bold", 1, 2)], vec![("bold", 0, 5)]),
            (vec![("text_link", 0, 5), ("code", 1, 2)], vec![("text_link", 0, 5)]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(kind, at, length)| (kind.to_owned(), at, length)).collect();
            assert_eq!(fixed(&given), expected, "{given:?}");
        }
    }
}

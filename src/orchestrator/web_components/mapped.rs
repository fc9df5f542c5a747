use std::ops::Range;

/// A text that was read out of another, and where in the other each part of it stands: through entities,
/// doubled quotes and their like. Layers of quoting are read one after the other, each from the last.
pub(super) struct Mapped {
    text: String,
    /// Where each byte of `text` begins in the source, and one more: where the last one ends.
    places: Vec<usize>,
}

impl Mapped {
    /// An empty text that begins at `place`.
    pub(super) fn starting_at(place: usize) -> Self {
        Self {
            text: String::new(),
            places: vec![place],
        }
    }

    /// Adds a character that takes the source up to `end`.
    pub(super) fn push(&mut self, character: char, end: usize) {
        let start = self.places.last().copied().unwrap_or(end);
        self.places
            .extend(std::iter::repeat_n(start, character.len_utf8() - 1));
        self.places.push(end);
        self.text.push(character);
    }

    /// The text as its reader means it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where a part of the text stands in the source.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        self.places[part.start]..self.places[part.end]
    }

    /// A part of the text, without the characters that `is_dropped` at their
    /// positions in the part. A dropped one belongs to the source of the one that follows.
    pub(super) fn part(&self, part: Range<usize>, is_dropped: impl Fn(usize) -> bool) -> Self {
        let mut this = Self::starting_at(self.places[part.start]);
        for (at, character) in self.text[part.clone()].char_indices() {
            let end = self.places[part.start + at + character.len_utf8()];
            if !is_dropped(at) {
                this.push(character, end);
            }
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_know_where_they_stand() {
        // `a&amp;é""b` read to `a&é""b`, and then to `a&é"b`.
        let mut outer = Mapped::starting_at(10);
        for (character, end) in [
            ('a', 11),
            ('&', 16),
            ('é', 18),
            ('"', 19),
            ('"', 20),
            ('b', 21),
        ] {
            outer.push(character, end);
        }
        assert_eq!(outer.as_str(), "a&é\"\"b");
        assert_eq!(outer.source(1..2), 11..16);
        assert_eq!(outer.source(2..4), 16..18);
        let inner = outer.part(1..7, |at| at == 3);
        assert_eq!(inner.as_str(), "&é\"b");
        assert_eq!(inner.source(0..1), 11..16);
        assert_eq!(inner.source(3..4), 18..20);
        assert_eq!(inner.source(4..5), 20..21);
        assert_eq!(inner.source(0..5), 11..21);
        assert_eq!(inner.source(5..5), 21..21);
    }
}

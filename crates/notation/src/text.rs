//! Looking at foreign text before any parser that recurses sees it, and showing parts of it in messages.

/// Returns the beginning of a text, on one line, for a message.
pub(crate) fn shorten(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    let mut shown = String::new();
    for (count, character) in text.trim().chars().enumerate() {
        if count == CHARACTERS_MAX {
            shown.push('…');
            break;
        }
        shown.push(if character.is_control() { ' ' } else { character });
    }
    shown
}

//! The cell that keeps the agreed text of a request: a length and as many bytes as the text may have,
//! from the ask on, so that the reveal which brings the text moves no storage deposit.

use ink::prelude::{vec, vec::Vec};
use llm_oracle_primitives::Answer;

use crate::Form;

/// Bytes of the length.
const HEAD: usize = 4;

/// The cell as the ask writes it; none for closed forms.
pub fn empty_text(form: &Form) -> Option<Vec<u8>> {
    let room = form.open_bytes()? as usize;
    Some(vec![0; room.saturating_add(HEAD)])
}

/// The cell with an answer; none for closed answers and for one that does not fit.
pub fn filled_text(form: &Form, answer: &Answer) -> Option<Vec<u8>> {
    let mut cell = empty_text(form)?;
    let (Answer::Text(bytes) | Answer::Json(bytes)) = answer else {
        return None;
    };
    let length = u32::try_from(bytes.len()).ok()?;
    let (head, room) = cell.split_at_mut_checked(HEAD)?;
    head.copy_from_slice(&length.to_le_bytes());
    room.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(cell)
}

/// The answer in a cell.
pub fn read_text(form: &Form, cell: &[u8]) -> Option<Answer> {
    let (head, room) = cell.split_at_checked(HEAD)?;
    let length = u32::from_le_bytes(head.try_into().ok()?) as usize;
    let bytes = room.get(..length)?.to_vec();
    match form {
        Form::Text { .. } => Some(Answer::Text(bytes)),
        Form::Json => Some(Answer::Json(bytes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_reads_back_and_the_cell_keeps_its_size() {
        let form = Form::Text { most: 5 };
        let room = empty_text(&form).map(|cell| cell.len());
        for text in ["a", "abcde"] {
            let answer = Answer::Text(text.into());
            let cell = filled_text(&form, &answer);
            assert_eq!(cell.as_ref().map(Vec::len), room);
            assert_eq!(cell.and_then(|cell| read_text(&form, &cell)), Some(answer));
        }
        assert_eq!(filled_text(&form, &Answer::Text(b"abcdef".to_vec())), None);
        assert_eq!(filled_text(&form, &Answer::Bool(true)), None);
        assert_eq!(empty_text(&Form::Bool), None);
    }
}

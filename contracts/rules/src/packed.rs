//! Storage cells of packed records of fixed size.

use core::{marker::PhantomData, mem::size_of, ops::Range};
use ink::prelude::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// One storage cell of `COUNT` records, read and written by offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed<T, const COUNT: u32> {
    bytes: Vec<u8>,
    record: PhantomData<T>,
}

impl<T: FromBytes + IntoBytes + Immutable, const COUNT: u32> Packed<T, COUNT> {
    /// Bytes of a full cell.
    pub const MOST_BYTES: usize = size_of::<T>() * COUNT as usize;

    /// Number of the cell that holds record `index`.
    pub fn number(index: u32) -> u32 {
        index.checked_div(COUNT).unwrap_or(0)
    }

    /// Wraps what storage holds.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            record: PhantomData,
        }
    }

    /// What storage is to hold.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The buffer, for another cell.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    fn range(index: u32) -> Range<usize> {
        let place = index.checked_rem(COUNT).unwrap_or(0) as usize;
        // A cell has at most 12 KiB: inside usize on every target.
        let start = place.saturating_mul(size_of::<T>());
        start..start.saturating_add(size_of::<T>())
    }

    /// A record, if the cell reaches that far.
    pub fn get(&self, index: u32) -> Option<T> {
        T::read_from_bytes(self.bytes.get(Self::range(index))?).ok()
    }

    /// Overwrites a record, or appends it as the next one.
    pub fn set(&mut self, index: u32, record: &T) {
        match self.bytes.get_mut(Self::range(index)) {
            // Both have the record's size.
            Some(place) => place.copy_from_slice(record.as_bytes()),
            None => self.bytes.extend_from_slice(record.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_reads_what_was_written_and_keeps_its_neighbours() {
        let mut cell = Packed::<u64, 64>::new(Vec::new());
        for index in 64..128 {
            cell.set(index, &u64::from(index));
        }
        cell.set(70, &5);
        assert_eq!(
            [69, 70, 71].map(|index| cell.get(index)),
            [Some(69), Some(5), Some(71)]
        );
        assert_eq!(Packed::<u64, 64>::number(127), 1);
        assert_eq!(cell.bytes().len(), 64 * 8);
        assert_eq!(Packed::<u64, 64>::new(vec![0; 15]).get(1), None);
    }
}

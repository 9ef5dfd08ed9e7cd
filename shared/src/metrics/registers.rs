//! The union of many sketches, register by register.
//!
//! The library's own works out its estimate anew with every sketch that it takes in, for which it needs many times as long
//! as for the union. A year has 1,460 sketches and needs one estimate. What is read and written here are the library's
//! serialized sketches, whose form is the same in all implementations of Apache `DataSketches`.

use datasketches::hll::HllSketch;

/// The logarithm of their number, to the base of 2.
pub(super) const LG_REGISTERS: u8 = 12;

const COUNT: usize = 1 << LG_REGISTERS;
const HALF: usize = COUNT / 2;

/// What comes before the registers. A sketch of fewer users has none.
const PREAMBLE: usize = 40;

/// The values of the preamble's eighth byte for registers of four and of eight bits.
const OF_FOUR_BITS: u8 = 2;
const OF_EIGHT_BITS: u8 = 10;

/// A hash has no more zeros at its front than can be said in six bits.
const GREATEST: u8 = 63;

/// The greatest value in each register of some sketches, those of even numbers and those of odd ones: two of four bits are
/// in a byte, and what is done to all bytes alike the compiler does to sixteen at once.
#[derive(Default)]
pub(super) struct Registers(Option<Box<Halves>>);

struct Halves {
    even: [u8; HALF],
    odd: [u8; HALF],
}

impl Registers {
    /// Takes in a serialized sketch; false for one that has no registers of four or eight bits.
    pub(super) fn merge(&mut self, sketch: &[u8]) -> bool {
        let Some((preamble, rest)) = sketch.split_first_chunk::<PREAMBLE>() else { return false };
        match preamble[7] {
            OF_FOUR_BITS => {
                let Some((packed, exceptions)) = rest.split_first_chunk::<HALF>() else { return false };
                self.halves().merge_packed(packed, preamble[6], exceptions);
            }
            OF_EIGHT_BITS => {
                let Some(registers) = rest.first_chunk::<COUNT>() else { return false };
                self.halves().merge_whole(registers);
            }
            _ => return false,
        }
        true
    }

    /// Whether users can have brought them about: the library would shift by a value that is too large for it.
    pub(super) fn are_possible(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|halves| halves.even.iter().chain(&halves.odd).all(|value| *value <= GREATEST))
    }

    fn halves(&mut self) -> &mut Halves {
        self.0.get_or_insert_with(|| Box::new(Halves { even: [0; HALF], odd: [0; HALF] }))
    }

    /// The sketch that has these registers; `None` if none was taken in.
    #[expect(clippy::expect_used, reason = "what is wrong with the bytes here is wrong with all of them")]
    pub(super) fn to_sketch(&self) -> Option<HllSketch> {
        let serialized = self.0.as_ref()?.serialized();
        Some(HllSketch::deserialize(&serialized).expect("a sketch as the library makes it"))
    }
}

impl Halves {
    /// Four bits are how much a register is above `least`; all of them set say that it is among the exceptions, because it
    /// is so much above or more.
    fn merge_packed(&mut self, packed: &[u8; HALF], least: u8, exceptions: &[u8]) {
        for ((even, odd), byte) in self.even.iter_mut().zip(&mut self.odd).zip(packed) {
            *even = (*even).max((byte & 0x0f).saturating_add(least));
            *odd = (*odd).max((byte >> 4).saturating_add(least));
        }
        for exception in exceptions.as_chunks::<4>().0 {
            // The number of the register in the lower 26 bits, as the hash has it, and its value in the upper six.
            let [low, high, .., value] = *exception;
            let number = usize::from(u16::from_le_bytes([low, high])) % COUNT;
            let register = if number.is_multiple_of(2) { &mut self.even } else { &mut self.odd };
            register[number / 2] = register[number / 2].max(value >> 2);
        }
    }

    fn merge_whole(&mut self, registers: &[u8; COUNT]) {
        for ((even, odd), [one, other]) in
            self.even.iter_mut().zip(&mut self.odd).zip(registers.as_chunks::<2>().0)
        {
            *even = (*even).max(*one);
            *odd = (*odd).max(*other);
        }
    }

    /// As the library serializes registers of eight bits.
    fn serialized(&self) -> Vec<u8> {
        // The number of integers before the registers, version, family, size; nothing that is unused; the flag that the
        // order in which users came is unknown; the least register, which only four bits need.
        const START: [u8; 8] = [10, 1, 7, LG_REGISTERS, 0, 16, 0, OF_EIGHT_BITS];
        let (zeros, sums) = self.zeros_and_sums();
        let mut bytes = Vec::with_capacity(PREAMBLE + COUNT);
        bytes.extend(START);
        for number in [0.0, sums[0], sums[1]] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(zeros.to_le_bytes());
        bytes.resize(PREAMBLE + COUNT, 0);
        let pairs = bytes[PREAMBLE..].as_chunks_mut::<2>().0;
        for ((even, odd), pair) in self.even.iter().zip(&self.odd).zip(pairs) {
            *pair = [*even, *odd];
        }
        bytes
    }

    /// How many registers are zero, and the sums of 1 / 2^register, of those below 32 and of the others. All are whole
    /// multiples of 1 / 2^31 and 1 / 2^63, so that they are exact in whatever order they are made.
    fn zeros_and_sums(&self) -> (u32, [f64; 2]) {
        let (mut zeros, mut sums) = (0, [0_u64; 2]);
        for value in self.even.iter().chain(&self.odd) {
            zeros += u32::from(*value == 0);
            let part = usize::from(*value >= 32);
            sums[part] += 1 << (31 - value % 32);
        }
        #[expect(clippy::cast_precision_loss, reason = "below 2^44")]
        let [low, high] = sums.map(|sum| sum as f64);
        (zeros, [low * 0.5_f64.powi(31), high * 0.5_f64.powi(63)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test has as many users as bring a register to 32: there would have to be billions.
    #[test]
    fn sums_are_exact_where_registers_are_high() {
        let mut halves = Halves { even: [0; HALF], odd: [0; HALF] };
        (halves.even[0], halves.even[7], halves.odd[0], halves.odd[9]) = (1, 31, 32, 63);
        let zeros = COUNT - 4;
        let low = 4_092.0 + 0.5_f64 + 0.5_f64.powi(31);
        let high = 0.5_f64.powi(32) + 0.5_f64.powi(63);
        assert_eq!(halves.zeros_and_sums(), (u32::try_from(zeros).unwrap(), [low, high]));
        // And the library takes them for the same.
        let library = HllSketch::deserialize(&halves.serialized()).unwrap();
        assert_eq!(library.serialize(), halves.serialized());
    }
}

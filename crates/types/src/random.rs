//! Randomness is a parameter: who needs some takes an [`Entropy`].

/// A source of unpredictable bytes. The binary passes the operating system's; tests pass a fixed one.
pub trait Entropy: Send {
    /// Fills `bytes` completely.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// `N` random bytes, drawn once.
#[derive(Clone, Copy)]
pub struct Random<const N: usize>([u8; N]);

impl<const N: usize> Random<N> {
    /// Draws from `source`.
    pub fn draw(source: &mut dyn Entropy) -> Self {
        let mut bytes = [0; N];
        source.fill(&mut bytes);
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}

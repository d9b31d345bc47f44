//! Functions of the kernel, as the files of `data/` write them.
//!
//! In: texts. Out: a name, the kernels that it is true of, and where it is a symbol. Refuses: empty names, ranges that
//! are none, words that it does not know.
//!
//! A function is `name`, `name*` (a beginning), each followed by an optional range of kernels and by an optional
//! word on where it is a symbol: `"pick_file ..6.7 inlined"`.

mod kernels;

pub use kernels::{KernelRange, KernelRelease};

/// What is wrong with a dictionary. Messages read after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DictionaryError {
    /// No TOML, or of another shape.
    #[error("read the dictionary")]
    Toml(#[from] toml::de::Error),
    /// A function.
    #[error("understand '{text}' of {whose}")]
    Function {
        /// The lock or the role.
        whose: String,
        /// What stands there.
        text: String,
    },
    /// Functions that no kernel of the matrix has, without a reason; or a reason without such functions.
    #[error("tell why functions of {whose} are listed that no kernel of the matrix has")]
    Reason {
        /// The role.
        whose: String,
    },
}

/// Where, within its range, a function is a symbol of its own. One that the compiler puts into its caller is none,
/// and then the caller acquires or spins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In every kernel of the matrix.
    Always,
    /// In one of them at least.
    Sometimes,
    /// In none of them; in other builds.
    Elsewhere,
}

/// A function that livelock knows by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFunction {
    /// Name, or with a trailing `*` the beginning of one.
    pub pattern: String,
    /// Kernels in which it does what it is listed for.
    pub kernels: KernelRange,
    /// Where it is a symbol.
    pub presence: Presence,
}

impl KnownFunction {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').peekable();
        let pattern = words.next().filter(|name| !name.is_empty())?;
        let kernels = match words.next_if(|word| word.contains("..")) {
            Some(range) => KernelRange::parse(range)?,
            None => KernelRange::default(),
        };
        let presence = match words.next() {
            None => Presence::Always,
            Some("inlined") => Presence::Sometimes,
            Some("elsewhere") => Presence::Elsewhere,
            Some(_) => return None,
        };
        words.next().is_none().then(|| Self {
            pattern: pattern.to_owned(),
            kernels,
            presence,
        })
    }

    /// Reads those of `whose`.
    pub(crate) fn parse_all(whose: &str, texts: &[String]) -> Result<Vec<Self>, DictionaryError> {
        let functions = texts.iter().map(|text| {
            Self::parse(text).ok_or_else(|| DictionaryError::Function {
                whose: whose.to_owned(),
                text: text.clone(),
            })
        });
        functions.collect()
    }
}

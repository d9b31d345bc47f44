//! The parts of the screen, in the order of Tab.

/// A part of the overview, and the detail that Enter opens for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pane {
    /// The banner; its detail is the evidence.
    Verdict,
    /// The CPUs; detail of one.
    Cpus,
    /// The time line; its detail is a line a window.
    Time,
    /// The locks; detail of one.
    #[default]
    Locks,
    /// What the tool costs.
    Cost,
}

impl Pane {
    const ORDER: [Self; 5] = [
        Self::Verdict,
        Self::Cpus,
        Self::Time,
        Self::Locks,
        Self::Cost,
    ];

    const fn index(self) -> usize {
        match self {
            Self::Verdict => 0,
            Self::Cpus => 1,
            Self::Time => 2,
            Self::Locks => 3,
            Self::Cost => 4,
        }
    }

    pub(super) fn next(self) -> Self {
        Self::ORDER[(self.index() + 1) % Self::ORDER.len()]
    }

    pub(super) fn previous(self) -> Self {
        Self::ORDER[(self.index() + Self::ORDER.len() - 1) % Self::ORDER.len()]
    }

    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::Verdict => "evidence",
            Self::Cpus => "CPU",
            Self::Time => "windows",
            Self::Locks => "lock",
            Self::Cost => "cost of this tool",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_goes_round() {
        let mut pane = Pane::default();
        for _ in Pane::ORDER {
            assert_eq!(pane.next().previous(), pane);
            assert_eq!(Pane::ORDER[pane.index()], pane);
            pane = pane.next();
        }
        assert_eq!(pane, Pane::default());
    }
}

//! The core from outside: events in, verdicts out.

#[cfg(test)]
mod books;
#[cfg(test)]
mod classes;
#[cfg(test)]
mod declared;
#[cfg(test)]
mod escalation;
#[cfg(test)]
mod halted;
#[cfg(test)]
mod late_probes;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod rules;
mod saturation;
#[cfg(test)]
mod scenario;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod scoped;
#[cfg(test)]
mod sites;
mod sustained;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod windows;

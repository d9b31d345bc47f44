//! Triggers, rings and pieces.

//! CSV: a row for each window, or for each lock in each window.
//!
//! In: windows. Out: a line with the names of columns, then rows; what could not be seen is empty. Refuses: a summary;
//! a table has no place for it, so whether it is whole is the exit code's to say.

use csv::{Writer, WriterBuilder};
use livelock_core::recording::Opening;
use serde::Serialize;

use super::rows;
use super::{Ending, ExportError, Exporter, Moment, Table};

/// The table so far.
pub(crate) struct Rows {
    table: Table,
    has_names: bool,
}

impl Rows {
    pub(crate) const fn new(table: Table) -> Self {
        Self {
            table,
            has_names: false,
        }
    }

    /// Lines of `rows`, the names of their fields before the first ever.
    fn lines(
        &mut self,
        rows: impl Iterator<Item = impl Serialize>,
    ) -> Result<Vec<u8>, ExportError> {
        let mut writer: Writer<Vec<u8>> = WriterBuilder::new()
            .has_headers(!self.has_names)
            .from_writer(Vec::new());
        for row in rows {
            writer.serialize(row)?;
            self.has_names = true;
        }
        writer.into_inner().map_err(|error| ExportError::Csv {
            source: error.into_error().into(),
        })
    }
}

impl Exporter for Rows {
    fn begin(&mut self, _: &Opening) -> Result<Vec<u8>, ExportError> {
        Ok(Vec::new())
    }

    fn window(&mut self, moment: &Moment<'_>) -> Result<Vec<u8>, ExportError> {
        match self.table {
            Table::Windows => self.lines(std::iter::once(rows::window(moment.summary))),
            Table::Locks => self.lines(rows::locks(moment)),
        }
    }

    fn end(&mut self, _: &Ending<'_>) -> Result<Vec<u8>, ExportError> {
        Ok(Vec::new())
    }
}

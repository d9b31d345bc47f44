//! Parquet: the tables of CSV, in columns.
//!
//! In: windows. Out: row groups as they fill up, and the footer at the end; what could not be seen is null. Refuses:
//! more than [`NR_ROWS`] rows in memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use livelock_core::recording::Opening;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RecordWriter;
use parquet_derive::ParquetRecordWriter;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::rows;
use super::{Ending, ExportError, Exporter, Moment, Table};

/// Rows of a group.
const NR_ROWS: usize = 16_384;

/// A window with words as text.
#[derive(Deserialize, ParquetRecordWriter)]
#[serde(deny_unknown_fields)]
struct WindowColumns {
    number: u64,
    ended_unix_ms: u64,
    duration_ns: u64,
    status: String,
    busy_pct: Option<f64>,
    burn_pct: Option<f64>,
    omega: Option<f64>,
    no_progress: bool,
    user_pct: Option<f64>,
    top_lock: Option<String>,
    waits_per_sec: f64,
    nr_in_flight: u64,
    oldest_in_flight_ns: Option<u64>,
    nr_lost: u64,
    self_cpu_pct: Option<f64>,
    self_bpf_cpu_pct: Option<f64>,
    probe_groups: String,
}

/// A lock in a window with words as text.
#[derive(Deserialize, ParquetRecordWriter)]
#[serde(deny_unknown_fields)]
struct LockColumns {
    number: u64,
    ended_unix_ms: u64,
    duration_ns: u64,
    addr: Option<String>,
    name: Option<String>,
    name_source: Option<String>,
    kind: String,
    nr_begun: u64,
    nr_waits: u64,
    nr_failed: u64,
    wait_total_ns: u64,
    wait_p50_ns: Option<u64>,
    wait_p99_ns: Option<u64>,
    wait_max_ns: u64,
    spin_ns: u64,
    sleep_ns: u64,
    nr_in_flight: u64,
    oldest_in_flight_ns: Option<u64>,
    nr_cpus: u64,
}

/// What was written and not yet given away.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut mine = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mine.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file whose rows are `Row`s.
struct File<Row> {
    rows: Vec<Row>,
    writer: Option<SerializedFileWriter<Written>>,
    written: Written,
}

impl<Row: DeserializeOwned> File<Row>
where
    for<'a> &'a [Row]: RecordWriter<Row>,
{
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            writer: None,
            written: Written::default(),
        }
    }

    /// The same fields, by their names: one that is missing here is an error, not a gap.
    fn push(&mut self, row: &impl Serialize) -> Result<(), ExportError> {
        self.rows
            .push(serde_json::from_value(serde_json::to_value(row)?)?);
        if self.rows.len() >= NR_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_created_by(format!("livelock {}", env!("CARGO_PKG_VERSION")))
                    .build();
                let schema = self.rows.as_slice().schema()?;
                SerializedFileWriter::new(self.written.clone(), schema, Arc::new(properties))?
            }
        };
        if !self.rows.is_empty() {
            let mut group = writer.next_row_group()?;
            self.rows.as_slice().write_to_row_group(&mut group)?;
            group.close()?;
            self.rows.clear();
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.write_group()?;
        if let Some(writer) = self.writer.take() {
            writer.close()?;
        }
        Ok(())
    }
}

/// One of the two tables.
enum Rows {
    Windows(File<WindowColumns>),
    Locks(File<LockColumns>),
}

/// The file so far.
pub(crate) struct Columns {
    file: Rows,
}

impl Columns {
    pub(crate) fn new(table: Table) -> Self {
        Self {
            file: match table {
                Table::Windows => Rows::Windows(File::new()),
                Table::Locks => Rows::Locks(File::new()),
            },
        }
    }

    fn take(&self) -> Vec<u8> {
        match &self.file {
            Rows::Windows(file) => file.written.take(),
            Rows::Locks(file) => file.written.take(),
        }
    }
}

impl Exporter for Columns {
    fn begin(&mut self, _: &Opening) -> Result<Vec<u8>, ExportError> {
        Ok(Vec::new())
    }

    fn window(&mut self, moment: &Moment<'_>) -> Result<Vec<u8>, ExportError> {
        match &mut self.file {
            Rows::Windows(file) => file.push(&rows::window(moment.summary))?,
            Rows::Locks(file) => rows::locks(moment).try_for_each(|row| file.push(&row))?,
        }
        Ok(self.take())
    }

    fn end(&mut self, _: &Ending<'_>) -> Result<Vec<u8>, ExportError> {
        match &mut self.file {
            Rows::Windows(file) => file.finish()?,
            Rows::Locks(file) => file.finish()?,
        }
        Ok(self.take())
    }
}

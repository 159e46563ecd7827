//! Batches become Parquet files of a table, and the files one commit.

use datafusion::arrow::{array::RecordBatch, datatypes::SchemaRef};
use deltalake::{
    DeltaTable,
    parquet::{
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    },
    writer::{DeltaWriter as _, RecordBatchWriter},
};
use margay_domain::lake::LakeError;

use crate::{
    errors::storage,
    tables::{arrow_schema, commit},
};

/// Rows of a row group: small enough that a filter on time can skip most of a file, and that little memory is held.
const ROW_GROUP_ROWS: usize = 131_072;
/// Larger files are split.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Writes one ingest.
pub(super) struct Writer {
    table: DeltaTable,
    schema: SchemaRef,
    inner: RecordBatchWriter,
}

impl Writer {
    pub(super) fn new(table: DeltaTable) -> Result<Self, LakeError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let inner = RecordBatchWriter::for_table(&table).map_err(|error| storage(&error))?;
        let inner = inner.with_writer_properties(properties).with_target_file_size(FILE_BYTES);
        let schema = arrow_schema(&table)?;
        Ok(Self { table, schema, inner })
    }

    /// The columns that batches must have.
    pub(super) fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    pub(super) async fn write(&mut self, batch: RecordBatch) -> Result<(), LakeError> {
        self.inner.write(batch).await.map_err(|error| storage(&error))
    }

    /// Makes everything that was written visible, at once.
    pub(super) async fn commit(mut self) -> Result<(), LakeError> {
        let files = self.inner.flush().await.map_err(|error| storage(&error))?;
        commit(self.table, files).await
    }

    /// Gives up what was written.
    pub(super) fn abort(mut self) {
        self.inner.reset();
    }
}

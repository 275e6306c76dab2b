//! What is counted in a form because it has a limit.

use super::{Limits, Part};
use crate::error::ContentError;

/// The counts of a form up to the last byte that was received.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    fields: u64,
    files: u64,
    /// The names and contents of fields, and the names of files.
    fields_bytes: u64,
    files_bytes: u64,
    /// The content of the current part.
    part_bytes: u64,
    /// Outside of parts, or the padding behind a boundary.
    pub(super) outside_bytes: u64,
}

impl Counts {
    /// Counts a part, whose head begins at this byte.
    pub(super) fn begin_part(
        &mut self,
        limits: &Limits,
        part: &Part,
        begin: u64,
    ) -> Result<(), ContentError> {
        self.part_bytes = 0;
        let (count, limit, because) = if part.filename().is_some() {
            (&mut self.files, limits.files, "more files than")
        } else {
            (&mut self.fields, limits.fields, "more fields than")
        };
        if *count == limit {
            return Err(ContentError::too_large(because, limit, begin));
        }
        *count += 1;
        self.fields_bytes = self.fields_bytes.saturating_add(part.name_bytes());
        if self.fields_bytes > limits.fields_bytes {
            let because = "all fields together have more bytes than";
            return Err(ContentError::too_large(because, limits.fields_bytes, begin));
        }
        Ok(())
    }

    /// Counts content of the current part, which begins at this byte. Returns how much of it the limits allow, and the
    /// error if that is not all.
    pub(super) fn allow(
        &mut self,
        limits: &Limits,
        is_file: bool,
        length: usize,
        begin: u64,
    ) -> (usize, Option<ContentError>) {
        let (of_all, one, all) = if is_file {
            (&mut self.files_bytes, limits.file_bytes, limits.files_bytes)
        } else {
            (&mut self.fields_bytes, limits.field_bytes, limits.fields_bytes)
        };
        let (left_of_one, left_of_all) = (one - self.part_bytes, all - *of_all);
        let left = left_of_one.min(left_of_all);
        let allowed = usize::try_from(left).map_or(length, |left| left.min(length));
        *of_all += allowed as u64;
        self.part_bytes += allowed as u64;
        let (because, limit) = match (is_file, left_of_one <= left_of_all) {
            (true, true) => ("a file has more bytes than", one),
            (true, false) => ("all files together have more bytes than", all),
            (false, true) => ("a field has more bytes than", one),
            (false, false) => ("all fields together have more bytes than", all),
        };
        let error = ContentError::too_large(because, limit, begin + allowed as u64);
        (allowed, (allowed < length).then_some(error))
    }

    /// Counts bytes that are of no part.
    pub(super) fn skip(
        &mut self,
        limits: &Limits,
        length: usize,
        because: &'static str,
        at: u64,
    ) -> Result<(), ContentError> {
        self.outside_bytes = self.outside_bytes.saturating_add(length as u64);
        if self.outside_bytes > limits.outside_bytes {
            return Err(ContentError::malformed(because, at));
        }
        Ok(())
    }
}

//! How much a form in parts may have. There are no defaults: whoever reads forms decides.

/// The limits of a form. What passes one is refused with status 413, except content outside the parts, with 400.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Parts without a filename.
    pub fields: u64,
    /// Parts with a filename, also an empty one.
    pub files: u64,
    /// The fields in the head of one part.
    pub head_fields: u64,
    /// The head of one part.
    pub head_bytes: u64,
    /// The name of one part in UTF-8, and its filename.
    pub name_bytes: u64,
    /// The content of one field.
    pub field_bytes: u64,
    /// The names and contents of all fields, and the names and filenames of all files.
    pub fields_bytes: u64,
    /// The content of one file.
    pub file_bytes: u64,
    /// The contents of all files.
    pub files_bytes: u64,
    /// What stands before the first boundary, and what follows the last one.
    pub outside_bytes: u64,
}

impl Limits {
    /// No limits: what the caller does not limit otherwise, it reads whole.
    pub const UNLIMITED: Self = Self {
        fields: u64::MAX,
        files: u64::MAX,
        head_fields: u64::MAX,
        head_bytes: u64::MAX,
        name_bytes: u64::MAX,
        field_bytes: u64::MAX,
        fields_bytes: u64::MAX,
        file_bytes: u64::MAX,
        files_bytes: u64::MAX,
        outside_bytes: u64::MAX,
    };
}

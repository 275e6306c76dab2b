//! Files that are opened and read only as far as nobody waits. A kernel that can't tell never returns one, which each of
//! these tests allows.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use reactor::{Reach, open_cached, read_cached};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vitok-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("in/deep")).expect("a temporary folder can be made");
        fs::write(path.join("out"), "secret").expect("it can be written");
        fs::write(path.join("in/deep/file"), "content").expect("it can be written");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is there");
    }
}

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no NUL")
}

fn read(file: &File, length: usize, offset: u64) -> Option<Vec<u8>> {
    let mut room = vec![MaybeUninit::uninit(); length];
    read_cached(file, &mut room, offset).expect("the file can be read").map(|bytes| bytes.to_vec())
}

#[test]
fn what_is_cached_is_read() {
    let folder = Folder::new("cached");
    let path = folder.0.join("in/deep/file");
    let Some(file) = open_cached(&text(&path), Reach::Anywhere).expect("the file is there") else { return };
    if let Some(content) = read(&file, 7, 0) {
        assert_eq!(content, b"content");
        assert_eq!(read(&file, 4, 3).as_deref(), Some(&b"tent"[..]));
    }
    assert_eq!(read(&file, 8, 0), None, "the file is shorter");
}

/// The kernel takes an offset in two halves, which the C library does not arrange here.
#[test]
fn an_offset_of_more_than_32_bits_is_whole() {
    const FAR: u64 = (5 << 30) + 3;
    let folder = Folder::new("far");
    let path = folder.0.join("in/deep/file");
    let mut written = File::options().write(true).open(&path).expect("the file is there");
    written.seek(SeekFrom::Start(FAR)).expect("a file may have holes");
    written.write_all(b"far").expect("it can be written");
    let file = File::open(&path).expect("the file is there");
    if read(&file, 7, 0).is_some() {
        assert_eq!(read(&file, 3, FAR).as_deref(), Some(&b"far"[..]));
    }
}

#[test]
fn nothing_leads_out_of_a_folder() {
    let folder = Folder::new("below");
    let inside = File::open(folder.0.join("in")).expect("the folder is there");
    symlink("deep/file", folder.0.join("in/link")).expect("a link can be made");
    symlink("..", folder.0.join("in/up")).expect("a link can be made");
    let below = |path: &str| open_cached(&text(Path::new(path)), Reach::Below(inside.as_fd()));
    let from = |path: &str| open_cached(&text(Path::new(path)), Reach::From(inside.as_fd()));
    assert!(below("deep/file").is_ok());
    assert!(below("deep/../deep/file").is_ok());
    let absolute = folder.0.join("in/deep/file");
    for path in ["../out", "deep/../../out", "up/out", "link", absolute.to_str().expect("ASCII"), "none"] {
        assert!(!matches!(below(path), Ok(Some(_))), "{path}");
    }
    assert!(from("link").is_ok() && from("up/out").is_ok());
    assert!(!matches!(from("none"), Ok(Some(_))));
}

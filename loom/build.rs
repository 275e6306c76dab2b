//! Sets `cfg(loom)` for this package only: other crates have a meaning of their own for it.

fn main() {
    println!("cargo:rustc-cfg=loom");
}

//! Lets the crate ask which Python it is built for: `cfg(Py_GIL_DISABLED)` and `cfg(Py_3_x)`.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}

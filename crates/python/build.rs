//! Sets `cfg(Py_GIL_DISABLED)` and `cfg(Py_3_x)` according to the Python that the crate is built for.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}

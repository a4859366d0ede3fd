//! Parse, run, print the failure, exit.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    switchback::cli::main()
}

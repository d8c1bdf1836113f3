//! Without arguments, everything at once. With arguments, the command line of the application, replicas included.

use std::process::ExitCode;

/// A call makes many small allocations, and its record is freed by another thread: twice the calls a second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        return fleet::app::server().cli().await;
    }
    match fleet::up::up().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

//! Opening ports on this machine.

use tokio::net::TcpListener;

use crate::fail::Fail;

/// Listens on `port` of 127.0.0.1. A taken port names the option that chooses another one.
pub async fn listen(port: u16, option: &str) -> Result<TcpListener, Fail> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AddrInUse {
            return Fail::Failed(format!(
                "port {port} is taken by another program\n\nhint: choose another one with `{option} PORT`"
            ));
        }
        Fail::Failed(format!("port {port} cannot be opened: {error}"))
    })
}

/// Returns when the process is asked to end.
pub async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    let mut terminate =
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(terminate) => terminate,
            Err(_) => {
                let _ = interrupt.await;
                return;
            }
        };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

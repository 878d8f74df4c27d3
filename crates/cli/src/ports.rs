//! Opening ports on this machine.

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::fail::Fail;

/// Listens on `port` of 127.0.0.1. A taken port names the option that chooses another one.
pub async fn listen(port: u16, option: &str) -> Result<TcpListener, Fail> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AddrInUse {
            return Fail::Failed(format!(
                "port {port} is taken by another program\n\nhint: choose another one with `{option} PORT`"
            ));
        }
        Fail::Failed(format!(
            "port {port} cannot be opened: {error}\n\nhint: choose another one with `{option} PORT`"
        ))
    })
}

/// Where it listens, as `http://127.0.0.1:8080`.
pub fn address(listener: &TcpListener) -> Result<String, Fail> {
    let address = listener.local_addr().map_err(|error| Fail::Failed(error.to_string()))?;
    Ok(format!("http://{address}"))
}

/// Serves until `stopped` says so and what is under way has ended.
pub async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let until = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(%error, "a listener stopped");
    }
}

/// What asks the process to end: Ctrl-C, or SIGTERM. From when this is made on, neither ends it by
/// itself.
pub struct Asked {
    interrupt: Signal,
    terminate: Signal,
}

impl Asked {
    /// Begins to listen.
    pub fn listen() -> Result<Self, Fail> {
        let listen = |kind| {
            signal(kind).map_err(|error| Fail::Failed(format!("no signal can be heard: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Returns when it was asked.
    pub async fn stopped(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

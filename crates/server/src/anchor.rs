//! Roots of the audit trail: every ten seconds the heads of the chains that moved are taken into one
//! digest, signed, stored and told to the log, where whoever keeps the log has them, too.

mod key;

use specie_store::StoreError;
use specie_store::roots::{self, Root};
use specie_vocab::hex;

pub use key::{AuditKey, is_signed_by, public_key};

use crate::App;
use crate::digest::sha256;

/// Anchors all heads that have moved. Answers how many roots that made.
pub async fn anchor(app: &App) -> Result<u64, StoreError> {
    let mut made = 0;
    while let Some(root) = one(app).await? {
        tell(&root);
        made += 1;
    }
    Ok(made)
}

/// Makes a root, if a head has moved, or if the last root is not signed though there is a key by now.
/// None, too, if another process has just made it.
async fn one(app: &App) -> Result<Option<Root>, StoreError> {
    let key = app.settings.audit_key.as_ref();
    let unsigned = |last: &Option<Root>| last.as_ref().is_some_and(|it| it.signature.is_none());
    let mut tx = app.db.read().await?;
    let last = roots::last(&mut tx).await?;
    if roots::moved(&mut tx, 1).await?.is_empty() && (key.is_none() || !unsigned(&last)) {
        return Ok(None);
    }
    drop(tx);

    let mut tx = app.db.begin().await?;
    let last = roots::last(&mut tx).await?;
    let heads = roots::moved(&mut tx, roots::MOST).await?;
    if heads.is_empty() && (key.is_none() || !unsigned(&last)) {
        return Ok(None);
    }
    let mut root = roots::next(last.as_ref(), &heads, tx.now().await?, sha256);
    root.signature = key.map(|key| key.sign(&root.signed_text()));
    root.signer = key.map(|key| key.public().into());
    if !roots::add(&mut tx, &root, &heads).await? {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(root))
}

fn tell(root: &Root) {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(hex).unwrap_or_default();
    tracing::info!(
        root = root.n,
        heads = root.heads,
        digest = hex(&root.digest),
        signer = text(&root.signer),
        signature = text(&root.signature),
        "the audit trail is anchored"
    );
}
